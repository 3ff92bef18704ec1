"""The stage: pictures of a bundle are asked for at once, and everything that comes in leaves."""

import os
import pickle
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import apache_beam as beam
import pytest
from apache_beam import pvalue
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import FixedWindows, GlobalWindow, TimestampedValue
from data.samples import record, upload
from data.web_host import WebHost, answer, drip, picture

from transforms.errors import ConfigInvalid
from transforms.fetch import FetchImage, FetchLimits, HttpLimits, deadline
from transforms.fetch import ahead as module
from transforms.fetch.ahead import FetchAhead
from transforms.metrics import tally
from transforms.stage import DEAD_LETTERS
from transforms.values import Decoded

WAIT = 20


def limits(*ports: int, max_bytes: int = 1000, **rules: Any) -> FetchLimits:
    http = HttpLimits(("*",), allow_plain=True, ports=ports, networks=("127.0.0.0/8",), **rules)
    return FetchLimits(max_bytes=max_bytes, http=http)


def stage(of: FetchLimits) -> FetchAhead:
    made: FetchAhead = pickle.loads(pickle.dumps(FetchAhead("Fetch image", FetchImage(of))))  # noqa: S301
    made.setup()
    made.start_bundle()
    return made


def decoded(offset: int, uri: str | None = None, image_id: str = "", inline: bytes | None = None) -> Decoded:
    return Decoded(record(offset), replace(upload(image_id or f"i{offset}", uri=uri), inline=inline))


def begin(made: FetchAhead, *elements: Decoded) -> list[Any]:
    """What leaves while these come in."""
    return [out for one in elements for out in made.process(one, timestamp=one.record.offset, window=GlobalWindow())]


def told(output: Any) -> tuple[int, Any]:
    """Offset, and the picture or the code of the error."""
    if isinstance(output, pvalue.TaggedOutput):
        assert output.tag == DEAD_LETTERS
        value = getattr(output.value, "value", output.value)
        return value.record.offset, value.code
    value = getattr(output, "value", output)
    return value.record.offset, value.image


def test_fifty_hosts_that_answer_only_when_all_are_asked() -> None:
    everyone = threading.Barrier(50)

    def talk(_: str) -> bytes:
        everyone.wait(WAIT)
        return picture()

    hosts = [WebHost(talk, f"127.0.1.{n}") for n in range(1, 51)]
    made = stage(limits(*(host.port for host in hosts), connections=50))
    outputs = begin(made, *(decoded(n, host.url()) for n, host in enumerate(hosts)))
    outputs += made.finish_bundle()
    assert sorted(map(told, outputs)) == [(n, b"picture") for n in range(50)]
    for host in hosts:
        host.close()


def test_pictures_at_hand_pass_those_that_are_waited_for(tmp_path) -> None:
    (tmp_path / "f.jpg").write_bytes(b"file")
    release, names = threading.Event(), set()
    with WebHost(lambda _: (release.wait(WAIT), picture())[1]) as host:
        made = stage(replace(limits(host.port), file_root=str(tmp_path)))
        work = made._work
        files = work.fetcher.at_hand
        work.fetcher.at_hand = lambda one: (names.add(threading.current_thread().name), files(one))[1]
        elements = [decoded(0, host.url()), decoded(1, inline=b"inline"), decoded(2, (tmp_path / "f.jpg").as_uri())]
        elements += [decoded(3, "ftp://x/"), decoded(4), decoded(5, "https://u:p@host/")]
        outputs = begin(made, *elements)
        assert [told(out) for out in outputs] == [
            *((1, b"inline"), (2, b"file")),
            *((3, "source_forbidden"), (4, "event_invalid"), (5, "source_forbidden")),
        ]
        assert names == {threading.current_thread().name}
        release.set()
        (last,) = made.finish_bundle()
        assert told(last) == (0, b"picture")
        assert (last.timestamp, last.windows) == (0, (GlobalWindow(),))


def test_what_comes_first_leaves_first() -> None:
    release = threading.Event()
    with WebHost(lambda head: (release.wait(WAIT) if "slow" in head else None, picture())[1]) as host:
        made = stage(limits(host.port))
        assert begin(made, decoded(0, host.url("/slow"))) == []
        found, number = [], 1
        while not found:
            found = begin(made, decoded(number, host.url("/fast")))
            number += 1
            made._begun[-1].task.future.result(WAIT) if made._begun[-1].task else None
        assert told(found[0]) == (1, b"picture")
        assert found[0].timestamp == 1
        release.set()
        assert {told(out)[0] for out in made.finish_bundle()} >= {0}


