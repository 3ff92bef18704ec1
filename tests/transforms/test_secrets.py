"""An address may hold a password or a token: no stage tells it to anybody."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from data.samples import NEW_YEAR_MS, candidate, caption, record, text, upload

from schemas.codec import Encoder
from transforms.audit import Audit
from transforms.dead_letter import encode
from transforms.decode import DecodeEvent
from transforms.encode import Encode
from transforms.fetch import FetchImage, FetchLimits
from transforms.inspect import InspectImage, InspectLimits
from transforms.stage import Stage
from transforms.values import DeadLetter, Finished

SECRETS = ("hunter2", "t0ken", "fr4gment", "us3r")
ADDRESSES = [
    "{}://us3r:hunter2@shop.example/1.jpg?key=t0ken#fr4gment",
    "{}://us3r:hunter2@/1.jpg?key=t0ken",
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


def letters(value: bytes | None, root: Path) -> Iterator[DeadLetter]:
    """What the stages that see an address say about one event."""
    element: object = record(3, value=value)
    for name, work in (
        ("Decode event", DecodeEvent(prompts="tiny")),
        ("Fetch image", FetchImage(FetchLimits(str(root)))),
        ("Inspect image", InspectImage(InspectLimits())),
    ):
        made = Stage(name, work)
        made.setup()
        (element,) = made.process(element)
        if hasattr(element, "tag"):
            yield element.value
            return


def event(**fields: object) -> bytes:
    value = {"image_id": "i", "uploaded_at": NEW_YEAR_MS, "merchant": "m", **fields}
    return Encoder("image_upload").encode(value)


def assert_silent(letter: DeadLetter) -> None:
    ours = encode(letter, "dead", "run-1").headers[len(letter.record.headers) :]
    told = b"\n".join(header.value or b"" for header in ours).decode()
    assert not [secret for secret in SECRETS if secret in told], letter.message


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_dead_letter_tells_more_of_an_address_than_its_path(scheme: str, address: str, tmp_path: Path) -> None:
    uri = address.format(scheme)
    for fields in ({"uri": uri}, {"uri": uri, "image": b"x"}, {"uri": uri, "task": "MODERATE"}):
        (letter,) = letters(event(**fields), tmp_path)
        assert_silent(letter)


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
