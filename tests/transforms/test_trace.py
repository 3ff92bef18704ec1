"""The trace of an upload goes on in every record that answers it, and in no other."""

from dataclasses import replace

import pytest
from data.desk_rig import COPY, LEADER, captions, letters, rig
from data.samples import caption, record

from transforms.audit import Audit
from transforms.cloudevents import MAX_TRACE
from transforms.coders import AvroCoder
from transforms.dead_letter import dead_letter
from transforms.dead_letter import encode as encode_letter
from transforms.encode import Encode
from transforms.errors import ImageMissing
from transforms.values import Candidate, Finished, Header, Outgoing, Refusal

SPAN = "00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01"
ENCODE = Encode("captions", "run", is_replay=False, audit=Audit("audits", "run"))


def traced(one: Candidate, span: str) -> Candidate:
    """As it comes back from a shuffle."""
    context = (Header("traceparent", SPAN.format(span).encode()), Header("tracestate", f"shop={span}".encode()))
    coder = AvroCoder(Candidate)
    back: Candidate = coder.decode(coder.encode(replace(one, record=replace(one.record, headers=context))))
    return back


def trace_of(sent: Outgoing) -> tuple[str, str]:
    found = {header.name: (header.value or b"").decode() for header in sent.headers}
    return found["traceparent"], found["tracestate"]


FIRST, SECOND = traced(LEADER, "a" * 16), traced(COPY, "b" * 16)


def test_a_reused_caption_carries_its_own_uploads_trace() -> None:
    with rig(gated=True) as r:
        out = r.lead(FIRST) + r.arrive(SECOND)
        r.open()
        made = captions(out + r.poll())
    assert made["copy"].reused == (True,)
    for image_id, span in (("lead", "a" * 16), ("copy", "b" * 16)):
        published = ENCODE(Finished(caption=made[image_id]))
        for sent in (*published.records, *published.audits):
            assert trace_of(sent) == (SPAN.format(span), f"shop={span}")


def test_a_refused_answers_audit_record_has_it() -> None:
    refusal = Refusal("id", FIRST.record, FIRST.upload, FIRST.picture, caption(FIRST).texts[0])
    (sent,) = Audit("audits", "run")(refusal).audits
    assert trace_of(sent) == (SPAN.format("a" * 16), f"shop={'a' * 16}")


def test_a_dead_letter_has_it_as_all_headers_of_its_upload() -> None:
    with rig(script=lambda request, _: RuntimeError("no"), gated=False, max_failures=1) as r:
        (letter,) = letters(r.lead(FIRST) + r.poll())
    assert trace_of(encode_letter(letter, "dead", "run", 0)) == (SPAN.format("a" * 16), f"shop={'a' * 16}")
    other = encode_letter(dead_letter(SECOND.record, "Fetch image", ImageMissing("gone")), "dead", "run", 0)
    assert trace_of(other) == (SPAN.format("b" * 16), f"shop={'b' * 16}")


@pytest.mark.parametrize("value", [None, b"", b"x" * (MAX_TRACE + 1)], ids=["null", "empty", "too long"])
def test_what_is_no_trace_stays_behind(value: bytes | None) -> None:
    of = replace(LEADER, record=record(headers={"tracestate": value, "traceparent": b"x" * MAX_TRACE}))
    (sent,) = ENCODE(Finished(caption=caption(of))).records
    names = [header.name for header in sent.headers]
    assert "tracestate" not in names
    assert "traceparent" in names
