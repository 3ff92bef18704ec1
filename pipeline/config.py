"""The job's configuration: frozen dataclasses, defaults beside the fields, checked when made."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from pipeline.kafka.connection import KafkaOptions
from schemas.codec import WireFormat
from transforms.caption import CaptionOptions
from transforms.captioner.api import CaptionerOptions
from transforms.desk import DeskOptions
from transforms.errors import ConfigInvalid
from transforms.fetch import FetchLimits
from transforms.inspect import InspectLimits
from transforms.review import ReviewPolicy
from transforms.similarity import SimilarityRule


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of the topics."""

    uploads: str = "image-uploads"
    captions: str = "image-captions"
    dead_letters: str = "image-captions-dead-letters"
    audit: str = "image-captions-audit"

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` when two are the same: the job would read what it writes."""
        names = (self.uploads, self.captions, self.dead_letters, self.audit)
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise ConfigInvalid(
                f"topic `{repeated}` is used twice; mend --topic, --captions-topic, "
                "--dead-letters-topic or --audit-topic"
            )


@dataclass(frozen=True, slots=True)
class Config:
    """One job."""

    kafka: KafkaOptions = field(default_factory=KafkaOptions)
    topics: Topics = field(default_factory=Topics)
    uploads_wire: WireFormat = field(default_factory=WireFormat)
    fetch: FetchLimits = field(default_factory=FetchLimits)
    inspect: InspectLimits = field(default_factory=InspectLimits)
    similarity: SimilarityRule = field(default_factory=SimilarityRule)
    captioner: CaptionerOptions = field(default_factory=CaptionerOptions)
    prompts: str = "default"
    """Name or path of the prompt library."""
    review: ReviewPolicy = field(default_factory=ReviewPolicy)
    desk: DeskOptions = field(default_factory=DeskOptions)
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    is_replay: bool = True

    def caption_options(self) -> CaptionOptions:
        """What the caption stage gets."""
        return CaptionOptions(self.run_id, self.captioner, self.prompts, self.similarity, self.review, self.desk)
