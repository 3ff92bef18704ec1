"""How the registry is asked: attempts, refusals, and no word of a secret."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from authority import Authority
from data.registry_server import RegistryServer

from schemas.registry.http import MOST_BYTES, Answer, Http
from schemas.registry.options import RegistryOptions
from transforms.errors import ConfigInvalid, RegistryRefused, RegistryUnreachable

WORD = "s3cret-pässword"


class Time:
    """A clock that pauses advance."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as made:
        yield made


def http(url: str, time: Time | None = None, patience: float = 60.0, **options: str) -> Http:
    time = time or Time()
    return Http(RegistryOptions(url, **options), patience, pause=time.pause, clock=time, chance=lambda: 0.5)


def test_an_answer_is_read(server: RegistryServer) -> None:
    server.put("a-value", "{}")
    assert http(server.url + "/").ask("GET", "/subjects") == Answer(200, ["a-value"])
    assert server.asked == ["GET /subjects"]


def test_it_is_asked_again_while_it_is_busy_or_hangs_up(server: RegistryServer) -> None:
    faults = [(500, {"error_code": 50001}), (503, b"busy"), (0, b""), (429, {})]
    server.fault = lambda number, *_: faults[number] if number < len(faults) else None
    time = Time()
    assert http(server.url, time).ask("GET", "/subjects").status == 200
    assert time.pauses == [0.25, 0.5, 1.0, 2.0]


def test_a_registry_that_stays_broken_is_the_jobs_fault_and_not_an_uploads(server: RegistryServer) -> None:
    server.fault = lambda *_: (500, {"error_code": 50001, "message": "Error in the backend data store"})
    time = Time()
    with pytest.raises(RegistryUnreachable) as raised:
        http(server.url, time).ask("GET", "/subjects")
    assert raised.value.message.startswith(f"the registry at `127.0.0.1:{server.url[17:]}` answered `500`, `")
    assert "`12` times in 55.8 s; check --registry" in raised.value.message
    assert max(time.pauses) == 8.0
    assert sum(time.pauses) < 60 < sum(time.pauses) + 8.0


def test_where_a_person_waits_all_questions_have_one_budget(server: RegistryServer) -> None:
    time = Time()
    asked = Http(RegistryOptions(server.url), 60.0, 5.0, pause=time.pause, clock=time, chance=lambda: 0.5)
    assert asked.ask("GET", "/subjects").status == 200
    server.fault = lambda *_: (503, b"")
    time.now += 3.0
    with pytest.raises(RegistryUnreachable):
        asked.ask("GET", "/subjects")
    assert sum(time.pauses) < 2.0


def test_nobody_there(server: RegistryServer) -> None:
    with pytest.raises(RegistryUnreachable, match=r"at `127\.0\.0\.1:1` cannot be asked \(`ConnectionError`\)"):
        http("http://127.0.0.1:1", patience=3.0).ask("GET", "/subjects")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ((401, {"error_code": 401}), "answered `401`: it does not let us; check --registry-username"),
        ((403, b""), "answered `403`: it does not let us"),
        ((302, b""), "answered `302`, and not as one does"),
        (
            (404, b"<html>no such page</html>"),
            "answered `404`, and not as one does; check --registry, which may need a",
        ),
        ((404, {"error": "Not Found"}), "answered `404`, and not as one does"),
        ((200, b"<html>welcome</html>"), "answered `200`, and not as one does"),
        ((200, b"[" + b" " * MOST_BYTES + b"]"), "answered more than `4` MiB"),
        ((418, {"error_code": 1}), "answered `418`"),
    ],
)
def test_what_does_not_speak_as_a_registry_is_refused_at_once(
    server: RegistryServer, said: tuple[int, object], words: str
) -> None:
    server.fault = lambda *_: said
    with pytest.raises(RegistryRefused) as raised:
        http(server.url).ask("GET", "/subjects")
    assert words in raised.value.message
    assert len(server.asked) == 1  # neither again nor elsewhere


@pytest.mark.parametrize("status", [404, 409, 422])
def test_its_own_numbers_are_handed_on(server: RegistryServer, status: int) -> None:
    server.fault = lambda *_: (status, {"error_code": 40401, "message": "Subject\n not found"})
    answer = http(server.url).ask("GET", "/subjects")
    assert (answer.status, answer.code, answer.message) == (status, 40401, "Subject not found")


def test_a_slow_answer_ends_with_the_patience(server: RegistryServer) -> None:
    import threading

    hold = threading.Event()
    server.fault = lambda *_: (hold.wait(20), None)[1]
    with pytest.raises(RegistryUnreachable, match=r"cannot be asked \(`ReadTimeout`\), `1` times in 0.[34] s"):
        Http(RegistryOptions(server.url), 0.3).ask("GET", "/subjects")
    hold.set()


def test_the_password_is_read_from_its_place_and_told_to_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("REGISTRY_PASSWORD", WORD)
    caplog.set_level("DEBUG")
    with RegistryServer(("ann", WORD)) as server:
        options = RegistryOptions(server.url, "ann", "env:REGISTRY_PASSWORD")
        assert Http(options).ask("GET", "/subjects").status == 200
        assert WORD not in repr(options)
        monkeypatch.setenv("REGISTRY_PASSWORD", "wrong-" + WORD)
        with pytest.raises(RegistryRefused) as raised:
            Http(options).ask("GET", "/subjects")
    assert WORD not in raised.value.message
    assert WORD not in caplog.text
    monkeypatch.delenv("REGISTRY_PASSWORD")
    with pytest.raises(ConfigInvalid, match=r"secret `env:REGISTRY_PASSWORD` is not set.*mend --registry-password"):
        Http(options)


def test_a_certificate_of_our_own_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    signed = authority.sign("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed.certificate, signed.key)
    with RegistryServer(tls=context) as server:
        assert http(server.url, ca_file=str(authority.certificate)).ask("GET", "/subjects").body == []
        with pytest.raises(RegistryRefused, match=r"certificate at `.*` is not trusted.*--registry-ca-file"):
            http(server.url).ask("GET", "/subjects")
        other = Authority(tmp_path, "other")
        with pytest.raises(RegistryRefused, match="is not trusted"):
            http(server.url, ca_file=str(other.certificate)).ask("GET", "/subjects")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "registry:8081",
        "ftp://registry",
        "http://",
        "http://a:b@registry",
        "http://r/?key=1",
        "http://r:x",
        "http://r:0",
    ],
)
def test_addresses_that_cannot_be_are_not_repeated(url: str) -> None:
    with pytest.raises(ConfigInvalid) as raised:
        RegistryOptions(url)
    assert raised.value.message.startswith("the registry's address is not http(s)://HOST:PORT")
    assert not url or url not in raised.value.message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"password": "hunter2", "username": "ann"}, "--registry-password takes a reference to a secret"),
        ({"username": "ann"}, "a registry's user has a name and a password"),
        ({"password": "env:P"}, "a registry's user has a name and a password"),
        ({"ca_file": "ca.pem"}, "`ca.pem` is not an absolute path"),
        ({"ca_file": "/ca.pem"}, "an address with http: shows no certificate"),
    ],
)
def test_options_that_cannot_be(options: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigInvalid) as raised:
        RegistryOptions("http://registry:8081", **options)
    assert words in raised.value.message
    assert "hunter2" not in raised.value.message


def test_an_authority_that_cannot_be_read() -> None:
    with pytest.raises(ConfigInvalid, match=r"`/nowhere/ca\.pem` cannot be read .*; mend --registry-ca-file"):
        Http(RegistryOptions("https://registry", ca_file="/nowhere/ca.pem"))