def test_uploads_of_one_image_leave_in_their_order() -> None:
    release = threading.Event()
    with WebHost(
        lambda head: (release.wait(WAIT) if "slow" in head else None, picture(head.split()[1].encode()))[1]
    ) as host:
        made = stage(limits(host.port))
        elements = [
            *(
                decoded(0, host.url("/slow"), "same"),
                decoded(1, host.url("/b"), "same"),
                decoded(2, None, "same", b"c"),
            ),
            *(decoded(3, "ftp://d", "same"), decoded(4, host.url("/e"), "other"), decoded(5, None, "third", b"f")),
        ]
        outputs = begin(made, *elements)
        for begun in made._begun[1:]:
            if begun.task is not None:
                begun.task.future.result(WAIT)
        outputs += begin(made, decoded(6, None, "last", b"g"))
        assert sorted(map(told, outputs)) == [(4, b"/e"), (5, b"f"), (6, b"g")]
        release.set()
        assert [told(out) for out in made.finish_bundle()] == [
            *((0, b"/slow"), (1, b"/b"), (2, b"c"), (3, "source_forbidden")),
        ]
        assert not made._images


def test_a_host_that_hangs_delays_the_others_a_little_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """200 uploads of it and 40 of another: five requests go unanswered and the rest is told at once."""
    monkeypatch.setattr(deadline, "SILENCE_SECONDS", 0.3)
    with WebHost(lambda _: drip(b"", hangs.closing, WAIT)) as hangs, WebHost() as well:
        made = stage(limits(hangs.port, well.port))
        elements = [decoded(n, hangs.url() if n % 6 else well.url()) for n in range(240)]
        outputs = begin(made, *elements) + list(made.finish_bundle())
        assert sorted(map(told, outputs)) == [(n, "image_unreadable" if n % 6 else b"picture") for n in range(240)]
        assert hangs.accepted <= 5 + 8 + 8  # those under way when it was given up, and their second attempts
        letters = [out.value.value for out in outputs if isinstance(out, pvalue.TaggedOutput)]
        assert {letter.retryable for letter in letters} == {True}
        assert sum("is left alone for `30` s" in letter.message for letter in letters) > 150


def test_what_came_is_counted() -> None:
    with WebHost(lambda head: answer("404 No") if "none" in head else picture()) as host:
        made, before = stage(limits(host.port)), tally()
        begin(made, *(decoded(n, host.url()) for n in range(3)), decoded(3, host.url("/none")))
        list(made.finish_bundle())
        after = tally()
        assert after["pictures_from_hosts"] - before.get("pictures_from_hosts", 0) == 3
        assert after["bytes_from_hosts"] - before.get("bytes_from_hosts", 0) == 3 * len(b"picture")


def test_errors_of_hosts_become_dead_letters() -> None:
    with WebHost(lambda head: answer("404 No") if "none" in head else picture()) as host:
        made = stage(limits(host.port))
        outputs = begin(made, decoded(0, host.url("/none?s3cret")), decoded(1, host.url())) + list(made.finish_bundle())
        assert sorted(map(told, outputs)) == [(0, "image_missing"), (1, b"picture")]
        letter = next(out.value.value for out in outputs if isinstance(out, pvalue.TaggedOutput))
        assert (letter.stage, letter.record) == ("Fetch image", record(0))
        assert "in _check_status" in letter.stacktrace
        assert "s3cret" not in letter.message + letter.stacktrace


def test_something_unforeseen_is_kept_with_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    with WebHost() as host:
        made = stage(limits(host.port))
        monkeypatch.setattr(made._work.fetcher, "asked", lambda *_: {}["s3cret"])
        (output,) = begin(made, decoded(0, host.url())) + list(made.finish_bundle())
        assert told(output) == (0, "stage_failed")
        assert "s3cret" not in output.value.value.message


def test_a_bounded_number_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BEGUN", 4)
    release = threading.Event()
    with WebHost(lambda _: (release.wait(WAIT), picture())[1]) as host:
        made = stage(limits(host.port))
        assert begin(made, *(decoded(n, host.url()) for n in range(4))) == []
        threading.Timer(0.05, release.set).start()
        assert begin(made, decoded(4, host.url()))  # waits for one
        assert len(made._begun) <= 4
        list(made.finish_bundle())


def test_room_for_one_picture_is_enough_for_all() -> None:
    """Many uploads of one image, whose pictures come in the wrong order, and no room for two."""
    with WebHost(lambda _: picture(b"x" * 900)) as host:
        made = stage(limits(host.port, memory=1000))
        elements = [decoded(n, host.url(), "same" if n % 2 else "") for n in range(60)]
        outputs = begin(made, *elements) + list(made.finish_bundle())
        assert sorted(told(out)[0] for out in outputs) == list(range(60))
        assert [told(out)[0] for out in outputs if told(out)[0] % 2] == list(range(1, 60, 2))
        assert made._work.pool.held == 0


