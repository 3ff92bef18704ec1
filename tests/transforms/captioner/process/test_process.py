"""A captioner in a process of its own: real processes, killed."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from pathlib import Path

import pytest

from transforms.captioner.api import CaptionerOptions, CaptionRequest, Generation, RenderedPrompt, Sampling
from transforms.captioner.fake import fake_text
from transforms.captioner.load import create
from transforms.captioner.process.captioner import ProcessCaptioner
from transforms.captioner.process.wire import CELL, Cells, Fault
from transforms.errors import CaptionerBroken, CaptionFailed, ImageCorrupt, ModelUnavailable

PROMPT = RenderedPrompt("Describe.", "en", "p", "1")
LIMIT = 60


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Callable[..., ProcessCaptioner]]:
    made = []

    def start(kind: str = "create", slots: int = 4) -> ProcessCaptioner:
        made.append(
            create(CaptionerOptions(f"data.crashing:{kind}", model=str(tmp_path), slots=slots, own_process=True))
        )
        assert isinstance(made[-1], ProcessCaptioner)
        return made[-1]

    yield start
    for one in made:
        one.close()


def request(image: bytes, name: str = "r") -> CaptionRequest:
    return CaptionRequest(name, image, (PROMPT,), Sampling(), "shop")


def text(future: Future[Generation]) -> str:
    return future.result(LIMIT).completions[0].text


def asked(folder: Path) -> list[list[str]]:
    """Name, process and picture's size of every request that any process took."""
    return [line.split() for line in (folder / "asked").read_text().splitlines()]


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, f"not in {LIMIT} s: {what}"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_it_hosts_answers_from_another_process(host: Callable[..., ProcessCaptioner], tmp_path: Path) -> None:
    captioner = host()
    assert (captioner.info.model, captioner.info.slots) == ("fake", 4)
    pictures = [b"picture %d" % n for n in range(20)]
    futures = [captioner.submit(request(picture, f"r{n}")) for n, picture in enumerate(pictures)]
    assert [text(future) for future in futures] == [fake_text(request(picture), PROMPT) for picture in pictures]
    assert {pid for _, pid, _ in asked(tmp_path)} == {str(captioner.pid)}
    assert captioner.pid != os.getpid()


def test_pictures_of_any_size_arrive_whole(host: Callable[..., ProcessCaptioner], tmp_path: Path) -> None:
    captioner = host(slots=1)
    sizes = [16, CELL, CELL + 1, 3 * CELL, CELL - 1]
    pictures = [b"length".ljust(16, b"\0") + bytes([7]) * (size - 16) for size in sizes]
    futures = [captioner.submit(request(picture)) for picture in pictures]
    assert [text(future) for future in futures] == [str(sum(picture)) for picture in pictures]
    assert [int(size) for _, _, size in asked(tmp_path)] == sizes
    assert len(captioner._cells._free) == captioner._cells.count


def test_errors_are_what_they_were(host: Callable[..., ProcessCaptioner]) -> None:
    captioner = host()
    bad = captioner.submit(request(b"bad")).exception(LIMIT)
    assert isinstance(bad, ImageCorrupt)
    assert bad.message == "it is `bad`"
    odd = captioner.submit(request(b"odd")).exception(LIMIT)
    assert (type(odd).__name__, str(odd)) == ("OutOfMemoryError", "CUDA out of memory")
    assert "torch" not in type(odd).__module__


