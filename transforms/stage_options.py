"""What the two stateful stages are told, without Beam: the commands build it, and most of them start no job."""

from __future__ import annotations

from dataclasses import dataclass, field

from transforms.cache import CacheOptions
from transforms.captioner.api import CaptionerOptions
from transforms.captioner.prompts import Library
from transforms.index.limits import IndexLimits
from transforms.means import DeskOptions
from transforms.review import ReviewPolicy
from transforms.similarity import SimilarityRule


@dataclass(frozen=True, slots=True)
class DuplicateOptions:
    """Everything Find duplicate needs on a worker."""

    job: str
    """Keeps the indexes of jobs in one process apart."""
    rule: SimilarityRule = field(default_factory=SimilarityRule)
    limits: IndexLimits = field(default_factory=IndexLimits)
    memory_bytes: int = 1 << 30
    """Of a process, for all scopes; the one in use may pass it."""


@dataclass(frozen=True, slots=True)
class CaptionOptions:
    """Everything the caption stage needs on a worker."""

    job: str
    captioner: CaptionerOptions
    prompts: Library
    rule: SimilarityRule
    policy: ReviewPolicy
    desk: DeskOptions = DeskOptions()
    cache: CacheOptions = CacheOptions()
    poll_seconds: float = 0.05
    """Real time between two looks at a pending group."""
    patience_seconds: float = 0.05
    """A poll waits so long for a result, once a bundle: the embedded runner fires real-time timers early."""
    keep_texts_seconds: float = 75 * 24 * 3600.0
    """Event time after which a group's texts go; longer than the duplicate index keeps its leaders."""
