"""The frozen value objects that cross stages."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from PIL import Image

PartOfRecord = Annotated[bytes, "part of record"]
"""Bytes that are often a part of the value of the ``record`` beside them: then they are not written twice."""
TRANSIENT = {"avro": "transient"}
"""Metadata of a field that is handed from stage to stage in memory and never written: it may always be missing."""


class Task(StrEnum):
    """What an upload asks for."""

    DESCRIBE = "DESCRIBE"
    MODERATE = "MODERATE"
    INDEX = "INDEX"
    ANSWER = "ANSWER"
    UNKNOWN = "UNKNOWN"


class ModerationVerdict(StrEnum):
    """What a model says of a picture that is to be moderated, from harmless to grave."""

    SAFE = "SAFE"
    SENSITIVE = "SENSITIVE"
    """A person should look at it."""
    VIOLATION = "VIOLATION"


class Reason(StrEnum):
    """What a picture is found to show."""

    NUDITY = "NUDITY"
    SEXUAL = "SEXUAL"
    VIOLENCE = "VIOLENCE"
    GORE = "GORE"
    WEAPON = "WEAPON"
    DRUGS = "DRUGS"
    TOBACCO = "TOBACCO"
    GAMBLING = "GAMBLING"
    HATE = "HATE"
    POLITICS = "POLITICS"
    SELF_HARM = "SELF_HARM"
    MINOR = "MINOR"
    """A child where none should be."""
    CONTACT = "CONTACT"
    """Contact data, a code to scan."""
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Region:
    """Where in a picture: thousandths of the upright picture's width and height, from its upper left corner."""

    reason: Reason
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Moderation:
    """An answer to MODERATE, but for its explanation in words."""

    verdict: ModerationVerdict
    reasons: tuple[Reason, ...]
    """Without repeats; empty when and only when it is safe."""
    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """A Kafka record header."""

    name: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class KafkaRecord:
    """A record as it came from the broker; it rides along to the dead-letter topic untouched."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    """Milliseconds since the epoch, as stored by the broker."""
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()

    def coordinates(self) -> str:
        """``topic/partition/offset``: names this record and no other."""
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Upload:
    """A decoded upload event. Exactly one of ``uri`` and ``inline`` is set until the picture is fetched."""

    image_id: str
    uploaded_at_ms: int
    merchant: str
    category: str
    task: Task
    languages: tuple[str, ...]
    """Normalised BCP 47 tags, without repeats, in the order asked for."""
    attributes: tuple[tuple[str, str], ...]
    """Product attributes (title, brand, colour, sku, …) sorted by name."""
    question: str | None = None
    uri: str | None = None
    inline: bytes | None = None

    def attribute(self, name: str) -> str | None:
        """The attribute's value, or None when the event does not have it."""
        return next((value for key, value in self.attributes if key == name), None)


@dataclass(frozen=True, slots=True)
class Picture:
    """An inspected picture: safe to decode, at most 512 KiB."""

    encoded: PartOfRecord
    """The bytes as fetched without their metadata, or a JPEG scaled to the model's pixel budget where those were over
    512 KiB. A part of the record where there was no metadata."""
    sha256: bytes
    """Digest of the bytes as fetched, 32 bytes."""
    format: str
    """Sniffed from the content: JPEG, PNG, WEBP, GIF or AVIF."""
    width: int
    """Upright width in pixels, as fetched."""
    height: int
    frames: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What two pictures are compared by."""

    phash: bytes
    """64-bit DCT hash (imagehash.phash) of the upright picture on white, 8 bytes big-endian."""
    lab: bytes
    """8 × 8 CIE Lab thumbnail, 192 bytes: int8 L-50, a, b per cell, row by row."""
    quality: int
    """0–100, gradient energy as in Meta's PDQ; below 50 the hash says nothing."""
    version: int
    """Algorithm version; fingerprints of different versions are never compared."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A record and the upload it holds."""

    record: KafkaRecord
    upload: Upload


@dataclass(frozen=True, slots=True)
class Fetched:
    """An upload with the bytes of its picture, not yet looked at."""

    record: KafkaRecord
    upload: Upload
    image: PartOfRecord


