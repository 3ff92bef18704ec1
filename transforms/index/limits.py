"""How much of a scope the duplicate index remembers."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.errors import ConfigInvalid

SLACK = 8
"""A limit may be passed by this fraction of itself before rows are dropped, all at once."""


@dataclass(frozen=True, slots=True)
class IndexLimits:
    """How much of a scope is remembered. What is forgotten costs one more caption."""

    keep_seconds: float = 60 * 24 * 3600.0
    """Event time for which an upload is remembered. Older ones are dropped when they are an eighth of all."""
    max_leaders: int = 300_000
    """Per scope, about 150 MB; beyond it, and an eighth, the oldest are dropped. As many copies and deletions are kept
    beside them: a placeholder has millions."""
    placeholder_after: int = 100
    """Uploads of one picture by so many images: "no image", a logo. They are flagged from then on; 0: never."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        if self.placeholder_after < 0:
            raise ConfigInvalid(f"`{self.placeholder_after}` uploads are not a number; mend --placeholder-after")
        if self.keep_seconds < 60:
            raise ConfigInvalid(f"an index kept for `{self.keep_seconds:g}` s finds nothing; mend --index-ttl")
        if not 1 <= self.max_leaders <= 10_000_000:
            raise ConfigInvalid(f"`{self.max_leaders}` leaders are not 1 to 10,000,000; mend --index-leaders")
