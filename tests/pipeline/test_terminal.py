"""What reaches the terminal."""

import sys
import threading

import pytest

from pipeline.terminal import quiet, threads_aside


class HungUp(Exception):
    __module__ = "grpc._channel"


def raises_in_a_thread(error: Exception) -> None:
    def run() -> None:
        raise error

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


@pytest.mark.parametrize("is_verbose", [False, True])
def test_only_the_verbose_see_a_runner_hang_up(
    is_verbose: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)  # pytest has its own
    with quiet(is_verbose, shows_logs=True):
        raises_in_a_thread(HungUp("Multiplexer hanging up"))
    assert ("Multiplexer hanging up" in capsys.readouterr().err) is is_verbose


def test_what_else_ends_a_thread_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet(is_verbose=False, shows_logs=False):
        raises_in_a_thread(ValueError("our own mistake"))
    assert "ValueError: our own mistake" in capsys.readouterr().err


def test_at_the_end_only_the_main_thread_prints(capsys: pytest.CaptureFixture[str]) -> None:
    def trace() -> None:
        print("Traceback (most recent call last): of a worker", file=sys.stderr)

    before = sys.stderr
    with quiet(is_verbose=False, shows_logs=True):
        threads_aside()
        threads_aside()
        thread = threading.Thread(target=trace)
        thread.start()
        thread.join()
        print("interrupted", file=sys.stderr)
    assert capsys.readouterr().err == "interrupted\n"
    assert sys.stderr is before
