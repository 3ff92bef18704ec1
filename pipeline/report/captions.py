"""What the captions topic says of a window."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipeline.report.seen import Seen
from pipeline.report.spread import Spread
from pipeline.report.tally import Tally
from transforms.answer import AUDITED, DISAGREES, PLACEHOLDER
from transforms.decode import milliseconds

FLAGS = (PLACEHOLDER, AUDITED, DISAGREES)


@dataclass(slots=True)
class CaptionFigures:
    """Figures of caption records, each event id once."""

    captions: int = 0
    repeats: int = 0
    """Records that say again what another one says."""
    withdrawn: int = 0
    """Records without value."""
    reused: int = 0
    """Captions whose every text was written for another picture."""
    replayed: int = 0
    texts: int = 0
    texts_reused: int = 0
    tasks: Tally = field(default_factory=Tally)
    languages: Tally = field(default_factory=Tally)
    """Of texts."""
    categories: Tally = field(default_factory=Tally)
    merchants: Tally = field(default_factory=Tally)
    models: Tally = field(default_factory=Tally)
    """Name and revision."""
    moderated: Tally = field(default_factory=Tally)
    """Verdicts on pictures that were to be moderated."""
    flags: Tally = field(default_factory=Tally)
    latency: Spread = field(default_factory=Spread)
    """From upload to caption, by the upload's own time; replayed ones aside."""
    latency_generated: Spread = field(default_factory=Spread)
    latency_reused: Spread = field(default_factory=Spread)
    _seen: Seen = field(default_factory=Seen)

    def add(self, value: dict[str, Any]) -> bool:
        """Count a decoded caption record; whether its event id is new."""
        if not self._seen.add(value["event_id"]):
            self.repeats += 1
            return False
        is_reused = value["origin"] == "REUSED"
        self.captions += 1
        self.reused += is_reused
        self.tasks.add(value["task"])
        if value["task"] == "MODERATE":
            self.moderated.add(value["moderation_verdict"])
        self.categories.add(value["category"])
        self.merchants.add(value["merchant"])
        self.models.add(f"{value['model']} {value['model_revision']}".strip())
        for flag in value["flags"]:
            self.flags.add(flag)
        for text in value["texts"]:
            self.texts += 1
            self.texts_reused += text["origin"] == "REUSED"
            self.languages.add(text["language"])
        if value["is_replay"]:
            self.replayed += 1
        else:
            waited = milliseconds(value["captioned_at"]) - milliseconds(value["uploaded_at"])
            self.latency.add(waited)
            (self.latency_reused if is_reused else self.latency_generated).add(waited)
        return True

    @property
    def reuse_rate(self) -> float | None:
        """Share of the captions, 0 to 1."""
        return self.reused / self.captions if self.captions else None

    @property
    def disagreement(self) -> float | None:
        """Share of the copies that were captioned all the same and got other words."""
        return self.flags[DISAGREES] / self.flags[AUDITED] if self.flags[AUDITED] else None