def test_a_killed_process_is_replaced_and_nothing_is_lost(
    host: Callable[..., ProcessCaptioner], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    captioner = host()
    first = captioner.pid
    with caplog.at_level(logging.WARNING):
        futures = [captioner.submit(request(word, word.decode())) for word in (b"a", b"die once", b"b", b"c")]
        texts = [text(future) for future in futures]
    assert texts[1] == fake_text(request(b"die once"), PROMPT)
    assert texts[2] == fake_text(request(b"b"), PROMPT)
    assert captioner.pid != first
    assert not is_alive(first)
    assert [name for name, *_ in asked(tmp_path)].count("die") == 2  # the name is cut at its space
    assert "the captioner's process ended with `-9`; starting another one" in caplog.text


def test_a_picture_that_kills_it_every_time_fails_alone(host: Callable[..., ProcessCaptioner], tmp_path: Path) -> None:
    captioner = host()
    words = [b"late-a", b"die", b"late-b"]
    futures = [captioner.submit(request(word, word.decode())) for word in words]
    guilty = futures[1].exception(LIMIT)
    assert isinstance(guilty, CaptionFailed)
    assert guilty.message == "the captioner's process ended each time it was asked about this picture"
    assert [text(futures[n]) for n in (0, 2)] == ["late-a", "late-b"]
    # Twice all together, then each alone.
    assert [name for name, *_ in asked(tmp_path)] == ["late-a", "die", "late-b"] * 3
    assert len({pid for _, pid, _ in asked(tmp_path)}) == 4


def test_one_that_always_dies_is_given_up_and_no_picture_is_blamed(host: Callable[..., ProcessCaptioner]) -> None:
    captioner = host("doomed")
    futures = [captioner.submit(request(b"%d" % n)) for n in range(8)]
    errors = [future.exception(LIMIT) for future in futures]
    assert {type(error) for error in errors} == {CaptionerBroken}
    assert "ended `7` times in a row without an answer, the last time with `-9`" in str(errors[0])
    with pytest.raises(CaptionerBroken, match="times in a row"):
        captioner.submit(request(b"a"))


def test_a_card_that_breaks_for_good_costs_two_lone_pictures_at_most(host: Callable[..., ProcessCaptioner]) -> None:
    captioner = host("doomed")
    errors = [captioner.submit(request(b"%d" % n)).exception(LIMIT) for n in range(3)]
    assert [type(error) for error in errors] == [CaptionFailed, CaptionFailed, CaptionerBroken]


def test_what_is_asked_while_it_starts_again_is_answered(host: Callable[..., ProcessCaptioner], tmp_path: Path) -> None:
    captioner = host("loads_slowly_again")
    os.kill(captioner.pid, signal.SIGKILL)
    wait_for(lambda: (tmp_path / "waits").exists(), "another process loads")
    futures = [captioner.submit(request(b"picture %d" % n)) for n in range(5)]
    assert futures[4].cancel()
    assert [future.done() for future in futures] == [False] * 4 + [True]
    (tmp_path / "go").touch()
    assert [text(future) for future in futures[:4]] == [fake_text(request(b"picture %d" % n), PROMPT) for n in range(4)]
    assert len(asked(tmp_path)) == 4


def test_closing_does_not_wait_for_one_that_still_loads(host: Callable[..., ProcessCaptioner], tmp_path: Path) -> None:
    captioner = host("loads_slowly_again")
    os.kill(captioner.pid, signal.SIGKILL)
    wait_for(lambda: (tmp_path / "waits").exists(), "another process loads")
    future = captioner.submit(request(b"a"))
    captioner.close()  # it never loads: this would not return
    assert future.cancelled()
    assert not is_alive(captioner.pid)


def test_one_that_says_it_is_broken_is_replaced(
    host: Callable[..., ProcessCaptioner], capfd: pytest.CaptureFixture[str]
) -> None:
    captioner = host()
    first = captioner.pid
    words = (b"a", b"broken once", b"b")
    futures = [captioner.submit(request(word)) for word in words]
    assert [text(future) for future in futures] == [fake_text(request(word), PROMPT) for word in words]
    assert captioner.pid != first
    assert "captionstream: the card fell off the bus" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("dies_loading_again", "the card is gone"),
        ("loads_badly_again", "the captioner cannot be loaded again: `RuntimeError`"),
    ],
)
def test_one_that_does_not_come_up_again_ends_what_waits_with_the_reason(
    host: Callable[..., ProcessCaptioner], kind: str, words: str
) -> None:
    captioner = host(kind)
    future = captioner.submit(request(b"slow"))
    os.kill(captioner.pid, signal.SIGKILL)
    error = future.exception(LIMIT)
    assert isinstance(error, CaptionerBroken)
    assert words in str(error)
    with pytest.raises(CaptionerBroken, match=words[:20]):
        captioner.submit(request(b"a"))


