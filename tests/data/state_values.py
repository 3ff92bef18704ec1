"""One value of every class that crosses a shuffle, lies in state or marks a source, for goldens and round trips."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from data import samples

from pipeline.kafka.live.marks import Known, Place
from pipeline.kafka.positions import Position
from transforms import values
from transforms.coders import CROSSING

KEPT = (*CROSSING, Place, Known, values.Text)
"""What lies in a savepoint, or by itself in a Redis, and so must be read by every later version."""


def state_values() -> dict[type, Any]:
    """One value of every class in `KEPT`, every field set. Later fields take their default.

    The picture is a part of the record's value, but for the caption, whose picture was scaled.
    """
    record = samples.record(7, b"img-1", b"\x00\xff\xd8\x00", {"traceparent": b"00-ab", "empty": None}, partition=3)
    upload = values.Upload(
        "img-1",
        samples.NEW_YEAR_MS,
        "shop",
        "food",
        values.Task.ANSWER,
        ("zh-Hans", "en"),
        (("colour", "red"), ("title", "红杯子")),
        "What is it?",
        "file:///pictures/1.jpg",
        b"\xff\xd8",
    )
    picture, mark = samples.picture(b"\xff\xd8", frames=2), samples.fingerprint(0xF0, (-10, 20, -30), 77)
    candidate = values.Candidate(record, upload, picture, mark, deleted=True, is_placeholder=True)
    text = samples.text(rules=("too_long",), attempt=2, seed=99, of=candidate)
    deletion = values.Deletion(record, "img-1", "shop", values.Task.INDEX)
    read = values.KnownTexts(record, "shop", "img-1", values.Task.INDEX, (text,))
    arrival = values.Arrival(candidate=candidate, known=read, is_told=True)
    scaled = replace(candidate, picture=samples.picture(b"\xff\xd8\xff", frames=2))
    caption = samples.caption(scaled, (text,), (True,), "event", "img-0", 4, 3.5)
    caption = replace(caption, flags=("placeholder", "audited"))
    outgoing = values.Outgoing("captions", b"k", b"v", (values.Header("ce_id", b"1"),), 1_700_000_000_000, record)
    known = (
        record,
        values.Decoded(record, upload),
        values.Fetched(record, upload, b"\xff\xd8"),
        values.Inspected(record, upload, picture),
        candidate,
        deletion,
        values.CachedTexts(
            *("shop", "img-1", values.Task.INDEX, "uploads", 3, 4_294_967_296, samples.NEW_YEAR_MS),
            (text,),
        ),
        read,
        arrival,
        values.Assignment("leader", values.Role.MEMBER, arrival),
        values.IndexEntry(
            *(5, "leader", "leader", "img-1", picture.sha256, "colour=red", mark, "uploads", 3, 7),
            *(samples.NEW_YEAR_MS, values.Task.INDEX),
        ),
        values.IndexChunk(5, b"\x01" * 54, b"\x02" * 251, bytes(8), ("colour",), ("uploads/3",), True),
        values.GroupState((text,), (candidate,), (deletion,)),
        caption,
        values.Finished(caption=caption),
        values.Refusal("event", record, upload, picture, text),
        values.Tombstone(record, "img-1", "shop"),
        values.DeadLetter(record, "Fetch image", "image_missing", False, "message", "ImageMissing", "frames"),
        outgoing,
        values.Publication((outgoing,), (outgoing, outgoing)),
        Place("uploads", 3, 4_294_967_296, 1_700_000_000_000),
        Known((Position("uploads", 0, 5), Position("图", 7, 0))),
        text,
    )
    return {type(value): value for value in known}
