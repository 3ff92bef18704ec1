"""Every metric that is exported: its name, what it means, and which numbers of `transforms.tally` it is made of.

The table of docs/metrics.md is made from here: ``python -m pipeline.metrics.families``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric."""

    name: str
    """As PromQL knows it; a histogram is this with ``_bucket``, ``_sum`` and ``_count``."""
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names in the tally, each with the values of the labels it stands for; none: the tally's own labels."""

    @property
    def series(self) -> tuple[str, ...]:
        """Names that a query may use."""
        if self.kind == HISTOGRAM:
            return tuple(f"{self.name}_{part}" for part in ("bucket", "sum", "count"))
        return (self.name,)


def _counter(name: str, says: str, source: str, *labels: str) -> Family:
    return Family(name, COUNTER, says, labels, {source: ()})


def _gauge(name: str, says: str, source: str, *labels: str) -> Family:
    return Family(name, GAUGE, says, labels, {source: ()})


FAMILIES = (
    Family(
        "caption_images_total",
        COUNTER,
        "Uploads that came to their end, by outcome: generated, reused, dead_letter, deleted (a deletion's tombstone), "
        "replaced (the image shows another picture by now), unchanged (skipped by --only-changed).",
        ("outcome",),
        {
            "captions_generated": ("generated",),
            "captions_reused": ("reused",),
            "dead_letters": ("dead_letter",),
            "deletions": ("deleted",),
            "replaced": ("replaced",),
            "unchanged": ("unchanged",),
        },
    ),
    _counter("caption_uploads_read_total", "Records read from the upload topics.", "uploads_read"),
    _counter(
        "caption_dead_letters_total",
        "Uploads that became dead letters, by the stage that failed and the error's code.",
        "dead_letters",
        *("stage", "code"),
    ),
    _counter("caption_reused_total", "Captions all of whose texts another picture got first.", "captions_reused"),
    _counter("caption_records_written_total", "Records that the brokers acknowledged, by topic.", "written", "topic"),
    _counter("caption_generations_total", "Requests that the captioner answered.", "generations"),
    Family(
        "caption_tokens_total",
        COUNTER,
        "Tokens of the captioner's answers: input (prompt and picture) and output.",
        ("type",),
        {"tokens_in": ("input",), "tokens_out": ("output",)},
    ),
    Family(
        "caption_generation_seconds",
        HISTOGRAM,
        "Time the captioner took for a request, as it says itself.",
        (),
        {"generation_seconds": ()},
    ),
    Family(
        "caption_batch_images",
        HISTOGRAM,
        "Pictures the captioner had at once, seen each time it settled one; at most its slots.",
        (),
        {"batch_images": ()},
    ),
    _counter(
        "caption_retries_total", "Requests that were asked again because the review refused an answer.", "retries"
    ),
    _counter(
        "caption_guard_blocks_total",
        "Answers that the review refused, by rule and by the language asked for; once for each rule that hit.",
        "guard_blocks",
        *("rule", "lang"),
    ),
    _counter("caption_texts_redacted_total", "Answers that lost an address, a number or a word.", "texts_redacted"),
    _counter("caption_fallbacks_total", "Texts made from attributes, as every answer was refused.", "fallbacks"),
    Family(
        "caption_fetch_seconds",
        HISTOGRAM,
        "Time a picture on a host took, with its redirects and attempts, whether it came or not.",
        (),
        {"fetch_seconds": ()},
    ),
    _counter("caption_fetch_bytes_total", "Bytes of pictures that came from hosts.", "bytes_from_hosts"),
    Family(
        "caption_shared_cache_total",
        COUNTER,
        "Questions to the texts that jobs share (--cache), by result: hit, miss, or error (it did not answer).",
        ("result",),
        {"cache_hits": ("hit",), "cache_misses": ("miss",), "cache_errors": ("error",)},
    ),
    _counter(
        "caption_captioner_restarts_total", "Times the captioner ended and was started again.", "captioner_restarts"
    ),
    _counter("caption_watchdog_alarms_total", "Times that the watchdog saw the job stand still.", "watchdog_alarms"),
    _gauge("caption_inflight_requests", "Requests the captioner has not settled.", "inflight_requests"),
    _gauge("caption_slots", "Requests that the captioner answers at once.", "slots"),
    _gauge("caption_uploads_owed", "Uploads this process has read and not yet seen written (live).", "uploads_owed"),
    _gauge(
        "caption_silent_seconds",
        "Seconds in which nothing was written although something is owed; 0 when nothing is (live).",
        "silent_seconds",
    ),
    _gauge(
        "caption_read_lag",
        "Records between where a partition is read and its end, told by who reads it.",
        "read_lag",
        *("topic", "partition"),
    ),
    _gauge(
        "caption_consumer_lag",
        "Records between the group's committed offset and the partition's end, told by the launcher and the workers: "
        "take the maximum. Missing when the watchdog is off or the broker does not answer.",
        "consumer_lag",
        *("topic", "partition"),
    ),
    _gauge(
        "caption_model_info",
        "Always 1: which model answers, and the version of its prompt library.",
        "model_info",
        *("model", "revision", "prompt"),
    ),
)


def table() -> str:
    """The families as a table in Markdown."""
    lines = ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
    for family in FAMILIES:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        lines.append(f"| `{family.name}` | {family.kind} | {labels} | {family.help} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
