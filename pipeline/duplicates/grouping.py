"""Which pictures one rule calls the same: what Find duplicate says of them in their order."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from transforms.fingerprint import chroma_distance, colour_distance, hash_distance
from transforms.index.decide import DuplicateIndex
from transforms.similarity import SimilarityRule, vetoes
from transforms.values import Arrival, Candidate, Role


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture beside an earlier one."""

    picture: Candidate
    earlier: Candidate

    @property
    def is_exact(self) -> bool:
        """Whether their bytes are equal."""
        return self.picture.picture.sha256 == self.earlier.picture.sha256

    @property
    def bits(self) -> int:
        """Hash distance, of 64."""
        return hash_distance(self.picture.fingerprint, self.earlier.fingerprint)

    @property
    def colour(self) -> float:
        """CIE76 dE of the worst cell."""
        return colour_distance(self.picture.fingerprint, self.earlier.fingerprint)

    @property
    def chroma(self) -> float:
        """The same of a and b alone, without lightness."""
        return chroma_distance(self.picture.fingerprint, self.earlier.fingerprint)

    def strain(self, rule: SimilarityRule) -> float:
        """How far the distances go towards the rule's limits: 0 for the same, 1 at a limit, -1 for equal bytes."""
        if self.is_exact:
            return -1.0
        shares = [self.bits / max(rule.max_hash_distance, 1)]
        if not rule.ignore_colour:
            shares.append(self.colour / max(rule.max_colour_distance, 1.0))
            shares.append(self.chroma / max(rule.max_chroma_distance, 1.0))
        return max(shares)


@dataclass(frozen=True, slots=True)
class Grouping:
    """The leaders, and who joined them."""

    rule: SimilarityRule
    leaders: tuple[Candidate, ...]
    """In order of arrival: each would be captioned."""
    joins: tuple[Pair, ...]
    """In order of arrival: each would have the text of its leader, which is the earlier one."""

    @property
    def groups(self) -> list[list[Pair]]:
        """The joins of each leader that has any, in order of arrival of the leaders."""
        groups: dict[str, list[Pair]] = {}
        for join in self.joins:
            groups.setdefault(join.earlier.upload.image_id, []).append(join)
        return [groups[one.upload.image_id] for one in self.leaders if one.upload.image_id in groups]

    @property
    def exact(self) -> int:
        """Joins whose bytes are those of the leader."""
        return sum(join.is_exact for join in self.joins)

    @property
    def share(self) -> float:
        """Share of the pictures that joined, 0 to 1."""
        return len(self.joins) / max(1, len(self.leaders) + len(self.joins))


def group(candidates: Iterable[Candidate], rule: SimilarityRule) -> Grouping:
    """Ask the job's index of each merchant, in order; nothing is forgotten on the way."""
    indexes: dict[str, DuplicateIndex] = {}
    leaders: dict[tuple[str, str], Candidate] = {}
    joins = []
    for candidate in candidates:
        scope = candidate.upload.merchant
        index = indexes.setdefault(scope, DuplicateIndex(scope, rule))
        ((assignment,), _) = index.assign(Arrival(candidate=candidate))
        if assignment.role is Role.NEW_LEADER:
            leaders[scope, assignment.leader_id] = candidate
        else:
            joins.append(Pair(candidate, leaders[scope, assignment.leader_id]))
    return Grouping(rule, tuple(leaders.values()), tuple(joins))


def near_misses(chosen: Grouping, wider: Mapping[str, Grouping]) -> list[tuple[str, Pair]]:
    """The pictures that lead here and join an earlier one under a wider rule, with the name of the first that does.

    The least different come first.
    """
    leads = {one.upload.image_id for one in chosen.leaders}
    found: dict[str, tuple[str, Pair]] = {}
    for name, grouping in wider.items():
        for join in grouping.joins:
            if join.picture.upload.image_id in leads:
                found.setdefault(join.picture.upload.image_id, (name, join))
    return sorted(found.values(), key=lambda miss: miss[1].strain(chosen.rule))


def tenths(colour: float) -> str:
    """A ΔE or a chroma to one decimal, rounded up: what is over a limit must not look as if it were on it."""
    return f"{math.ceil(colour * 10 - 1e-9) / 10:.1f}"


def why_apart(pair: Pair, rule: SimilarityRule) -> str:
    """What keeps a rule from calling two pictures the same, in words with the values; empty when nothing does."""
    ours, theirs = (vetoes(rule.veto_key(one.upload)) for one in (pair.picture, pair.earlier))
    for name, value in ours.items():
        if theirs.get(name, value) != value:
            return f"`{name.removeprefix('@')}` differs: `{value}` and `{theirs[name]}`"
    if pair.is_exact:
        return ""
    reasons = []
    least = min(pair.picture.fingerprint.quality, pair.earlier.fingerprint.quality)
    if least < rule.min_quality:
        reasons.append(f"too little detail (quality {least}, {rule.min_quality} needed)")
    if pair.bits > rule.max_hash_distance:
        reasons.append(f"{pair.bits} bits, {rule.max_hash_distance} allowed")
    if not rule.ignore_colour and pair.colour > rule.max_colour_distance:
        reasons.append(f"ΔE {tenths(pair.colour)}, {rule.max_colour_distance:g} allowed")
    if not rule.ignore_colour and pair.chroma > rule.max_chroma_distance:
        reasons.append(f"chroma {tenths(pair.chroma)}, {rule.max_chroma_distance:g} allowed")
    return "; ".join(reasons)
