"""A captioner that notes the size of each of its batches: ``--captioner live.noting:create``, ``--model FILE``."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from transforms.captioner.api import CaptionerOptions, CaptionRequest
from transforms.captioner.batching import Outcome
from transforms.captioner.fake import FakeCaptioner


def create(options: CaptionerOptions) -> "NotingCaptioner":
    return NotingCaptioner(Path(options.model), options.slots)


class NotingCaptioner(FakeCaptioner):
    def __init__(self, path: Path, slots: int) -> None:
        self._path = path
        super().__init__(slots, delay=0.05)

    def _answer(self, requests: Sequence[CaptionRequest], closing: threading.Event) -> Iterator[tuple[int, Outcome]]:
        with self._path.open("a") as file:
            file.write(f"{len(requests)}\n")
        return super()._answer(requests, closing)