def test_one_that_does_not_read_blocks_nobody(host: Callable[..., ProcessCaptioner]) -> None:
    captioner = host(slots=1)
    os.kill(captioner.pid, signal.SIGSTOP)
    futures = [captioner.submit(request(bytes(CELL + 1))) for _ in range(8)]  # far more than a socket holds
    assert not any(future.done() for future in futures)
    os.kill(captioner.pid, signal.SIGKILL)
    os.kill(captioner.pid, signal.SIGCONT)
    assert not wait(futures, LIMIT).not_done


def test_a_captioner_that_cannot_be_loaded_says_why(host: Callable[..., ProcessCaptioner], tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=f"model `{tmp_path}` is not there"):
        host("never_loads")
    with pytest.raises(ModelUnavailable, match=r"process ended with `7` while it loaded .* --no-own-process"):
        host("dies_loading")


def test_cancelled_requests_free_their_room(host: Callable[..., ProcessCaptioner]) -> None:
    captioner = host(slots=1)
    for _ in range(5):
        held = [captioner.submit(request(b"slow")) for _ in range(2)]
        assert all(future.cancel() for future in held)
        assert not wait(held, LIMIT).not_done
    assert text(captioner.submit(request(b"a")))
    wait_for(lambda: len(captioner._cells._free) == captioner._cells.count, "all room is free")
    assert captioner._asked == {}


def test_close_settles_everything_and_ends_the_process(host: Callable[..., ProcessCaptioner]) -> None:
    captioner = host()
    futures = [captioner.submit(request(b"slow")) for _ in range(6)]
    captioner.close()
    assert not wait(futures, 0).not_done
    assert all(future.cancelled() for future in futures)
    assert not is_alive(captioner.pid)
    with pytest.raises(RuntimeError, match="the captioner is closed"):
        captioner.submit(request(b"a"))
    captioner.close()


def test_it_ends_with_its_worker(tmp_path: Path) -> None:
    words = (
        "import os, sys\n"
        "from transforms.captioner.api import CaptionerOptions\n"
        "from transforms.captioner.load import create\n"
        "made = create(CaptionerOptions('data.crashing:create', model=sys.argv[1], own_process=True))\n"
        "print(made.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", words, str(tmp_path)], env={**os.environ, "PYTHONPATH": path}, capture_output=True
    )
    pid = int(done.stdout)
    wait_for(lambda: not is_alive(pid), f"process {pid} ends")


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (ImageCorrupt("x"), "ImageCorrupt"),
        (ValueError("x"), "ValueError"),
        (UnicodeDecodeError("utf-8", b"", 0, 1, "x"), "UnicodeDecodeError"),
        (type("Strange", (Exception,), {})("x"), "Strange"),
        (SystemExit("x"), "SystemExit"),
    ],
)
def test_an_error_is_told_by_name(error: BaseException, name: str) -> None:
    told = Fault.of(error).error()
    assert isinstance(told, Exception)
    assert (type(told).__name__, str(told)) == (name, str(error))


def test_cells_are_used_again() -> None:
    cells = Cells(2)
    first, second = cells.put(b"one"), cells.put(b"second")
    assert first is not None
    assert second is not None
    assert cells.put(b"none is free") is None
    cells.release(first)
    assert cells.put(bytes(CELL + 1)) is None
    assert cells.put(b"three") == first
    other = Cells(2, os.dup(cells.descriptor))
    assert (other.get(first, 5), other.get(second, 6)) == (b"three", b"second")
    other.close()
    cells.close()


def test_on_a_card_it_is_the_default() -> None:
    assert CaptionerOptions(device="cuda").has_own_process
    assert not CaptionerOptions(device="cuda", own_process=False).has_own_process
    assert not CaptionerOptions().has_own_process
