"""A captioner that asks a server which speaks OpenAI's chat API and runs Qwen3-VL: vLLM, SGLang and others.

Pictures go as data in the request, never as an address: the server fetches nothing. They are upright, on white and
within the pixel cap, without loss.
"""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests
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
from transforms.captioner.engine.fair import FairQueue
from transforms.captioner.images import decode_rgb
from transforms.captioner.patches import PatchRule
from transforms.errors import CaptionFailed, ConfigInvalid, ModelUnavailable
from transforms.references import secret

ATTEMPTS = 4
"""Of one question, when the server is busy or cannot be reached."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
"""Seconds before another attempt; each pause is twice the one before."""
_CONNECT_SECONDS, _ANSWER_SECONDS = 5.0, 120.0
_BUSY = frozenset((408, 429, 500, 502, 503, 504))
_CLOSING_SECONDS = 5.0


class ServerFailed(RuntimeError):
    """The server is to blame, or the way to it."""


@dataclass(slots=True, eq=False)
class _Asked:
    request: CaptionRequest
    future: Future[Generation] = field(default_factory=Future)


class VllmCaptioner:
    """``slots`` questions are asked at once; merchants take turns. Raises `ModelUnavailable` and `ConfigInvalid`."""

    def __init__(self, options: CaptionerOptions, pause: Callable[[float], object] | None = None) -> None:
        """``pause`` waits so many seconds between attempts."""
        self._address = _checked(options.endpoint)
        self._model, self._rule = options.model, PatchRule().capped(options.max_pixels)
        self._headers = (
            {} if options.api_key is None else {"Authorization": f"Bearer {secret(options.api_key, '--api-key')}"}
        )
        self._closing = threading.Event()
        self._pause = pause or self._closing.wait
        self._sessions = threading.local()
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
            self._unfinished.pop(number, None)
        if future.cancelled():
            future.set_running_or_notify_cancel()  # wakes who waits with concurrent.futures.wait()

    # On the threads that ask

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing.is_set() or len(self._waiting))
                asked = None if self._closing.is_set() else self._waiting.take()
            if asked is None:
                return
            if not asked.future.cancelled():
                self._settle(asked)
            del asked

    def _settle(self, asked: _Asked) -> None:
        outcome = self._answer(asked.request)
        future = asked.future
        if future.done() or not future.set_running_or_notify_cancel():
            return
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    def _answer(self, request: CaptionRequest) -> Generation | Exception:
        begun = time.monotonic()
        try:
            picture = _data_url(decode_rgb(request.image), self._rule)
            answers = [self._ask(picture, prompt, request.sampling) for prompt in request.prompts]
        except Exception as error:  # it belongs to the request, whatever it is
            return error.with_traceback(None)  # whose frames hold the picture
        return Generation(tuple(answers), milliseconds_since(begun))

    def _ask(self, picture: str, prompt: RenderedPrompt, sampling: Sampling) -> Completion:
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
        return _completion(self._post(body))

    def _post(self, body: Mapping[str, Any]) -> Any:
        failure = ServerFailed("the captioner was closed")
        pause = _FIRST_PAUSE
        for attempt in range(ATTEMPTS):
            if attempt:
                self._pause(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            if self._closing.is_set():
                break
            try:
                said = self._session().post(
                    f"{self._address}/chat/completions", json=body, timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS)
                )
            except requests.RequestException as error:
                failure = ServerFailed(f"`{self._place}` cannot be asked (`{type(error).__name__}`)")
                continue
            if said.status_code in _BUSY:
                failure = ServerFailed(f"`{self._place}` answered `{said.status_code}` `{attempt + 1}` times")
                pause = max(pause, min(_seconds(said.headers.get("Retry-After")), _LONGEST_PAUSE))
                continue
            return self._content(said)
        raise failure

    def _content(self, said: requests.Response) -> Any:
        if said.status_code in (400, 413, 422):
            raise CaptionFailed(
                f"the server refused the picture or its prompt with `{said.status_code}`; see the server's log"
            )
        if said.status_code != 200:
            raise ServerFailed(f"`{self._place}` answered `{said.status_code}`; look at --endpoint and --api-key")
        try:
            return said.json()
        except requests.JSONDecodeError as error:
            raise ServerFailed(f"`{self._place}` did not answer in JSON; look at --endpoint") from error

    def _session(self) -> requests.Session:
        """One a thread: they are not made to be shared."""
        if not hasattr(self._sessions, "mine"):
            self._sessions.mine = requests.Session()
            self._sessions.mine.trust_env = False  # no proxy, and no password from a file, by accident
            self._sessions.mine.headers.update(self._headers)
        session: requests.Session = self._sessions.mine
        return session

    def _find_model(self) -> str:
        """The name under which the server has loaded it, which is told as its revision."""
        try:
            said = self._session().get(f"{self._address}/models", timeout=_CONNECT_SECONDS)
            served = {model["id"]: model for model in self._content(said)["data"]}
        except (requests.RequestException, ServerFailed, CaptionFailed, KeyError, TypeError) as error:
            raise ModelUnavailable(
                f"the model server at `{self._place}` does not tell its models (`{type(error).__name__}`); "
                "start it, or mend --endpoint and --api-key"
            ) from error
        if self._model not in served:
            names = ", ".join(f"`{name}`" for name in sorted(served)[:5])
            raise ModelUnavailable(f"the server at `{self._place}` has {names}, not `{self._model}`; mend --model")
        return str(served[self._model].get("root") or "")

    @property
    def _place(self) -> str:
        return urlsplit(self._address).netloc


def _checked(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise ConfigInvalid(
            "the captioner `vllm` needs --endpoint http://HOST:PORT/v1, without a user or a query; "
            "a key goes to --api-key"
        )
    return endpoint.rstrip("/")


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


def _seconds(header: str | None) -> float:
    return float(header) if header is not None and header.isdigit() else 0.0
