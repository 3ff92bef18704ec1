"""A trial as a few lines for a person, and as JSON for a program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.duplicates.grouping import Pair, tenths
from pipeline.duplicates.trial import Outcome, Trial
from pipeline.terminal import printable
from transforms.similarity import SimilarityRule

MOST_LINES = 5
"""Examples of a kind on the terminal; the page and the JSON have more."""


def summary(trial: Trial) -> str:
    """The figures, and the first of what a person should look at."""
    pictures, unreadable = trial.pictures, trial.pictures.unreadable
    count = len(pictures.candidates)
    codes = ", ".join(f"{code} {number:,}" for code, number in Counter(one.code for one in unreadable).most_common())
    facts = [
        ("pictures", f"{count:,}", f"{pictures.seconds:.1f} s, {speed(trial):.0f} pictures/s"),
        ("unreadable", f"{len(unreadable):,}", codes),
        ("too little detail", f"{len(trial.plain):,}", f"quality below {trial.rule.min_quality}: equal bytes only"),
    ]
    if trial.labels:
        facts.append(("labelled", f"{trial.labelled:,}", "have a product"))
    lines = [f"{name:<18}{number:>8}  {said}".rstrip() for name, number, said in facts]
    lines += ["", *_aligned(_rows(trial)), "", f"* {trial.chosen} is chosen"]
    if trial.scores is not None:
        wrong = (_line(pair, "joined", distance(pair, trial.rule)) for pair in trial.scores.wrong)
        lines += _examples("wrong joins", wrong)
        lines += _examples("missed", (_line(one.pair, "did not join", one.why) for one in trial.scores.missed))
    lines += _examples(
        "near misses",
        (
            _line(pair, "stays apart from", f"{distance(pair, trial.rule)}; {name} joins them")
            for name, pair in trial.near_misses
        ),
    )
    lines += _examples("unreadable", (printable(f"{one.image_id}: {one.code}: {one.message}") for one in unreadable))
    return "\n".join(lines)


def speed(trial: Trial) -> float:
    """Pictures fingerprinted per second, on all cores."""
    return len(trial.pictures.candidates) / max(trial.pictures.seconds, 1e-9)


def distance(pair: Pair, rule: SimilarityRule) -> str:
    """How far two pictures are apart in what the rule compares, in words."""
    if pair.is_exact:
        return "same bytes"
    if rule.ignore_colour:
        return f"{pair.bits} bits"
    return f"{pair.bits} bits, ΔE {tenths(pair.colour)}, chroma {tenths(pair.chroma)}"


def limits(rule: SimilarityRule) -> tuple[str, str, str]:
    """The bits, ΔE and chroma that a rule allows; a dash for what it does not compare."""
    if rule.ignore_colour:
        return str(rule.max_hash_distance), "-", "-"
    return str(rule.max_hash_distance), f"{rule.max_colour_distance:g}", f"{rule.max_chroma_distance:g}"


def percent(share: float | None) -> str:
    """A share of 0 to 1; a dash for none."""
    return "-" if share is None else f"{100 * share:.1f} %"


def as_json(trial: Trial) -> dict[str, Any]:
    """The whole of it: figures of every rule, and what the chosen one does with which picture."""
    scores = trial.scores
    return {
        "pictures": len(trial.pictures.candidates),
        "seconds": round(trial.pictures.seconds, 3),
        "pictures_per_second": round(speed(trial), 1),
        "too_little_detail": [one.upload.image_id for one in trial.plain],
        "labelled": trial.labelled if trial.labels else None,
        "chosen": trial.chosen,
        "rules": {name: _figures(outcome) for name, outcome in trial.outcomes.items()},
        "groups": [
            {"leader": joins[0].earlier.upload.image_id, "joins": [_apart(join, "leader") for join in joins]}
            for joins in trial.grouping.groups
        ],
        "near_misses": [{**_apart(pair, "earlier"), "joined_by": name} for name, pair in trial.near_misses],
        "wrong_joins": None if scores is None else [_apart(pair, "leader") for pair in scores.wrong],
        "missed": None if scores is None else [{**_apart(m.pair, "earlier"), "why": m.why} for m in scores.missed],
        "unreadable": [
            {"path": one.image_id, "code": one.code, "message": one.message} for one in trial.pictures.unreadable
        ],
    }


def _figures(outcome: Outcome) -> dict[str, Any]:
    grouping, scores = outcome.grouping, outcome.scores
    judged = {} if scores is None else {"precision": scores.precision, "recall": scores.recall}
    return {
        "max_hash_distance": grouping.rule.max_hash_distance,
        "max_colour_distance": grouping.rule.max_colour_distance,
        "max_chroma_distance": grouping.rule.max_chroma_distance,
        "ignore_colour": grouping.rule.ignore_colour,
        "captions": len(grouping.leaders),
        "groups": len(grouping.groups),
        "copies": len(grouping.joins),
        "share": round(grouping.share, 4),
        "same_bytes": grouping.exact,
        "near": len(grouping.joins) - grouping.exact,
        **judged,
    }


def _apart(pair: Pair, role: str) -> dict[str, Any]:
    return {
        "path": pair.picture.upload.image_id,
        role: pair.earlier.upload.image_id,
        "same_bytes": pair.is_exact,
        "hash_distance": pair.bits,
        "colour_distance": round(pair.colour, 2),
        "chroma_distance": round(pair.chroma, 2),
    }


def _rows(trial: Trial) -> list[tuple[str, ...]]:
    judged = ("precision", "recall") if trial.labels else ()
    rows = [("preset", "bits", "ΔE", "chroma", "captions", "groups", "copies", "share", "same bytes", "near", *judged)]
    for name, outcome in trial.outcomes.items():
        figures = _figures(outcome)
        numbers = [figures[column] for column in ("captions", "groups", "copies")]
        rows.append(
            (
                name + (" *" if name == trial.chosen else ""),
                *limits(outcome.grouping.rule),
                *(f"{number:,}" for number in numbers),
                percent(figures["share"]),
                f"{figures['same_bytes']:,}",
                f"{figures['near']:,}",
                *(percent(figures[column]) for column in judged),
            )
        )
    return rows


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return ["  ".join((row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:]))) for row in rows]


def _examples(title: str, lines: Iterable[str]) -> list[str]:
    every = list(lines)
    if not every:
        return []
    more = [f"  and {len(every) - MOST_LINES:,} more"] if len(every) > MOST_LINES else []
    return ["", f"{title}: {len(every):,}", *(f"  {line}" for line in every[:MOST_LINES]), *more]


def _line(pair: Pair, verb: str, said: str) -> str:
    """Both names and what is said of them, which may hold a value of the labels."""
    return printable(f"{pair.picture.upload.image_id} {verb} {pair.earlier.upload.image_id}: {said}")
