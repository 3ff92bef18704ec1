"""What is prefilled for a picture and its prompts: one row of tokens, the picture in it once. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """Tokens of one picture with one or more prompts.

    The tokens up to where the prompts begin to differ are shared; behind them lie the rests of the prompts, one after
    the other, which do not see each other.
    """

    ids: tuple[int, ...]
    positions: tuple[int, ...]
    """Of each token. Those of the picture are placeholders: they have three axes."""
    first_visual: int
    """Index of the picture's first token."""
    rows: int
    """Visual tokens from top to bottom."""
    columns: int
    shared: int
    """Tokens that all prompts see."""
    rests: tuple[tuple[int, int], ...]
    """Start and stop of each prompt's own tokens, one at least; without a picture shared by several, just one."""

    @property
    def visual(self) -> int:
        """Visual tokens."""
        return self.rows * self.columns

    @property
    def shift(self) -> int:
        """Position of a token behind the picture minus its index in its own prompt.

        It is negative: the positions of a picture run along its longer side only.
        """
        return max(self.rows, self.columns) - self.visual

    def length(self, prompt: int) -> int:
        """Tokens of one prompt, what it shares included."""
        start, stop = self.rests[prompt]
        return self.shared + stop - start

    @property
    def shape(self) -> tuple[int, tuple[tuple[int, int], ...]]:
        """Rows of equal shape are attended to together."""
        return self.shared, self.rests


def lay_out(before: Sequence[int], image_id: int, rows: int, columns: int, afters: Sequence[Sequence[int]]) -> Row:
    """The row of a picture of rows x columns visual tokens, the ids before it and each prompt's ids after it."""
    first, visual = len(before), rows * columns
    common = _common(afters)
    ids = [*before, *[image_id] * visual, *afters[0][:common]]
    behind = first + max(rows, columns)
    positions = [*range(first), *[first] * visual, *range(behind, behind + common)]
    shared, rests = len(ids), []
    for after in afters:
        rest = after[common:]
        rests.append((len(ids), len(ids) + len(rest)))
        ids += rest
        positions += range(behind + common, behind + common + len(rest))
    return Row(tuple(ids), tuple(positions), first, rows, columns, shared, tuple(rests))


def _common(afters: Sequence[Sequence[int]]) -> int:
    """Ids that all begin with; one at least is left to each, for its answer begins behind it."""
    least = min(len(after) for after in afters) - 1
    first = afters[0]
    return next((n for n in range(least) if any(after[n] != first[n] for after in afters)), least)
