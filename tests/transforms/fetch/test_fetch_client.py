"""Hosts that are slow, lie, break off or never end."""

import importlib.metadata
import itertools
import logging
import select
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from data.fetching import Here
from data.web_host import WebHost, answer, drip, picture

from transforms.errors import ImageTooLarge, ImageUnreadable
from transforms.fetch import deadline, dial, hosts

SOON = 10
"""Seconds that a test may take which would take minutes, or for ever, if a limit did not hold."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(deadline, "SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(dial, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(dial, "LOOKUP_SECONDS", 0.2)
    started = time.monotonic()
    yield
    assert time.monotonic() - started < SOON


def test_a_picture() -> None:
    with WebHost(lambda _: picture(b"x" * 10_000)) as host:
        assert Here(host.port).fetch(host.url()) == b"x" * 10_000


def test_no_bytes_are_for_the_inspection_to_judge() -> None:
    with WebHost(lambda _: picture(b"")) as host:
        assert Here(host.port).fetch(host.url()) == b""


def test_what_is_asked_tells_who_asks_and_nothing_else() -> None:
    with WebHost(lambda _: picture(b"a", "Set-Cookie: id=s3cret", "WWW-Authenticate: Basic")) as host:
        here = Here(host.port)
        for _ in range(2):
            here.fetch(host.url("/a%20b/ü.jpg?size=1&t=%2F#s3cret"))
        version = importlib.metadata.version("captionstream")
        head = (
            f"GET /a%20b/%C3%BC.jpg?size=1&t=%2F HTTP/1.1\r\nHost: 127.0.0.1:{host.port}\r\n"
            f"User-Agent: captionstream/{version}\r\nAccept: image/*\r\nAccept-Encoding: identity\r\n\r\n"
        )
        assert host.requests == [head, head]


def test_one_byte_at_a_time_ends_with_the_deadline() -> None:
    with WebHost(lambda _: drip(picture(b"", "X: y"), host.closing)) as host:  # in the headers
        Here(host.port, seconds=0.5).refused(
            ImageUnreadable, host.url("/a?s3cret"), "took more than `0.5` s", "redrive"
        )
    with WebHost(lambda _: drip(answer("200 OK", length=9000) + b"x", host.closing)) as host:
        Here(host.port, seconds=0.5).refused(ImageUnreadable, host.url(), "took more than `0.5` s", "attempt `1`")


def test_chunks_of_one_byte_end_with_the_deadline() -> None:
    def talk(_: str) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        while not host.closing.wait(0.05):
            yield b"1\r\nx\r\n"

    with WebHost(talk) as host:
        Here(host.port, seconds=0.5).refused(ImageUnreadable, host.url(), "took more than `0.5` s")


def test_promises_to_continue_end_with_the_deadline() -> None:
    def talk(_: str) -> Iterator[bytes]:
        while not host.closing.wait(0.01):
            yield b"HTTP/1.1 100 Continue\r\n\r\n"

    with WebHost(talk) as host:
        Here(host.port, seconds=0.5).refused(ImageUnreadable, host.url(), "took more than `0.5` s")


def test_a_host_that_hangs_is_tried_three_times() -> None:
    with WebHost(lambda _: drip(b"", host.closing, SOON)) as host:
        here = Here(host.port)
        here.refused(ImageUnreadable, host.url(), f"`127.0.0.1:{host.port}` did not answer in time, at attempt `3`")
        assert host.accepted == 3
        assert here.pauses == [0.5, 1.0]


def test_a_host_that_hangs_in_the_middle_of_a_picture() -> None:
    with WebHost(lambda _: itertools.chain([answer("200 OK", b"x", length=9)], drip(b"", host.closing, SOON))) as host:
        Here(host.port).refused(ImageUnreadable, host.url(), "did not answer in time, at attempt `3`")


def test_a_host_that_never_takes_a_connection() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]  # they fill the queue
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        Here(port).refused(ImageUnreadable, f"http://127.0.0.1:{port}/", "did not answer in time")
        for one in waiting:
            one.close()


def test_a_name_whose_lookup_hangs() -> None:
    release = threading.Event()
    here = Here(80, resolving=lambda *_: (release.wait(SOON), ["127.0.0.1"])[1])
    here.refused(ImageUnreadable, "http://slow.example/a", "`slow.example` did not answer in time")
    release.set()


@pytest.mark.parametrize(
    ("number", "words", "attempts"),
    [
        (socket.EAI_AGAIN, "the name of `gone.example` could not be looked up, at attempt `3`", 3),
        (socket.EAI_NONAME, "host `gone.example` has no address; mend", 1),
    ],
)
def test_names_that_are_not_found(number: int, words: str, attempts: int) -> None:
    asked = []

    def fail(host: str, port: int) -> list[str]:
        asked.append(host)
        raise socket.gaierror(number, "s3cret")

    Here(resolving=fail).refused(ImageUnreadable, "http://gone.example/a?s3cret", words)
    assert len(asked) == attempts


def test_the_next_address_of_a_name_is_tried() -> None:
    with WebHost(address="127.0.0.2") as host:
        here = Here(host.port, resolving=lambda *_: ["127.0.0.1", "127.0.0.2"])
        assert here.fetch(f"http://two.example:{host.port}/") == b"picture"


def test_nobody_listens() -> None:
    with WebHost() as host:
        pass
    Here(host.port).refused(ImageUnreadable, host.url(), "broke (`ConnectionRefusedError`), at attempt `3`")


def test_a_length_over_the_cap_is_refused_before_a_byte_is_read() -> None:
    with WebHost(lambda _: itertools.chain([answer("200 OK", length=10_001)], drip(b"", host.closing, SOON))) as host:
        here = Here(host.port)
        here.refused(ImageTooLarge, host.url(), "`10001` bytes", "`10000`", "--max-image-bytes")
        assert here.pauses == []


@pytest.mark.parametrize(
    "head", ["", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 9\r\n"]
)
def test_a_picture_without_end_is_cut_at_the_cap(head: str) -> None:
    sent = []

    def talk(_: str) -> Iterator[bytes]:
        yield f"HTTP/1.1 200 OK\r\n{head}\r\n".encode()
        while not host.closing.is_set():
            sent.append(1000)
            yield b"3e8\r\n" + b"x" * 1000 + b"\r\n" if head else b"x" * 1000

    with WebHost(talk) as host:
        Here(host.port).refused(ImageTooLarge, host.url(), "over the cap of `10000`")
        host.closing.wait(0)
    assert sum(sent) < 20 << 20  # what the sockets hold, at most


@pytest.mark.parametrize(
    "said",
    [
        answer("200 OK", b"half", length=8),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 70_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ns3cret\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4, 5\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nX: " + b"s3cret" * 20_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 2",
        b"s3cret\r\n\r\n",
        b"HTTP/1.1 20x s3cret\r\n\r\n",
        b"",
    ],
)
def test_broken_answers_are_tried_again_and_told_without_their_words(said: bytes) -> None:
    with WebHost(lambda _: iter([said])) as host:
        here = Here(host.port)
        here.refused(
            ImageUnreadable, host.url("/a?s3cret"), f"the connection to `127.0.0.1:{host.port}` broke (`", "`3`"
        )
        assert len(host.requests) == 3
    tries = iter([said, said, picture()])
    with WebHost(lambda _: iter([next(tries)])) as host:
        assert Here(host.port).fetch(host.url()) == b"picture"


def test_a_connection_that_is_reset_in_the_middle() -> None:
    tries = itertools.count()

    def talk(_: str) -> Iterator[bytes]:
        if next(tries) < 2:
            yield answer("200 OK", b"half", length=9000)
            # With a time of 0 it is a reset and no end.
            host._open[-1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            host._open[-1].close()
        else:
            yield picture()

    with WebHost(talk) as host:
        assert Here(host.port).fetch(host.url()) == b"picture"
        assert host.accepted == 3


def test_more_bytes_than_declared_are_not_the_next_picture() -> None:
    said = iter([answer("200 OK", b"first and " + picture(b"a lie"), length=5), picture(b"second")])
    with WebHost(lambda _: next(said)) as host:
        here = Here(host.port)
        assert here.fetch(host.url()) == b"first"
        assert here.fetch(host.url()) == b"second"


def test_what_a_host_sends_unasked_is_not_the_next_picture() -> None:
    first, is_sent = threading.Event(), threading.Event()

    def talk(_: str) -> Iterator[bytes]:
        if is_sent.is_set():
            yield picture(b"true")
        else:
            yield picture()
            first.wait(SOON)
            yield picture(b"a lie")
            is_sent.set()
            host.closing.wait(SOON)

    with WebHost(talk) as host:
        here = Here(host.port)
        assert here.fetch(host.url()) == b"picture"
        first.set()
        connection = here.client._connections._idle[0][2]
        assert connection.sock is not None
        assert select.select([connection.sock], [], [], SOON)[0]
        assert is_sent.wait(SOON)
        assert here.fetch(host.url()) == b"true"


def test_a_connection_is_kept_and_one_that_was_closed_meanwhile_is_not_an_error() -> None:
    with WebHost() as host:
        here = Here(host.port)
        for _ in range(3):
            here.fetch(host.url())
        assert host.accepted == 1
        first = here.client._connections._idle[0][2]
        first.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
        monkey = type(first).is_connected
        try:
            type(first).is_connected = property(lambda _: True)  # type: ignore[assignment]  # as if not seen yet
            assert here.fetch(host.url()) == b"picture"
        finally:
            type(first).is_connected = monkey  # type: ignore[method-assign]
        assert host.accepted == 2
        assert here.pauses == []


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "GZIP", "identity, gzip", "x" * 500])
def test_packed_pictures_are_refused(encoding: str) -> None:
    with WebHost(lambda _: picture(b"\x1f\x8b", f"Content-Encoding: {encoding}")) as host:
        message = Here(host.port).refused(ImageUnreadable, host.url(), "was not asked for")
        assert len(message) < 300
        assert len(host.requests) == 1


def test_headers_that_cannot_be_read_are_not_logged_with_the_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with WebHost(lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nno colon here\r\n\r\nabc") as host:
        Here(host.port).fetch(host.url("/a?s3cret"))
    assert "s3cret" not in caplog.text


def test_a_host_that_does_not_answer_is_left_alone_for_a_while() -> None:
    now = [0.0]
    with WebHost(lambda _: drip(b"", host.closing, SOON)) as host:
        here = Here(host.port)
        here.client._hosts = hosts.Hosts(8, lambda: now[0])
        here.refused(ImageUnreadable, host.url(), "attempt `3`")
        here.refused(ImageUnreadable, host.url(), "`5` requests in a row and is left alone for `30` s", "redrive")
        assert host.accepted == 5
        here.refused(ImageUnreadable, host.url(), "is left alone")
        assert host.accepted == 5
        now[0] = 31.0
        here.refused(ImageUnreadable, host.url(), "`6` requests in a row")
        assert host.accepted == 6  # one tried it again
        host._talk = lambda _: picture()
        now[0] = 62.0
        assert [here.fetch(host.url()) for _ in range(3)] == [b"picture"] * 3


def test_a_host_that_answers_now_and_then_is_left_alone_when_it_wastes_too_much_time() -> None:
    now = [0.0]
    known = hosts.Hosts(8, lambda: now[0])
    for number in range(100):
        known.took("slow:80", 4.9)  # many that are nearly slow
        known.took("drips:80", 19.0 if number % 5 == 0 else 0.1)  # one in five
        known.answered("drips:80")
    for place in ("slow:80", "drips:80"):
        with known.slot(place, deadline.Deadline(1)):
            pass
    for _ in range(8):
        known.took("drips:80", 19.0)
        known.took("drips:80", 2.0)
        known.answered("drips:80")
    left = pytest.raises(ImageUnreadable, match="`drips:80` often takes much more than `5` s for a picture and is left")
    with left, known.slot("drips:80", deadline.Deadline(1)):
        pass
    now[0] = 31.0
    with known.slot("drips:80", deadline.Deadline(1)):
        pass


def test_errors_that_a_host_answers_are_not_silence() -> None:
    with WebHost(lambda _: answer("500 No")) as host:
        here = Here(host.port)
        for _ in range(4):
            here.refused(ImageUnreadable, host.url(), "the host answered `500`, at attempt `3`")
        assert len(host.requests) == 12
