"""The report as one JSON object."""

from __future__ import annotations

import math
from typing import Any

from pipeline.report.report import Report
from pipeline.report.spread import Spread
from pipeline.report.tally import Tally


def as_json(report: Report) -> dict[str, Any]:
    """Counts, shares of 0 to 1, milliseconds, and money in the currency of the price."""
    found = report.found
    captions, answers, letters, gpu = found.captions, found.answers, found.letters, report.gpu
    return {
        "from_ms": found.first_ms if found.window.start_ms is None else found.window.start_ms,
        "to_ms": found.last_ms if found.window.stop_ms is None else found.window.stop_ms,
        "captions": captions.captions,
        "repeats": captions.repeats,
        "reused": captions.reused,
        "reuse_rate": captions.reuse_rate,
        "replayed": captions.replayed,
        "withdrawn": captions.withdrawn,
        "texts": captions.texts,
        "texts_reused": captions.texts_reused,
        "flags": _counts(captions.flags),
        "audit_disagreement": captions.disagreement,
        "by_task": _counts(captions.tasks),
        "by_moderation_verdict": _counts(captions.moderated),
        "by_language": _counts(captions.languages),
        "by_category": _counts(captions.categories),
        "by_merchant": _counts(captions.merchants),
        "by_model": _counts(captions.models),
        "answers": answers.answers,
        "verdicts": _counts(answers.verdicts),
        "rules": {rule: dict(hits) for rule, hits in sorted(answers.rules.items())},
        "answers_to_a_retry": sum(count for attempt, count in answers.attempts.items() if attempt),
        "cut_at_token_limit": answers.cut,
        "policies": _counts(answers.policies),
        "input_tokens": answers.input_tokens,
        "output_tokens": answers.output_tokens,
        "saved_input_tokens": answers.saved_input_tokens,
        "saved_output_tokens": answers.saved_output_tokens,
        "gpu": {
            "gpus": gpu.gpus,
            "requests": gpu.requests,
            "request_ms": gpu.request_ms,
            "busy_ms": gpu.busy_ms,
            "side_by_side": _rounded(gpu.side_by_side),
            "card_ms": gpu.card_ms,
            "saved_request_ms": gpu.saved_ms,
            "saved_card_ms": _rounded(gpu.saved_card_ms),
            "output_tokens_per_busy_second": _rounded(report.tokens_per_second),
        },
        "cost": None if report.hour_price is None else _cost(report, report.hour_price),
        "upload_to_caption_ms": _spread(captions.latency),
        "upload_to_generated_caption_ms": _spread(captions.latency_generated),
        "upload_to_reused_caption_ms": _spread(captions.latency_reused),
        "generation_ms": _spread(answers.generation),
        "dead_letters": letters.lost,
        "failure_rate": found.failure_rate,
        "dead_letters_captioned_since": letters.uploads - letters.lost,
        "dead_letters_superseded": letters.superseded,
        "by_code": [
            {
                "code": code.code,
                "meaning": code.meaning,
                "advice": code.advice,
                "uploads": code.letters,
                "captioned_since": code.captioned,
                "retryable": code.retryable,
                "stages": code.stages,
                "failed_again_after_redrive": code.redriven,
                "example": code.example,
                "remedy": report.remedy(code),
                "redrive": report.redrive(code),
            }
            for code in letters.by_code()
        ],
        "foreign_letters": letters.foreign,
        "unreadable": dict(found.unreadable),
        "timeline": [
            {
                "from_ms": step.start_ms,
                "to_ms": step.stop_ms,
                **{k.replace(" ", "_"): n for k, n in step.counts.items()},
            }
            for step in found.timeline.steps()
        ],
    }


def _counts(tally: Tally) -> dict[str, int]:
    return dict(tally.largest())


def _spread(spread: Spread) -> dict[str, int | None]:
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
    return {
        "count": spread.count,
        **{name: spread.percentile(share) for name, share in shares.items()},
        "max": spread.largest if spread.count else None,
    }


def _cost(report: Report, price: float) -> dict[str, float | None]:
    from pipeline.report.gpu import cost

    gpu, captions = report.gpu, report.found.captions.captions
    spent = cost(gpu.card_ms, price)
    return {
        "gpu_hour_price": price,
        "spent": _rounded(spent),
        "saved": _rounded(report.saved_money()),
        "of_1000_captions": _rounded(1000 * spent / captions) if captions else None,
        "if_held_all_the_time": _rounded(cost(report.found.span_ms * gpu.gpus, price)),
    }


def _rounded(value: float | None) -> float | None:
    """Six significant digits: the rest is noise."""
    if value is None or value == 0:
        return value
    return round(value, 5 - math.floor(math.log10(abs(value))))
