"""How often a rule is right, by a person's labels.

A *join* is a picture that joined an earlier picture's group. *Precision* is the share of joins whose leader has the
same product. *Recall* is the share of pictures with an earlier picture of the same product and merchant that joined
a group led by one of that product. Pictures without a product, and joins with a leader without one, are not judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.duplicates.grouping import Grouping, Pair, why_apart
from pipeline.duplicates.labels import Label
from transforms.values import Candidate

_NO_LEADER = "the earlier one joined another group, and only leaders are compared"
_NEARER = "it joined another group"


@dataclass(frozen=True, slots=True)
class Missed:
    """A picture that joined none of its product."""

    pair: Pair
    """With the nearest earlier picture of it, a leader if any of them leads."""
    why: str
    """What kept them apart, in words."""


@dataclass(frozen=True, slots=True)
class Scores:
    """A grouping held against labels."""

    right: int
    """Joins with a leader of the same product."""
    wrong: tuple[Pair, ...]
    """Joins with a leader of another product."""
    missed: tuple[Missed, ...]

    @property
    def precision(self) -> float | None:
        """0 to 1; None without a join to judge."""
        joins = self.right + len(self.wrong)
        return self.right / joins if joins else None

    @property
    def recall(self) -> float | None:
        """0 to 1; None when no picture had an earlier one of its product."""
        findable = self.right + len(self.missed)
        return self.right / findable if findable else None


def score(grouping: Grouping, labels: Mapping[str, Label]) -> Scores:
    """Judge the joins, and the pictures that should have joined."""
    joined = {join.picture.upload.image_id: join for join in grouping.joins}
    leads = {leader.upload.image_id for leader in grouping.leaders}
    arrivals = sorted((*grouping.leaders, *(join.picture for join in grouping.joins)), key=_arrival)
    earlier: dict[tuple[str, str], list[Candidate]] = {}
    right, wrong, missed = 0, [], []
    for picture in arrivals:
        product, merchant = _product(picture, labels), picture.upload.merchant
        if not product:
            continue
        join = joined.get(picture.upload.image_id)
        of_leader = _product(join.earlier, labels) if join is not None else ""
        same = earlier.setdefault((merchant, product), [])
        if join is not None and of_leader == product:
            right += 1
        elif join is not None and of_leader:
            wrong.append(join)
        if same and (join is None or of_leader not in ("", product)):
            pair = _nearest(picture, [one for one in same if one.upload.image_id in leads] or same)
            why = why_apart(pair, grouping.rule) or (_NO_LEADER if join is None else _NEARER)
            missed.append(Missed(pair, why))
        same.append(picture)
    return Scores(right, tuple(wrong), tuple(missed))


def _nearest(picture: Candidate, others: list[Candidate]) -> Pair:
    return min((Pair(picture, other) for other in others), key=lambda pair: (not pair.is_exact, pair.bits, pair.colour))


def _product(picture: Candidate, labels: Mapping[str, Label]) -> str:
    label = labels.get(picture.upload.image_id)
    return label.product if label is not None else ""


def _arrival(picture: Candidate) -> int:
    return picture.record.offset
