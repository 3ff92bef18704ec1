"""What the caption stage works with and what it gives out."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.cache import TextCache
from transforms.captioner.api import Sampling
from transforms.errors import ConfigInvalid
from transforms.inflight import Inflight
from transforms.plan import Planner
from transforms.review import ReviewPolicy
from transforms.similarity import SimilarityRule
from transforms.values import Caption, DeadLetter, Refusal, Tombstone

STAGE = "Caption image"
Output = Caption | Tombstone | Refusal | DeadLetter


@dataclass(frozen=True, slots=True)
class DeskOptions:
    """How the caption stage asks and waits."""

    sampling: Sampling = Sampling()
    retry_sampling: Sampling = Sampling(temperature=0.7, top_p=0.9)
    """A refused greedy answer would come out the same again, so retries sample, seeded from the event."""
    max_waiting: int = 64
    """Duplicates that wait for one leader; the next one waits inside the stage until the leader is done."""
    max_failures: int = 3
    """Uploads of a group that may fail in a row before those that wait fail with them."""
    audit_share: float = 0.0
    """Share of duplicates, 0 to 1, that are captioned all the same and compared with the text they would have got."""
    distrust_seconds: float = 5.0
    """A group this process has not touched for so long may have lived elsewhere: its state is read again."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        if not 0 <= self.audit_share <= 1:
            raise ConfigInvalid(f"audit share `{self.audit_share:g}` is not 0 to 1; mend --audit-sample")


@dataclass(frozen=True, slots=True)
class Means:
    """What every visit works with; shared by the DoFn instances of the process."""

    planner: Planner
    inflight: Inflight
    rule: SimilarityRule
    policy: ReviewPolicy
    options: DeskOptions
    cache: TextCache | None = None
    """Texts of other jobs."""
