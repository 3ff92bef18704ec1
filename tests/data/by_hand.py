"""A captioner whose requests a test answers one by one."""

from __future__ import annotations

from concurrent.futures import Future

from transforms.captioner.api import CaptionerInfo, CaptionRequest, Completion, Generation
from transforms.captioner.fake import fake_text


class ByHand:
    """In any order. Pictures that begin with ``bad`` fail, ``odd`` ones babble first."""

    def __init__(self) -> None:
        self.info = CaptionerInfo("by hand", "1", 64)
        self.open: list[tuple[CaptionRequest, Future[Generation]]] = []
        self.at_once = False

    def submit(self, request: CaptionRequest) -> Future[Generation]:
        future: Future[Generation] = Future()
        self.open.append((request, future))
        if self.at_once:
            self.answer(0)
        return future

    def answer(self, place: int) -> None:
        if not self.open:
            return
        request, future = self.open.pop(place % len(self.open))
        if request.image.startswith(b"bad"):
            future.set_exception(RuntimeError("no"))
            return
        refuse = request.image.startswith(b"odd") and request.sampling.greedy
        texts = ["!" * 40 if refuse else fake_text(request, prompt) for prompt in request.prompts]
        future.set_result(Generation(tuple(Completion(text, "stop", 1, 1) for text in texts), 1))

    def close(self) -> None:
        while self.open:
            self.answer(0)