@dataclass(frozen=True, slots=True)
class Inspected:
    """An upload with a picture that is safe to decode."""

    record: KafkaRecord
    upload: Upload
    picture: Picture
    decoded: Image.Image | None = field(default=None, compare=False, repr=False, metadata=TRANSIENT)
    """The picture as the fingerprint wants it, so that it is decoded once: RGB, upright, on white, perhaps smaller."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An upload ready to be compared and captioned."""

    record: KafkaRecord
    upload: Upload
    picture: Picture
    fingerprint: Fingerprint
    deleted: bool = False
    """A deletion of the image overtook this upload: its caption is followed by a tombstone."""
    is_placeholder: bool = False
    """So many images show this picture that it is no product: "no image", a logo."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """A tombstone on the uploads topic: the image's captions go.

    With a task it is Find duplicate's word to a group that the image shows another picture now: a caption of that
    task that is still owed to an earlier upload of it must not come out after the new picture's.
    """

    record: KafkaRecord
    image_id: str
    merchant: str
    task: Task | None = None


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
class Arrival:
    """What reaches Find duplicate: exactly one of the three is set."""

    candidate: Candidate | None = None
    deletion: Deletion | None = None
    known: KnownTexts | None = None
    is_told: bool = False
    """For the parts of a split merchant: another part answers, this one only where it knows the image."""


class Role(StrEnum):
    """What Find duplicate says of an arrival."""

    NEW_LEADER = "NEW_LEADER"
    """The first picture of its group: nothing is known under its leader id."""
    MEMBER = "MEMBER"
    """A duplicate of the leader, the leader delivered again, or one that leads anew after a deletion."""
    DELETION = "DELETION"
    REPLACED = "REPLACED"
    """A `Deletion` with a task: the image shows another picture now."""
    KNOWN = "KNOWN"
    """Texts of an earlier job, for the group that their picture belongs to."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """An arrival with the group it belongs to."""

    leader_id: str
    role: Role
    arrival: Arrival


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One line of a scope's journal; the index in memory is the journal replayed."""

    sequence: int
    """Place in the journal: a bag does not keep order."""
    kind: str
    """``leader``, ``member``, ``repeat``, ``deleted`` or ``elsewhere``: see `transforms.index.showings`."""
    leader_id: str
    image_id: str
    sha256: bytes
    veto: str
    """The attributes that forbid a merge when they differ, rendered."""
    fingerprint: Fingerprint | None
    """Leaders only."""
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    task: Task | None = None
    """Of uploads."""


@dataclass(frozen=True, slots=True)
class IndexChunk:
    """Many lines of a scope's journal with what became of them, packed: the index is read back at once."""

    sequence: int
    """Place in the journal."""
    showings: bytes
    """Rows of `transforms.index.showings.SHOWING`."""
    leaders: bytes
    """Rows of `transforms.index.leaders.LEADER`, one for each row above that founded a group."""
    veto: bytes
    """A uint64 for each of these leaders and each of ``veto_names``, little-endian: `veto_words`."""
    veto_names: tuple[str, ...]
    places: tuple[str, ...]
    """``topic/partition`` by the number that the rows have."""
    has_forgotten: bool = False
    """Leaders were dropped before: a leader id that is not here may have a state elsewhere."""


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
class GroupState:
    """The one state cell of Caption image, by leader id."""

    texts: tuple[Text, ...] = ()
    pending: tuple[Candidate, ...] = ()
    """Uploads whose generation was submitted; submitted again after a restore."""
    deletions: tuple[Deletion, ...] = ()
    """Deletions, and words of another picture, that came while the image's caption was still owed."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that the review refused: for the audit topic only."""

    event_id: str
    record: KafkaRecord
    upload: Upload
    picture: Picture
    text: Text


@dataclass(frozen=True, slots=True)
class Caption:
    """A finished caption record, before it is encoded."""

    event_id: str
    record: KafkaRecord
    upload: Upload
    picture: Picture
    fingerprint: Fingerprint
    texts: tuple[Text, ...]
    reused: tuple[bool, ...]
    """One flag per text."""
    duplicate_of: str | None
    hash_distance: int | None
    colour_distance: float | None
    flags: tuple[str, ...] = ()
    """``placeholder``, ``audited``, ``audit_disagrees``."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The captions of an image are withdrawn."""

    record: KafkaRecord
    image_id: str
    merchant: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that did not become a caption, and why."""

    record: KafkaRecord
    stage: str
    code: str
    retryable: bool
    message: str
    error_class: str
    stacktrace: str = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to be produced."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()
    timestamp_ms: int | None = None
    origin: KafkaRecord | None = None
    """The upload record it answers; kept for the dead letter when the broker refuses this one."""


@dataclass(frozen=True, slots=True)
class Publication:
    """Records that belong together: the audit records are flushed before the others are sent."""

    audits: tuple[Outgoing, ...]
    records: tuple[Outgoing, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """What Caption image publishes, in order: exactly one of the two is set."""

    caption: Caption | None = None
    tombstone: Tombstone | None = None

    @property
    def record(self) -> KafkaRecord:
        """The upload or deletion it answers."""
        if self.caption is not None:
            return self.caption.record
        if self.tombstone is not None:
            return self.tombstone.record
        raise ValueError("a finished output is a caption or a tombstone; this one is neither")
