"""What hosts answer instead of a picture, and when they are asked again."""

import email.utils
import time

import pytest
from data.fetching import Here
from data.web_host import WebHost, answer, picture, redirect

from transforms.errors import ImageMissing, ImageUnreadable, InputError, SourceForbidden


@pytest.mark.parametrize(
    ("status", "error", "words", "requests"),
    [
        (404, ImageMissing, "is not there (`404`); upload the picture before its event", 1),
        (410, ImageMissing, "is not there (`410`)", 1),
        (401, SourceForbidden, "(`401`); let it answer without a password", 1),
        (403, SourceForbidden, "the host refuses `http://127.0.0.1:", 1),
        (407, SourceForbidden, "(`407`)", 1),
        (400, ImageUnreadable, "the host answered `400` for `http://127.0.0.1:", 1),
        (418, ImageUnreadable, "`418`", 1),
        (204, ImageUnreadable, "`204`", 1),
        (206, ImageUnreadable, "`206`", 1),
        (300, ImageUnreadable, "`300`", 1),
        (304, ImageUnreadable, "`304`", 1),
        (302, ImageUnreadable, "`302`", 1),  # without saying where to
        (408, ImageUnreadable, "the host answered `408`, at attempt `3`; see to its host and redrive", 3),
        (429, ImageUnreadable, "`429`", 3),
        (500, ImageUnreadable, "`500`", 3),
        (502, ImageUnreadable, "`502`", 3),
        (503, ImageUnreadable, "`503`", 3),
        (599, ImageUnreadable, "`599`", 3),
    ],
)
def test_statuses(status: int, error: type[InputError], words: str, requests: int) -> None:
    with WebHost(lambda _: answer(f"{status} s3cret", b"s3cret" if status not in (204, 304) else b"")) as host:
        here = Here(host.port)
        here.refused(error, host.url("/a.jpg?s3cret#s3cret"), words)
        assert len(host.requests) == requests
        assert here.pauses == [0.5, 1.0][: requests - 1]
    assert ImageUnreadable.retryable
    assert not (ImageMissing.retryable)
    assert not (SourceForbidden.retryable)


def test_messages_show_scheme_host_port_and_path_and_no_more() -> None:
    with WebHost(lambda _: answer("404 No")) as host:
        message = Here(host.port).refused(ImageMissing, host.url("/a.jpg?s3cret#s3cret"))
        assert message == (
            f"`http://127.0.0.1:{host.port}/a.jpg` is not there (`404`); upload the picture before its event"
        )
        assert len(Here(host.port).refused(ImageMissing, host.url("/" + "x" * 5000))) < 300


def test_a_busy_host_is_asked_again_when_it_says() -> None:
    said = iter([answer("429 Busy", b"", "Retry-After: 7"), answer("503 Busy", b"", "Retry-After: 0"), picture()])
    with WebHost(lambda _: next(said)) as host:
        here = Here(host.port)
        assert here.fetch(host.url()) == b"picture"
        assert here.pauses == [7.0, 1.0]


def test_a_date_is_understood() -> None:
    later = email.utils.formatdate(time.time() + 8, usegmt=True)
    said = iter([answer("503 Busy", b"", f"Retry-After: {later}"), picture()])
    with WebHost(lambda _: next(said)) as host:
        here = Here(host.port)
        assert here.fetch(host.url()) == b"picture"
        (pause,) = here.pauses
        assert 5 < pause <= 8


@pytest.mark.parametrize("words", ["soon", "-5", "1.5", "Thu, 99 Foo", "", "Thu, 01 Jan 1970 00:00:00 GMT", "٣"])
def test_times_that_cannot_be_read_are_none(words: str) -> None:
    said = iter([answer("503 Busy", b"", f"Retry-After: {words}"), picture()])
    with WebHost(lambda _: next(said)) as host:
        here = Here(host.port)
        assert here.fetch(host.url()) == b"picture"
        assert here.pauses in ([0.5], [3.0])


@pytest.mark.parametrize("after", ["11", "3600", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_host_that_wants_too_long_a_pause_is_not_waited_for(after: str) -> None:
    with WebHost(lambda _: answer("429 Busy", b"", f"Retry-After: {after}")) as host:
        here = Here(host.port)
        here.refused(ImageUnreadable, host.url(), "`429`, at attempt `1`")
        assert (here.pauses, len(host.requests)) == ([], 1)


def test_no_pause_goes_beyond_the_deadline() -> None:
    with WebHost(lambda _: answer("503 Busy", b"", "Retry-After: 5")) as host:
        here = Here(host.port, seconds=4)
        here.refused(ImageUnreadable, host.url(), "at attempt `1`")
        assert here.pauses == []


def test_pauses_grow_and_differ() -> None:
    with WebHost(lambda _: answer("500 No")) as host:
        here = Here(host.port)
        for chance, pauses in ((0.0, [0.25, 0.5]), (1.0, [0.75, 1.5])):
            here.pauses.clear()
            here.client._chance = lambda chance=chance: chance
            here.refused(ImageUnreadable, host.url())
            assert here.pauses == pauses


def hop(request: str) -> int:
    return int(request.split()[1].strip("/").partition("?")[0] or 0)


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
def test_three_redirects_and_no_fourth(status: str) -> None:
    def talk(request: str) -> bytes:
        number = hop(request)
        return picture() if number == 4 else redirect(f"/{number + 1}?s3cret", status)

    with WebHost(talk) as host:
        here = Here(host.port)
        assert here.fetch(host.url("/1")) == b"picture"
        assert len(host.requests) == 4
        here.refused(ImageUnreadable, host.url("/0?s3cret"), f"`{host.url('/0')}` redirects more than `3` times")
        assert len(host.requests) == 8
        assert here.pauses == []


@pytest.mark.parametrize(
    ("locations", "requests"),
    [(["/1"], 1), (["/2", "/1"], 2), (["#x"], 1), (["", "/1"], 1), (["/2", "/3", "/2"], 3)],
)
def test_circles(locations: list[str], requests: int) -> None:
    said = iter(locations)
    with WebHost(lambda _: redirect(next(said))) as host:
        message = Here(host.port).refused(
            ImageUnreadable, host.url("/1"), "redirects in a circle; send the picture's own"
        )
        assert f"`{host.url('/1')}`" in message
        assert len(host.requests) == requests


def test_another_host_is_judged_and_told_of_no_one_else() -> None:
    with WebHost() as second, WebHost(lambda _: redirect(second.url("/b?t=1#f"))) as first:
        here = Here(first.port, second.port)
        assert here.fetch(first.url("/a?s3cret")) == b"picture"
        assert "GET /b?t=1 HTTP/1.1" in second.requests[0]
        assert "s3cret" not in second.requests[0]
        assert "Referer" not in second.requests[0]
        message = Here(first.port).refused(SourceForbidden, first.url("/a?s3cret"), "redirects elsewhere: ")
        assert message == (
            f"`{first.url('/a')}` redirects elsewhere: `{second.url('/b')}` is on port `{second.port}`; "
            "allow it with --fetch-port"
        )


@pytest.mark.parametrize("location", ["/bild ü.jpg?s3cret", "/bild%20%C3%BC.jpg?s3cret"])
def test_what_hosts_write_into_locations(location: str) -> None:
    with WebHost(lambda request: picture() if "bild" in request else redirect(location)) as host:
        assert Here(host.port).fetch(host.url()) == b"picture"
        assert "GET /bild%20%C3%BC.jpg?s3cret HTTP/1.1" in host.requests[1]
