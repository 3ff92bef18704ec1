"""What is said when a broker does not acknowledge; a real one is in tests/live/test_submit.py."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError, TopicAuthorizationFailedError

from pipeline.cli import main


class Producer:
    """Answers each record with what ``answers`` says for its key: an error, or where it lies."""

    def __init__(self, answers: dict[bytes, Any], log: list[bytes]) -> None:
        self._answers, self._log = answers, log

    def send(self, topic: str, key: bytes, **_: Any) -> Any:
        self._log.append(key)
        answer = self._answers.get(key, SimpleNamespace(partition=0, offset=len(self._log)))

        def get(timeout: float) -> Any:
            if isinstance(answer, KafkaError):
                raise answer
            return answer

        return SimpleNamespace(get=get)

    def flush(self, timeout: float) -> None:
        raise KafkaTimeoutError("of one of them")

    def close(self) -> None:
        pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return tmp_path


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[bytes, Any]:
    told: dict[bytes, Any] = {"log": []}  # type: ignore[dict-item]
    topic = SimpleNamespace(number=lambda _: None)
    monkeypatch.setattr("pipeline.submit.send.admin", lambda _: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr("pipeline.submit.send.describe", lambda *_: {"image-uploads": topic})
    monkeypatch.setattr("pipeline.submit.send.producer", lambda _: Producer(told, told["log"]))  # type: ignore[index]
    return told


def test_a_broker_that_does_not_acknowledge(
    folder: Path, answers: dict[bytes, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    answers[b"b.png"] = KafkaTimeoutError()
    assert main(["submit", str(folder)]) == 1
    assert capsys.readouterr().err == (
        "captionstream: broker_unreachable: the broker at `localhost:9092` did not acknowledge image `b.png` "
        "(`KafkaTimeoutError`); look at the broker and submit it again: an upload that was written twice keeps its id\n"
    )


def test_a_user_that_may_not_write(folder: Path, answers: dict[bytes, Any], capsys: pytest.CaptureFixture[str]) -> None:
    answers[b"a.png"] = TopicAuthorizationFailedError()
    assert main(["submit", str(folder)]) == 1
    assert (
        "broker_refused: the broker at `localhost:9092` does not let this user write topic `image-uploads` (`Topic"
        in (capsys.readouterr().err)
    )


def test_one_that_is_too_large_does_not_hold_up_the_others(
    folder: Path, answers: dict[bytes, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    answers[b"b.png"] = MessageSizeTooLargeError()
    assert main(["submit", str(folder)]) == 1
    said = capsys.readouterr()
    assert "2 of 3 uploads written to topic image-uploads" in said.err
    assert "b.png: the event of `" in said.err
    assert answers["log"] == [b"a.png", b"b.png", b"c.png", b"b.png"]  # type: ignore[index]
    assert [line.split()[0] for line in said.out.splitlines()] == ["image", "a.png", "c.png"]
