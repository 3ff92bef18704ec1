"""What the model has said for a picture, and where it is remembered."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.values.tasks import Moderation, Task
from transforms.values.uploads import Fingerprint, KafkaRecord, Picture, Upload


@dataclass(frozen=True, slots=True)
class Text:
    """One answer of the model, reviewed, and the picture it was written for."""

    reuse_key: str
    language: str
    caption: str
    """The text; for MODERATE the explanation, for INDEX the description, for ANSWER the answer."""
    finish_reason: str
    """``stop`` or ``length``."""
    prompt_id: str
    prompt_version: str
    prompt_sha256: str
    input_tokens: int
    output_tokens: int
    generation_ms: int
    temperature: float
    top_p: float
    attempt: int
    seed: int | None
    """None when decoded greedily."""
    rules: tuple[str, ...]
    """Review rules that hit; empty means it passed as it was."""
    policy_version: str
    model: str
    model_revision: str
    image_id: str
    """The picture the model saw; empty when it may be another merchant's."""
    sha256: bytes
    fingerprint: Fingerprint
    veto: str
    """Its upload's veto attributes: a text never crosses them."""
    verdict: str = "PASSED"
    """A `transforms.review.Verdict`."""
    written: str = ""
    """What the model wrote, where that is more than what is published: for the audit only."""
    alt_text: str | None = None
    keywords: tuple[str, ...] = ()
    """Of INDEX."""
    moderation: Moderation | None = None
    """Of MODERATE."""


@dataclass(frozen=True, slots=True)
class CachedTexts:
    """A record of the cache topic: what was generated for an upload."""

    merchant: str
    image_id: str
    task: Task
    topic: str
    """Where the upload first lay."""
    partition: int
    offset: int
    timestamp_ms: int
    """Of the upload, milliseconds since the epoch."""
    texts: tuple[Text, ...]
    """One or more, of one picture."""


@dataclass(frozen=True, slots=True)
class KnownTexts:
    """What an earlier job generated for an upload, read from the cache topic at launch."""

    record: KafkaRecord
    """The upload's place and time, nothing else."""
    merchant: str
    image_id: str
    task: Task
    texts: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that the review refused: for the audit topic only."""

    event_id: str
    record: KafkaRecord
    upload: Upload
    picture: Picture
    text: Text
