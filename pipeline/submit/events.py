"""An upload event around a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.submit.pictures import Source
from transforms.errors import ConfigInvalid


@dataclass(frozen=True, slots=True)
class Asked:
    """What all uploads of one submission say beside the picture."""

    merchant: str = ""
    category: str = ""
    task: str = "DESCRIBE"
    languages: tuple[str, ...] = ()
    """Empty: those that the schema has as its default."""
    attributes: tuple[tuple[str, str], ...] = ()
    question: str | None = None

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        names = [name for name, _ in self.attributes]
        for name in names:
            if names.count(name) > 1:
                raise ConfigInvalid(f"attribute `{name}` is given twice; leave one --attribute out")
        if self.task == "ANSWER" and not self.question:
            raise ConfigInvalid("task `ANSWER` has no question; add --question")

    def event(self, source: Source, image: bytes | None, uploaded_at: int) -> dict[str, Any]:
        """The event; exactly one of ``image`` and the source's address is there. ``uploaded_at`` in milliseconds."""
        event: dict[str, Any] = {
            "image_id": source.image_id,
            "uploaded_at": uploaded_at,
            "merchant": self.merchant,
            "category": self.category,
            "task": self.task,
            "attributes": dict(self.attributes),
            "question": self.question,
            "uri": source.uri,
            "image": image,
        }
        return event | ({"languages": list(self.languages)} if self.languages else {})
