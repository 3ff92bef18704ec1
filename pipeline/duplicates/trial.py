"""One trial: a folder's pictures, grouped by the rule that was chosen and, beside it, by every preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.duplicates.fingerprints import Pictures
from pipeline.duplicates.grouping import Grouping, Pair, group, near_misses
from pipeline.duplicates.labels import Label
from pipeline.duplicates.scores import Scores, score
from transforms.similarity import PRESETS, SimilarityRule
from transforms.values import Candidate

CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one rule does with the pictures."""

    grouping: Grouping
    scores: Scores | None
    """None without labels."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Everything the summary and the page tell."""

    pictures: Pictures
    labels: Mapping[str, Label]
    outcomes: dict[str, Outcome]
    """By the rule's name: the presets from strict to lenient, then ``custom`` if it was."""
    chosen: str
    near_misses: tuple[tuple[str, Pair], ...]
    """By the preset that merges them."""

    @property
    def rule(self) -> SimilarityRule:
        """The one that was chosen."""
        return self.grouping.rule

    @property
    def grouping(self) -> Grouping:
        """What it makes of the pictures."""
        return self.outcomes[self.chosen].grouping

    @property
    def scores(self) -> Scores | None:
        """How often it is right."""
        return self.outcomes[self.chosen].scores

    @property
    def plain(self) -> tuple[Candidate, ...]:
        """The pictures with too little detail for a hash: found again by equal bytes only."""
        return tuple(one for one in self.pictures.candidates if one.fingerprint.quality < self.rule.min_quality)

    @property
    def labelled(self) -> int:
        """Pictures that have a product."""
        ids = (one.upload.image_id for one in self.pictures.candidates)
        return sum(bool(image_id in self.labels and self.labels[image_id].product) for image_id in ids)


def compare_rules(pictures: Pictures, labels: Mapping[str, Label], rule: SimilarityRule) -> Trial:
    """Group the pictures by the rule and by the presets: the fingerprints are the same."""
    chosen = next((name for name, preset in PRESETS.items() if preset == rule), CUSTOM)
    outcomes = {}
    for name, one in {**PRESETS, chosen: rule}.items():
        grouping = group(pictures.candidates, one)
        outcomes[name] = Outcome(grouping, score(grouping, labels) if labels else None)
    wider = {name: outcomes[name].grouping for name, preset in PRESETS.items() if _reaches_beyond(preset, rule)}
    misses = near_misses(outcomes[chosen].grouping, wider)
    return Trial(pictures, labels, outcomes, chosen, tuple(misses))


def _reaches_beyond(preset: SimilarityRule, rule: SimilarityRule) -> bool:
    return preset.max_hash_distance > rule.max_hash_distance or (
        not rule.ignore_colour
        and (
            preset.max_colour_distance > rule.max_colour_distance
            or preset.max_chroma_distance > rule.max_chroma_distance
        )
    )
