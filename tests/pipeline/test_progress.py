"""What a person sees of a job that runs."""

import time

import pytest

from pipeline.progress import Progress
from transforms.metrics import count


def test_off_a_terminal_nothing_is_said_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("Captioning", 10, line_seconds=0.01):
        time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_lines_tell_rate_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    count("captions", 7)  # of a job before
    with Progress("Captioning", 2000, lines=True, line_seconds=0.02):
        time.sleep(0.1)
        for name, number in (("captions", 500), ("dead_letters", 250), ("unchanged", 250), ("generations", 9)):
            count(name, number)
        time.sleep(0.2)
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first == "captionstream: Captioning: 0 of 2,000, 0.0 uploads/s, nothing yet"
    assert last.startswith("captionstream: Captioning: 1,000 of 2,000, ")
    assert last.endswith(" s left")


def test_a_terminal_shows_a_bar_with_rate_and_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    with Progress("Captioning", 2000):
        for _ in range(5):
            count("captions", 200)
            time.sleep(0.3)
    said = capsys.readouterr().err
    assert "Captioning" in said
    assert "1000/2000" in said
    assert "uploads/s" in said
