"""A captioner without a model, for tests: real threads, made-up texts."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any

from transforms.captioner.api import (
    CaptionerInfo,
    CaptionRequest,
    Completion,
    Form,
    Generation,
    RenderedPrompt,
)
from transforms.captioner.batching import BatchThread, Outcome, milliseconds_since

Script = Callable[[CaptionRequest, RenderedPrompt], str | Exception | None]
"""What to answer instead: a text, an error (returned or raised), or None for the usual text."""

_WIDE = ("zh", "yue", "ja", "ko")
_ALT_TEXT_CHARS = 120
_VERDICTS = (("SAFE", ""), ("SENSITIVE", "WEAPON"), ("VIOLATION", "NUDITY"))
_KEYWORDS = {
    "en": ("product", "photo", "shop"),
    "zh-Hans": ("商品", "图片", "店铺"),
    "zh-Hant": ("商品", "圖片", "店鋪"),
}
_POLL_SECONDS = 0.01


def fake_text(request: CaptionRequest, prompt: RenderedPrompt) -> str:
    """Name the picture, the prompt and, unless greedy, the seed, in an answer of the prompt's form.

    It passes the review. Of three pictures one is safe, one sensitive and one a violation, by their content.
    """
    sentence = _sentence(request, prompt)
    if prompt.form is Form.PLAIN:
        return sentence
    draw = hashlib.sha256(request.image).digest()
    if prompt.form is Form.ALT_TEXT:
        beside: dict[str, Any] = {"caption": sentence, "alt_text": sentence[:_ALT_TEXT_CHARS]}
    elif prompt.form is Form.KEYWORDS:
        words = _KEYWORDS.get(prompt.language, _KEYWORDS["zh-Hans" if _is_wide(prompt.language) else "en"])
        beside = {"description": sentence, "keywords": [*words, str(draw[0])]}
    else:
        verdict, reason = _VERDICTS[draw[0] % len(_VERDICTS)]
        regions = [{"reason": reason, "bbox_2d": [draw[1], draw[2], 500 + draw[3], 500 + draw[4]]}] if reason else []
        beside = {"explanation": sentence, "verdict": verdict}
        beside |= {"reasons": [reason] if reason else [], "regions": regions}
    return json.dumps(beside, ensure_ascii=False)


def _sentence(request: CaptionRequest, prompt: RenderedPrompt) -> str:
    content = hashlib.sha256(request.image).hexdigest()[:12]
    asked = prompt.digest()[:12]
    if prompt.language == "zh-Hant":
        seed = "" if request.sampling.greedy else f",隨機種子是 {request.sampling.seed}"
        return f"這是一張清晰的商品圖片,圖片內容的編號是 {content},提示詞的編號是 {asked}{seed}。"
    if _is_wide(prompt.language):
        seed = "" if request.sampling.greedy else f",随机种子是 {request.sampling.seed}"
        return f"这是一张清晰的商品图片,图片内容的编号是 {content},提示词的编号是 {asked}{seed}。"
    seed = "" if request.sampling.greedy else f", seed {request.sampling.seed}"
    return f"A product photo, content {content}, prompt {asked}{seed}."


def _is_wide(language: str) -> bool:
    return language.split("-")[0].lower() in _WIDE


class FakeCaptioner:
    """Answers on a thread of its own, ``slots`` prompts at a time, each batch after ``delay`` seconds.

    ``script`` answers or fails chosen requests. ``gate`` holds all answers back until it is set. The counters
    may be read at any time from any thread.
    """

    def __init__(
        self,
        slots: int = 8,
        delay: float = 0.0,
        script: Script | None = None,
        gate: threading.Event | None = None,
    ) -> None:
        self.info = CaptionerInfo("fake", "1", slots)
        self.submitted = 0
        """Requests taken."""
        self.max_in_flight = 0
        """Most requests that were unsettled at once."""
        self._delay = delay
        self._script = script
        self._gate = gate
        self._lock = threading.Lock()
        self._unsettled: list[Future[Generation]] = []
        self._batches = BatchThread(self._answer, slots, "fake-captioner", linger=0.0)

    @property
    def settled(self) -> int:
        """Requests answered, failed or cancelled."""
        with self._lock:
            return self.submitted - self._in_flight()

    def submit(self, request: CaptionRequest) -> Future[Generation]:
        """Queue a request; returns at once. Raises `RuntimeError` after `close`."""
        with self._lock:
            future = self._batches.submit(request)
            self.submitted += 1
            self._unsettled.append(future)
            self.max_in_flight = max(self.max_in_flight, self._in_flight())
        return future

    def close(self) -> None:
        """Cancel what is unsettled, held answers too, and join the thread."""
        self._batches.close()

    def _in_flight(self) -> int:
        # A done-callback would run only after result() has returned elsewhere: a test would see old counts.
        self._unsettled = [future for future in self._unsettled if not future.done()]
        return len(self._unsettled)

    def _answer(self, requests: Sequence[CaptionRequest], closing: threading.Event) -> Iterator[tuple[int, Outcome]]:
        start = time.monotonic()
        self._hold(closing)
        for place, request in enumerate(requests):
            yield place, self._outcome(request, start)

    def _hold(self, closing: threading.Event) -> None:
        if self._delay:
            closing.wait(self._delay)
        while self._gate and not self._gate.wait(_POLL_SECONDS) and not closing.is_set():
            pass
        if closing.is_set():
            raise CancelledError

    def _outcome(self, request: CaptionRequest, start: float) -> Outcome:
        completions = []
        for prompt in request.prompts:
            try:
                text = self._script(request, prompt) if self._script else None
            except Exception as error:
                return error
            if isinstance(text, Exception):
                return text
            if text is None:
                text = fake_text(request, prompt)
            completions.append(Completion(text, "stop", len(prompt.text.split()) + 1, len(text.split()) + 1))
        return Generation(tuple(completions), milliseconds_since(start))