def test_the_oldest_goes_on_though_later_pictures_of_its_image_hold_the_room() -> None:
    release = threading.Event()
    with (
        WebHost(lambda head: (release.wait(WAIT) if "slow" in head else None, picture(b"x" * 900))[1]) as busy,
        WebHost(lambda _: picture(b"x" * 900), "127.0.0.2") as other,
    ):
        of = limits(busy.port, other.port, memory=2500, connections_per_host=1)
        another, made = stage(of), stage(of)
        begin(another, decoded(9, busy.url("/slow")))
        begin(made, decoded(0, busy.url(), "same"), decoded(1, other.url(), "same"))
        for begun in (made._begun[1], another._begun[0]):
            assert begun.task is not None
            begun.task.future.result(WAIT)
            release.set()
        assert made._work.pool.held == 1800  # and the first would need 1000 more
        assert [told(out)[0] for out in made.finish_bundle()] == [0, 1]
        list(another.finish_bundle())


def test_two_bundles_share_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    with WebHost(lambda _: picture(b"x" * 900)) as host:
        of = limits(host.port, memory=2000)
        first, second = stage(of), stage(of)
        assert first._work.pool is second._work.pool
        begin(first, *(decoded(n, host.url()) for n in range(10)))
        begin(second, *(decoded(n, host.url()) for n in range(10)))
        assert len(list(second.finish_bundle())) + len(list(first.finish_bundle())) <= 20
        assert first._work.pool.held == 0


@pytest.mark.parametrize("end", ["start_bundle", "teardown"])
def test_what_a_failed_bundle_began_takes_no_room(end: str) -> None:
    release = threading.Event()
    with WebHost(lambda _: (release.wait(WAIT), picture())[1]) as host:
        made = stage(limits(host.port))
        assert begin(made, *(decoded(n, host.url()) for n in range(5))) == []
        release.set()
        for begun in made._begun:
            assert begun.task is not None
            begun.task.future.result(WAIT)
        assert made._begun
        assert made._work.pool.held == len(made._begun) * len(b"picture")
        getattr(made, end)()
        assert made._work.pool.held == 0
        assert list(made.finish_bundle()) == []
        made.start_bundle()
        assert begin(made, decoded(9, host.url())) + list(made.finish_bundle()) != []


def test_a_consumer_that_raises_takes_no_room() -> None:
    release = threading.Event()
    with WebHost(lambda _: (release.wait(WAIT), picture())[1]) as host:
        made = stage(limits(host.port))
        assert begin(made, decoded(0, host.url())) == []
        release.set()
        leaving = made.finish_bundle()
        next(leaving)
        leaving.close()
        assert (made._work.pool.held, made._begun) == (0, [])


def test_authorities_that_are_missing_on_the_worker_stop_the_job() -> None:
    made = stage(limits(80, ca_file="/none.pem"))
    with pytest.raises(ConfigInvalid, match="--fetch-ca-file"):
        begin(made, decoded(0, inline=b"x"))


def test_one_client_for_a_process_and_none_for_its_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    of = limits(80)
    first = stage(of)._work
    assert stage(of)._work.fetcher._client is first.fetcher._client
    monkeypatch.setattr(os, "getpid", lambda: -1)
    forked = stage(of)._work
    assert forked.fetcher._client is not first.fetcher._client
    assert forked.pool is not stage(limits(81))._work.pool


def test_an_address_that_breaks_our_own_code_is_kept_with_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    made = stage(limits(80))
    monkeypatch.setattr(made._work.fetcher, "target", lambda _: {}["s3cret"])
    (output,) = begin(made, decoded(0, "https://host.example/"))
    assert told(output) == (0, "stage_failed")


@pytest.fixture
def windows() -> Iterator[WebHost]:
    with WebHost(lambda head: picture(head.split()[1].encode())) as host:
        yield host


def test_in_a_pipeline(windows: WebHost) -> None:
    def stamped(value: Any, at: Any = beam.DoFn.TimestampParam, window: Any = beam.DoFn.WindowParam) -> Any:
        return value.record.offset, value.image, float(at), float(window.start)

    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        done = (
            pipeline
            | beam.Create([decoded(n, windows.url(f"/{n}"), "same" if n % 3 else "") for n in range(50)])
            | beam.Map(lambda found: TimestampedValue(found, found.record.offset))
            | beam.WindowInto(FixedWindows(10))
            | beam.ParDo(FetchAhead("Fetch image", FetchImage(limits(windows.port)))).with_outputs(
                DEAD_LETTERS, main="ok"
            )
        )
        expected = [(n, f"/{n}".encode(), float(n), n // 10 * 10.0) for n in range(50)]
        assert_that(done.ok | beam.Map(stamped), equal_to(expected))
