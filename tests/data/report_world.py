"""Records of the job's topics as the job itself encodes them, for what reads them.

::

    world = World()
    first = world.caption("img-0", offset=0, at=5)                 # uploaded at second 0, captioned at second 5
    world.caption("img-1", offset=1, at=6, reuses=first)
    world.refused("img-2", offset=2, at=7, rules=("repetition",))
    world.letter("img-3", offset=3, at=8, error=ImageMissing("gone"))
    world.captions, world.audits, world.letters
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from data import samples

from pipeline.report.gather import Gathering
from pipeline.report.read import ReportTopics
from pipeline.report.report import Report
from pipeline.report.window import Window
from schemas.codec import Encoder
from transforms.audit import Audit
from transforms.dead_letter import dead_letter, encode
from transforms.encode import Encode
from transforms.errors import InputError
from transforms.values import Candidate, Caption, Finished, KafkaRecord, Outgoing, Refusal, Text, Tombstone

START_MS = samples.NEW_YEAR_MS


def lies(sent: Outgoing, topic: str, offset: int, partition: int = 0) -> KafkaRecord:
    """What was sent, as a consumer meets it."""
    return KafkaRecord(topic, partition, offset, sent.timestamp_ms or 0, sent.key, sent.value, sent.headers)


@dataclass
class World:
    """Topics, each of one partition. Times are seconds after `START_MS`."""

    audit_texts: str = "all"
    is_replay: bool = False
    captions: list[KafkaRecord] = field(default_factory=list)
    audits: list[KafkaRecord] = field(default_factory=list)
    letters: list[KafkaRecord] = field(default_factory=list)

    def caption(
        self,
        image_id: str,
        offset: int = 0,
        at: float = 0.0,
        reuses: Caption | None = None,
        languages: Sequence[str] = ("en",),
        flags: Sequence[str] = (),
        changes: dict[str, Any] | None = None,
        content: bytes | None = None,
        event_id: str = "",
        uploaded: float = 0.0,
        **asked: Any,
    ) -> Caption:
        """A caption with its audit records; ``changes`` are of its texts."""
        of = samples.candidate(image_id, content, offset=offset, languages=languages, **asked)
        of = replace(of, upload=replace(of.upload, uploaded_at_ms=self._ms(uploaded)))
        if reuses is None:
            texts = tuple(self.text(of, language, **(changes or {})) for language in languages)
        else:
            texts = tuple(replace(text, **(changes or {})) for text in reuses.texts)
        caption = replace(
            samples.caption(of, texts, (reuses is not None,) * len(texts), event_id or f"event-{image_id}-{offset}"),
            duplicate_of=None if reuses is None else reuses.upload.image_id,
            hash_distance=None if reuses is None else 2,
            colour_distance=None if reuses is None else 3.5,
            flags=tuple(flags),
        )
        publication = self._encode(at)(Finished(caption=caption))
        self.audits += [lies(sent, "audits", len(self.audits) + n) for n, sent in enumerate(publication.audits)]
        self.captions.append(lies(publication.records[0], "captions", len(self.captions)))
        return caption

    def text(self, of: Candidate, language: str = "en", **changes: Any) -> Text:
        """An answer about a picture."""
        words = {"en": "A red mug on a white table.", "zh-Hans": "白色桌子上的红色杯子。"}
        return replace(samples.text(words.get(language, "?"), language, of=of), **changes)

    def refused(self, image_id: str, offset: int = 0, at: float = 0.0, language: str = "en", **changes: Any) -> None:
        """An answer that the review refused; its event is that of `caption`."""
        of = samples.candidate(image_id, offset=offset, languages=(language,))
        event_id = f"event-{image_id}-{offset}"
        refusal = Refusal(event_id, of.record, of.upload, of.picture, self.text(of, language, **changes))
        (sent,) = self._audit(at)(refusal).audits
        self.audits.append(lies(sent, "audits", len(self.audits)))

    def withdrawn(self, image_id: str, offset: int = 0, at: float = 0.0) -> None:
        """The image was deleted."""
        tombstone = Tombstone(samples.record(offset, image_id.encode(), None), image_id, "shop")
        (sent,) = self._encode(at)(Finished(tombstone=tombstone)).records
        self.captions.append(lies(sent, "captions", len(self.captions)))

    def letter(
        self,
        image_id: str,
        error: InputError,
        offset: int = 0,
        at: float = 0.0,
        attempt: int = 0,
        stage: str = "Fetch image",
    ) -> None:
        """A dead letter of an upload."""
        value = Encoder("image_upload").encode(
            {
                "image_id": image_id,
                "uploaded_at": START_MS,
                "merchant": "shop",
                "uri": "https://h.example/1.jpg?k=t0ken",
            }
        )
        source = samples.record(offset, image_id.encode(), value, {"caption.error.attempt": str(attempt).encode()})
        sent = encode(dead_letter(source, stage, error), "dead", "run-1", self._ms(at))
        self.letters.append(lies(sent, "dead", len(self.letters)))

    def _encode(self, at: float) -> Encode:
        return Encode("captions", "run-1", self.is_replay, self._audit(at), clock=lambda: self._ms(at) / 1000)

    def _audit(self, at: float) -> Audit:
        return Audit("audits", "run-1", clock=lambda: self._ms(at) / 1000, texts=self.audit_texts)

    @staticmethod
    def _ms(at: float) -> int:
        return START_MS + round(at * 1000)


def gathered(world: World, window: Window = Window()) -> Gathering:
    """What a report gathers from the world."""
    found = Gathering(window)
    for letter in world.letters:
        found.add_letter(letter)
    for caption in world.captions:
        found.add_caption(caption)
    for audit in world.audits:
        found.add_audit(audit)
    found.finish()
    return found


def report_of(found: Gathering, price: float | None = None, gpus: int = 1) -> Report:
    """The finished report."""
    return Report(found, "broker:9092", ReportTopics("captions", "dead", "audits"), START_MS, gpus, price)
