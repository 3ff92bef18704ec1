"""Which topic holds what."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schemas.codec import WireFormat
from transforms.errors import ConfigInvalid


class Kind(StrEnum):
    """What the records of a topic are."""

    UPLOADS = "uploads"
    AUDIT = "audit"
    CAPTIONS = "captions"
    CACHE = "cache"
    DEAD_LETTERS = "dead letters"


@dataclass(frozen=True, slots=True)
class Topics:
    """Topics to look into; an empty name: not this one."""

    uploads: tuple[str, ...]
    captions: str = ""
    dead_letters: str = ""
    audit: str = ""
    cache: str = ""
    uploads_wire: WireFormat = WireFormat()

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` when two are the same."""
        names = [name for name, _ in self.named()]
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise ConfigInvalid(
                f"topic `{repeated}` is used twice; mend --topic, --captions-topic, --dead-letters-topic, "
                "--audit-topic or --cache-topic"
            )

    def named(self) -> list[tuple[str, Kind]]:
        """Names and kinds, the uploads first."""
        others = (
            (self.captions, Kind.CAPTIONS),
            (self.audit, Kind.AUDIT),
            (self.dead_letters, Kind.DEAD_LETTERS),
            (self.cache, Kind.CACHE),
        )
        return [*((name, Kind.UPLOADS) for name in self.uploads), *((name, kind) for name, kind in others if name)]

    def kind(self, topic: str) -> Kind:
        """What the topic holds. Raises `ConfigInvalid` for one that was not named."""
        for name, kind in self.named():
            if name == topic:
                return kind
        raise ConfigInvalid(
            f"topic `{topic}` is none of those that were named, so nobody knows what it holds; name it with --topic, "
            "--captions-topic, --dead-letters-topic, --audit-topic or --cache-topic"
        )
