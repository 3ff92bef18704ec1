"""The job's configuration: frozen dataclasses, defaults beside the fields, checked when made."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field

from pipeline.kafka.connection import KafkaOptions
from pipeline.kafka.positions import Uploads
from pipeline.kafka.span import Span
from pipeline.metrics.options import MetricsOptions
from schemas.codec import WireFormat
from schemas.registry.options import RegistryOptions
from transforms.audit import ALL, Audit
from transforms.cache import CacheOptions
from transforms.captioner.api import CaptionerOptions
from transforms.captioner.prompts import Library
from transforms.errors import ConfigInvalid
from transforms.fetch import FetchLimits
from transforms.index.limits import IndexLimits
from transforms.inspect import InspectLimits
from transforms.means import DeskOptions
from transforms.review import ReviewPolicy, load_policy
from transforms.scope import ByScope
from transforms.similarity import SimilarityRule
from transforms.stage_options import CaptionOptions, DuplicateOptions


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of the topics that the job writes."""

    captions: str = "image-captions"
    dead_letters: str = "image-captions-dead-letters"
    audit: str = "image-captions-audit"
    cache: str = ""
    """Compacted: generated texts go there too, and a new job starts with them. Empty: none."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` when two are the same."""
        _check_names(self.every)

    @property
    def names(self) -> tuple[str, ...]:
        """Those of which each upload leaves something in one."""
        return self.captions, self.dead_letters, self.audit

    @property
    def every(self) -> tuple[str, ...]:
        """All that are written."""
        return (*self.names, self.cache) if self.cache else self.names


@dataclass(frozen=True, slots=True)
class Config:
    """One job."""

    kafka: KafkaOptions = field(default_factory=KafkaOptions)
    uploads: Uploads = field(default_factory=Uploads)
    topics: Topics = field(default_factory=Topics)
    uploads_wire: WireFormat = field(default_factory=WireFormat)
    captions_wire: WireFormat = field(default_factory=WireFormat)
    audit_wire: WireFormat = field(default_factory=WireFormat)
    registry: RegistryOptions | None = None
    """Where the schema ids of captions and audit records are looked up at launch."""
    fetch: FetchLimits = field(default_factory=FetchLimits)
    inspect: InspectLimits = field(default_factory=InspectLimits)
    similarity: SimilarityRule = field(default_factory=SimilarityRule)
    index: IndexLimits = field(default_factory=IndexLimits)
    index_bytes: int = 1 << 30
    """Memory of a Python worker for the indexes of all merchants."""
    splits: tuple[tuple[str, int], ...] = ()
    """Hot merchants, with the number of keys that each is split into."""
    captioner: CaptionerOptions = field(default_factory=CaptionerOptions)
    prompts: Library = field(default_factory=Library.load)
    """Whole, as the workers get it: they need not see the file it came from."""
    review: ReviewPolicy = field(default_factory=load_policy)
    """Whole, too."""
    desk: DeskOptions = field(default_factory=DeskOptions)
    cache: CacheOptions = field(default_factory=CacheOptions)
    """Texts that jobs share."""
    metrics: MetricsOptions = field(default_factory=MetricsOptions)
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    is_replay: bool = True
    cached: tuple[Span, ...] = ()
    """What the cache topic held at launch."""
    published: tuple[Span, ...] | None = None
    """What the captions topic held at launch: uploads whose caption lies there are skipped. None: none is."""
    audit_texts: str = ALL
    """One of `transforms.audit.TEXTS`."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it: above all, the job must not read what it writes."""
        _check_names((*self.uploads.topics, *self.topics.every))
        for name in self.topics.every:
            if self.uploads.matches(name):
                raise ConfigInvalid(
                    f"pattern `{self.uploads.pattern}` matches `{name}`, which the job writes; mend --topic-pattern"
                )
        if self.index_bytes < 1 << 20:
            raise ConfigInvalid(f"`{self.index_bytes}` bytes hold no index; mend --index-memory")
        ByScope(self.splits)
        self.audit()
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", self.run_id):
            raise ConfigInvalid(f"run id `{self.run_id}` is not 1 to 64 of `A-Z a-z 0-9 . _ -`; mend --run-id")

    def audit(self) -> Audit:
        """What makes audit records."""
        return Audit(self.topics.audit, self.run_id, self.audit_wire, texts=self.audit_texts)

    def caption_options(self) -> CaptionOptions:
        """What the caption stage gets."""
        parts = (self.run_id, self.captioner, self.prompts, self.similarity, self.review, self.desk)
        return CaptionOptions(*parts, self.cache, keep_texts_seconds=self.index.keep_seconds * 1.25)

    def duplicate_options(self) -> DuplicateOptions:
        """What Find duplicate gets."""
        return DuplicateOptions(self.run_id, self.similarity, self.index, self.index_bytes)


def _check_names(names: tuple[str, ...]) -> None:
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise ConfigInvalid(
            f"topic `{repeated}` is used twice; mend --topic, --captions-topic, --dead-letters-topic, --audit-topic "
            "or --cache-topic"
        )
