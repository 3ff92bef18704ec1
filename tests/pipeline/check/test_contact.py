"""The brokers are asked before the rest of the command is loaded, and what is asked is closed."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.check import contact
from pipeline.check.contact import Contact
from pipeline.cli import main
from pipeline.commands import check
from pipeline.kafka.connection import KafkaOptions
from transforms.errors import BrokerUnreachable, ConfigInvalid

ROOT = Path(__file__).parents[3]
LIMIT = 60


class Client:
    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        server.settimeout(LIMIT)
        yield server


def place(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def test_they_are_asked_before_anybody_wants_the_answer(listening: socket.socket) -> None:
    with Contact(KafkaOptions(place(listening))):
        asked, _ = listening.accept()
        asked.close()


def test_the_command_asks_before_it_makes_the_job(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def plan(_: object) -> None:
        asked, _ = listening.accept()  # without a question it waits in vain
        asked.close()
        raise ConfigInvalid("that was enough")

    monkeypatch.setattr(check, "plan_of", plan)
    assert main(["check", "replay", "--bootstrap-servers", place(listening), "--captioner", "fake"]) == 2
    assert capsys.readouterr().err == "captionstream: config_invalid: that was enough\n"


def test_a_broker_that_never_answers_is_told_when_the_answer_is_wanted(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact, "ANSWER_SECONDS", 0.2)
    with Contact(KafkaOptions(place(listening))) as brokers:
        with pytest.raises(BrokerUnreachable, match=r"answered in 0\.2 s"):
            brokers.client()
        assert brokers.kafka.timeout_seconds == 2


@pytest.mark.parametrize("is_late", [False, True])
def test_an_answer_that_nobody_took_is_closed(is_late: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    client, may_answer = Client(), threading.Event()

    def admin(_: KafkaOptions) -> Client:
        assert may_answer.wait(LIMIT)
        return client

    monkeypatch.setattr(contact, "admin", admin)
    with Contact(KafkaOptions()) as brokers:
        if not is_late:
            may_answer.set()
            brokers._answer.result(LIMIT)
    may_answer.set()
    assert client.closed.wait(LIMIT)


def test_an_answer_that_was_taken_is_its_takers(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()
    monkeypatch.setattr(contact, "admin", lambda _: client)
    with Contact(KafkaOptions()) as brokers:
        assert brokers.client() is client
    assert not client.closed.is_set()


def test_the_check_imports_no_beam() -> None:
    """It takes three seconds on a slow machine, of the ten that a check may."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        words = ["check", "run", "--bootstrap-servers", place(bound), "--captioner", "fake", "--json"]
        asked = (
            f"import sys; from pipeline.cli import main; code = main({words!r})\n"
            "print(code, sorted({'apache_beam', 'torch', 'transformers'} & set(sys.modules)))"
        )
        done = subprocess.run(
            [sys.executable, "-c", asked], capture_output=True, text=True, cwd=ROOT, timeout=LIMIT, check=True
        )
    assert done.stdout.splitlines()[-1] == "1 []"
