"""A captioner that asks a server which speaks OpenAI's chat API and runs Qwen3-VL: vLLM, SGLang and others.

Pictures go as data in the request, never as an address: the server fetches nothing. They are upright, on white and
within the pixel cap, without loss.
"""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from PIL import Image

from transforms.captioner.api import (
    CaptionerInfo,
    CaptionerOptions,
    CaptionRequest,
    Completion,
    Generation,
    RenderedPrompt,
    Sampling,
)
from transforms.captioner.batching import milliseconds_since
from transforms.captioner.chat_api import ChatApi, ServerFailed
from transforms.captioner.engine.fair import FairQueue
from transforms.captioner.images import decode_rgb
from transforms.captioner.patches import PatchRule
from transforms.captioner.promise import Promise
from transforms.errors import ModelUnavailable

_CLOSING_SECONDS = 5.0


@dataclass(slots=True, eq=False)
class _Asked:
    request: CaptionRequest
    future: Promise = field(default_factory=Promise)


class VllmCaptioner:
    """``slots`` questions are asked at once; merchants take turns. Raises `ModelUnavailable` and `ConfigInvalid`."""

    def __init__(self, options: CaptionerOptions, pause: Callable[[float], object] | None = None) -> None:
        """``pause`` waits so many seconds between attempts."""
        self._closing = threading.Event()
        self._api = ChatApi(options.endpoint, options.api_key, self._closing, pause)
        self._model, self._rule = options.model, PatchRule().capped(options.max_pixels)
        self.info = CaptionerInfo(options.model, options.revision or self._find_model(), options.slots)
        self._changed = threading.Condition()
        self._waiting: FairQueue[_Asked] = FairQueue(1)
        self._unfinished: dict[int, _Asked] = {}
        self._number = 0
        # Daemons: one that waits for an answer must not hold up the end of the process.
        self._threads = [
            threading.Thread(target=self._work, name="vllm-captioner", daemon=True) for _ in range(options.slots)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, request: CaptionRequest) -> Future[Generation]:
        """Queue a request; returns at once. Raises `RuntimeError` after `close`."""
        asked = _Asked(request)
        with self._changed:
            if self._closing.is_set():
                raise RuntimeError("the captioner is closed; create another one")
            number = self._number = self._number + 1
            self._unfinished[number] = asked
            self._waiting.put(request.source, len(request.prompts), asked)
            self._changed.notify()
        # By number: who keeps the future must not keep the picture.
        asked.future.add_done_callback(partial(self._forget, number))
        return asked.future

    def close(self) -> None:
        """Cancel what is unfinished. Answers that are under way are not waited for."""
        with self._changed:
            self._closing.set()
            left = list(self._unfinished.values())
            self._changed.notify_all()
        for asked in left:
            asked.future.cancel()
        deadline = time.monotonic() + _CLOSING_SECONDS
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _forget(self, number: int, future: Future[Generation]) -> None:
        with self._changed:
            asked = self._unfinished.pop(number, None)
        if asked is not None and future.cancelled():
            asked.future.wake()

    # On the threads that ask

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing.is_set() or len(self._waiting))
                asked = None if self._closing.is_set() else self._waiting.take()
            if asked is None:
                return
            if not asked.future.cancelled():
                asked.future.settle(self._answer(asked.request))
            del asked

    def _answer(self, request: CaptionRequest) -> Generation | Exception:
        begun = time.monotonic()
        try:
            picture = _data_url(decode_rgb(request.image), self._rule)
            deadline = self._api.deadline()
            answers = [self._ask(picture, prompt, request.sampling, deadline) for prompt in request.prompts]
        except Exception as error:  # it belongs to the request, whatever it is
            return error
        return Generation(tuple(answers), milliseconds_since(begun))

    def _ask(self, picture: str, prompt: RenderedPrompt, sampling: Sampling, deadline: float) -> Completion:
        content = [{"type": "image_url", "image_url": {"url": picture}}, {"type": "text", "text": prompt.text}]
        system = [{"role": "system", "content": prompt.system}] if prompt.system else []
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [*system, {"role": "user", "content": content}],
            "max_tokens": prompt.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
        }
        if not sampling.greedy:
            body["seed"] = sampling.seed
            body |= {"top_k": sampling.top_k} if sampling.top_k else {}
        return _completion(self._api.complete(body, deadline))

    def _find_model(self) -> str:
        """The name under which the server has loaded it, which is told as its revision."""
        served = self._api.models()
        if self._model not in served:
            names = ", ".join(f"`{name}`" for name in sorted(served)[:5])
            raise ModelUnavailable(f"the server at `{self._api.place}` has {names}, not `{self._model}`; mend --model")
        return str(served[self._model].get("root") or "")


def _data_url(picture: Image.Image, rule: PatchRule) -> str:
    if picture.width * picture.height > rule.max_pixels:
        picture = picture.resize(rule.size(*picture.size), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _completion(said: Any) -> Completion:
    try:
        choice, usage = said["choices"][0], said.get("usage") or {}
        return Completion(
            text=str(choice["message"]["content"] or "").strip(),
            finish_reason="length" if choice.get("finish_reason") == "length" else "stop",
            input_tokens=int(usage.get("prompt_tokens", 0)),
            output_tokens=int(usage.get("completion_tokens", 0)),
        )
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ServerFailed(f"the server's answer has no text (`{type(error).__name__}`)") from error
