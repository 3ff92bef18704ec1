"""An address may hold a password or a token: no stage tells it to anybody."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue
from data.samples import NEW_YEAR_MS, candidate, caption, record, text, upload
from data.web_host import WebHost, answer, drip, picture, redirect

from schemas.codec import Encoder
from transforms.audit import Audit
from transforms.captioner.prompts import Library
from transforms.dead_letter import encode
from transforms.decode import DecodeEvent
from transforms.encode import Encode
from transforms.fetch import BucketLimits, FetchImage, FetchLimits, HttpLimits, client, deadline
from transforms.fetch.ahead import FetchAhead
from transforms.inspect import InspectImage, InspectLimits
from transforms.stage import Stage
from transforms.values import DeadLetter, Finished

SECRETS = ("hunter2", "t0ken", "fr4gment", "us3r")
ADDRESSES = [
    "{}://us3r:hunter2@shop.example/1.jpg?key=t0ken#fr4gment",
    "{}://us3r:hunter2@/1.jpg?key=t0ken",
    "{}://us3r@shop.example/1.jpg?key=t0ken",
    "{}://us3r%3ahunter2%40shop.example/1.jpg?key=t0ken",
    "{}://us3r\\@shop.example/1.jpg?key=t0ken",
    "{}://us3r:hunter2@shop.example?key=t0ken",
    "{}://us3r:hunter2@[bad/1.jpg?key=t0ken",
    "{}://us3r:hunter2@shop.example:99999/1.jpg?key=t0ken",
    "{}://us3r:hunter2@shop.example/ 1.jpg?key=t0ken",
    "{}:us3r:hunter2@shop.example/1.jpg?key=t0ken",
    "{}:/1.jpg?key=t0ken#fr4gment",
    "{}:///1.jpg?key=t0ken",
    "{}:///1.jpg#fr4gment",
    "//us3r:hunter2@shop.example/1.jpg?key=t0ken",
    "us3r:hunter2@shop.example/1.jpg?key=t0ken",
    "1us3r:hunter2@shop.example/1.jpg?key=t0ken",
    "?key=t0ken",
    "#fr4gment",
]
SCHEMES = ["file", "FILE", "http", "https", "s3", "gs", "ftp", "data"]


HTTP = HttpLimits(hosts=("*",), allow_plain=True)
BUCKETS = BucketLimits(("s3://listed", "gs://listed"))


def letters(
    value: bytes | None, root: Path, http: HttpLimits = HttpLimits(), buckets: BucketLimits = BUCKETS
) -> Iterator[DeadLetter]:
    """What the stages that see an address say about one event."""
    element: object = record(3, value=value)
    for name, work in (
        ("Decode event", DecodeEvent(prompts=Library.load("tiny"))),
        ("Fetch image", FetchImage(FetchLimits(str(root), http=http, buckets=buckets))),
        ("Inspect image", InspectImage(InspectLimits())),
    ):
        made = FetchAhead(name, work) if isinstance(work, FetchImage) else Stage(name, work)
        made.setup()
        now = {"timestamp": 0, "window": GlobalWindow()} if isinstance(made, FetchAhead) else {}
        (element,) = [*made.process(element, **now), *(made.finish_bundle() or ())]
        element = element.value if isinstance(element, WindowedValue) else element
        if hasattr(element, "tag"):
            yield getattr(element.value, "value", element.value)
            return


def event(**fields: object) -> bytes:
    value = {"image_id": "i", "uploaded_at": NEW_YEAR_MS, "merchant": "m", **fields}
    return Encoder("image_upload").encode(value)


def assert_silent(letter: DeadLetter) -> None:
    ours = encode(letter, "dead", "run-1", 1_800_000_000_000).headers[len(letter.record.headers) :]
    told = b"\n".join(header.value or b"" for header in ours).decode()
    assert not [secret for secret in SECRETS if secret in told], letter.message


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_dead_letter_tells_more_of_an_address_than_its_path(scheme: str, address: str, tmp_path: Path) -> None:
    uri = address.format(scheme)
    for fields in ({"uri": uri}, {"uri": uri, "image": b"x"}, {"uri": uri, "task": "MODERATE"}):
        for http, buckets in ((HttpLimits(), BucketLimits()), (HttpLimits(), BUCKETS), (HTTP, BUCKETS)):
            (letter,) = letters(event(**fields), tmp_path, http, buckets)
            assert_silent(letter)


FROM_HOSTS = {
    "missing": answer("404 t0ken", b"t0ken"),
    "refused": answer("403 No", b"t0ken", "WWW-Authenticate: Basic realm=t0ken"),
    "failing": answer("500 t0ken", b"t0ken"),
    "packed": picture(b"", "Content-Encoding: gzip"),
    "large": answer("200 OK", length=9**9),
    "not http": b"t0ken hunter2\r\n\r\n",
    "odd header": b"HTTP/1.1 404 No\r\nContent-Length: 0\r\nt0ken\r\n\r\n",
    "no picture": picture(b"t0ken"),
    "cut off": answer("200 OK", b"t0ken", length=99),
    "circle": redirect("?key=t0ken#fr4gment"),
    "user": redirect("http://us3r:hunter2@shop.example/?key=t0ken"),
    "plain name": redirect("http://us3r:hunter2/?key=t0ken"),
    "scheme": redirect("ftp://us3r:hunter2@shop.example/?key=t0ken"),
    "private": redirect("http://10.0.0.1/1.jpg?key=t0ken#fr4gment"),
    "port": redirect("http://shop.example:22/1.jpg?key=t0ken#fr4gment"),
    "bad": redirect("http://us3r:hunter2@[bad/?key=t0ken"),
    "silent": b"",
}


@pytest.mark.parametrize("kind", FROM_HOSTS)
def test_nothing_that_a_host_says_makes_us_tell_more(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(deadline, "SILENCE_SECONDS", 0.1)
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.0)
    with WebHost(lambda _: drip(b"", host.closing) if kind == "silent" else iter([FROM_HOSTS[kind]])) as host:
        http = replace(HTTP, ports=(host.port,), networks=("127.0.0.0/8",))
        uri = host.url("/1.jpg?key=t0ken#fr4gment")
        (letter,) = letters(event(uri=uri), tmp_path, http)
        assert host.accepted
    assert_silent(letter)
    logged = "\n".join(record.getMessage() + str(record.exc_info) for record in caplog.records)
    assert not [secret for secret in SECRETS if secret in caplog.text + logged]


def test_a_damaged_event_is_not_quoted(tmp_path: Path) -> None:
    whole = event(uri="https://us3r:hunter2@shop.example/1.jpg?key=t0ken")
    for damaged in (whole[:-1], whole[1:], whole + b"\x00", whole.replace(b"t0ken", b"t0ke\xff"), b"t0ken"):
        for letter in letters(damaged, tmp_path):
            assert_silent(letter)


def test_no_record_that_is_published_tells_them() -> None:
    uri = "https://us3r:hunter2@shop.example/1.jpg?key=t0ken#fr4gment"
    of = replace(candidate("i"), upload=upload("i", uri=uri))
    done = Encode("captions", "r", True, Audit("audits", "r"))(Finished(caption=caption(of, (text(of=of),))))
    for sent in (*done.records, *done.audits):
        told = b"\n".join([sent.key or b"", sent.value or b"", *(header.value or b"" for header in sent.headers)])
        assert not [secret for secret in SECRETS if secret.encode() in told]
    assert b"https://shop.example/1.jpg" in (done.records[0].value or b"")
