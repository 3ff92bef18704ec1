"""The captioner protocol: a request is one picture with one or more prompts; its future settles once.

::

    captioner = create(CaptionerOptions(kind="fake"))
    future = captioner.submit(CaptionRequest("r1", jpeg_bytes, (prompt_zh, prompt_en), Sampling()))
    generation = future.result()
    [completion.text for completion in generation.completions]   # same order as the prompts
    captioner.close()
"""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from transforms.captioner.endpoint import check_endpoint
from transforms.errors import ConfigInvalid
from transforms.references import check_reference

KINDS = ("engine", "fake", "huggingface", "vllm")
DTYPES = ("float32", "bfloat16")


class Form(StrEnum):
    """What an answer looks like; `transforms.parsing` reads it."""

    PLAIN = "plain"
    """The text itself."""
    ALT_TEXT = "alt_text"
    """A JSON object with a caption and an alternative text."""
    MODERATION = "moderation"
    """A JSON object with a verdict, its reasons, regions and an explanation."""
    KEYWORDS = "keywords"
    """A JSON object with keywords and a description."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the object; none of a plain text."""
        return _KEYS[self]


_KEYS = {
    Form.PLAIN: (),
    Form.ALT_TEXT: ("caption", "alt_text"),
    Form.MODERATION: ("explanation", "verdict", "reasons", "regions"),
    Form.KEYWORDS: ("description", "keywords"),
}


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """A prompt as the model gets it: attributes filled in, nothing left to decide."""

    text: str
    """User turn, placed after the picture."""
    language: str
    """BCP 47 tag of the language asked for."""
    prompt_id: str
    prompt_version: str
    system: str = ""
    """System turn; empty means none is sent."""
    max_new_tokens: int = 200
    is_general: bool = False
    """Nothing of the upload entered it: every upload of the picture with this prompt is asked the same."""
    form: Form = Form.PLAIN
    """How the answer is read."""

    def digest(self) -> str:
        """Hex sha256 over everything that can change the answer, or what is made of it."""
        read = () if self.form is Form.PLAIN else (self.form.value,)
        parts = (self.system, self.text, self.language, str(self.max_new_tokens), *read)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen. ``temperature == 0`` is greedy: a cache and a replay need it."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    top_k: int = 0
    """Only so many of the likeliest tokens are drawn from; 0: all."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` on values that no sampler accepts."""
        if self.temperature < 0:
            raise ConfigInvalid(f"temperature `{self.temperature}` is negative; use 0 for greedy decoding")
        if not 0 < self.top_p <= 1:
            raise ConfigInvalid(f"top_p `{self.top_p}` is outside (0, 1]; use 1 to switch it off")
        if self.top_k < 0:
            raise ConfigInvalid(f"top_k `{self.top_k}` is negative; use 0 to switch it off")

    @property
    def greedy(self) -> bool:
        """Whether the same request always gives the same text."""
        return self.temperature == 0

    def key(self) -> str:
        """Part of the reuse key. The seed is left out: it changes with each retry, the policy does not."""
        return f"t{self.temperature:g},p{self.top_p:g}" + (f",k{self.top_k}" if self.top_k else "")


@dataclass(frozen=True, slots=True)
class CaptionRequest:
    """One picture with one or more prompts."""

    request_id: str
    image: bytes
    """Encoded picture (JPEG, PNG, WebP, …), already inspected."""
    prompts: tuple[RenderedPrompt, ...]
    sampling: Sampling = field(default_factory=Sampling)
    source: str = ""
    """Who asks (the merchant): admission is fair over sources."""


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer to one prompt."""

    text: str
    finish_reason: str
    """``stop`` (the model ended its turn) or ``length`` (it was cut at ``max_new_tokens``)."""
    input_tokens: int
    """Prompt tokens, visual tokens included."""
    output_tokens: int
    mean_logprob: float | None = None
    """Mean log-probability of the tokens, where it was asked for."""


@dataclass(frozen=True, slots=True)
class Generation:
    """The settled result of a request: one completion per prompt, in the prompts' order."""

    completions: tuple[Completion, ...]
    milliseconds: int
    """Time from the start of the batch that held the request to its end."""


@dataclass(frozen=True, slots=True)
class CaptionerInfo:
    """What answers: it is written into every caption record and is part of the reuse key."""

    model: str
    revision: str
    slots: int
    """Requests generated at once; the caption stage keeps at most twice as many in flight."""


class Captioner(Protocol):
    """One instance per process, shared by all DoFn instances; all methods are thread-safe.

    A future fails with `transforms.errors.InputError` when the picture is to blame, with any other exception
    when the captioner is.
    """

    info: CaptionerInfo

    def submit(self, request: CaptionRequest) -> Future[Generation]:
        """Queue a request; returns at once."""
        ...

    def close(self) -> None:
        """Settle or cancel every future and free the model."""
        ...


@dataclass(frozen=True, slots=True)
class CaptionerOptions:
    """Which captioner to load, and how."""

    kind: str = "engine"
    """One of `KINDS`, or ``module:function`` of your own: a function from these options to a `Captioner`."""
    model: str = "tiny"
    """``tiny`` (the bundled checkpoint), a checkpoint directory, or a hub id together with ``download``."""
    revision: str = ""
    """Hub revision; for a directory it is recorded as given."""
    slots: int = 8
    """Answers at once; fewer where a card has no room for so many."""
    dtype: str | None = None
    """One of `DTYPES`; None: bfloat16 on a card, float32 on a CPU, where bfloat16 is slower."""
    device: str = "cpu"
    max_pixels: int = 768 * 768
    """Pixel cap per picture before it is cut into patches; the model's own default of 16.7 M is far too slow."""
    text_tokens: int = 768
    """Tokens of a prompt and its answer, beside the picture's: the engine keeps room for them."""
    memory_fraction: float = 0.95
    """Of a card that the engine may fill."""
    record_steps: bool = True
    """Whether the engine records its decode steps on a card (CUDA graphs)."""
    prepare_threads: int = 1
    """Threads of the engine that decode and cut pictures."""
    own_process: bool | None = None
    """Whether the captioner has a process of its own; None: on a card it has."""
    endpoint: str = ""
    """Of `vllm`: ``http://host:8000/v1``."""
    api_key: str | None = None
    """Of `vllm`: a reference, ``env:NAME`` or ``file:/absolute/path``; it is read where the captioner runs."""
    download: bool = False
    """Allow the model hub to be asked; off, nothing leaves the machine."""

    @property
    def has_own_process(self) -> bool:
        """Where the captioner is loaded."""
        return self.device != "cpu" if self.own_process is None else self.own_process

    @property
    def has_checkpoint(self) -> bool:
        """Whether ``model`` names a checkpoint that is loaded, and not a server's or a plugin's own business."""
        return self.kind in ("engine", "huggingface")

    @property
    def precision(self) -> str:
        """The dtype of the weights."""
        return self.dtype or ("float32" if self.device == "cpu" else "bfloat16")

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        check_reference(self.api_key, "--api-key")
        if self.kind == "vllm":
            check_endpoint(self.endpoint)
        if self.kind not in KINDS and not re.fullmatch(r"[\w.]+:\w+", self.kind):
            raise ConfigInvalid(
                f"captioner `{self.kind}` does not exist; --captioner takes {', '.join(KINDS)} or MODULE:FUNCTION"
            )
        if self.dtype is not None and self.dtype not in DTYPES:
            raise ConfigInvalid(f"dtype `{self.dtype}` is not supported; --dtype takes {' or '.join(DTYPES)}")
        if self.slots < 1:
            raise ConfigInvalid(f"slots `{self.slots}` must be at least 1; mend --slots")
        if self.text_tokens < 64:
            raise ConfigInvalid(f"text tokens `{self.text_tokens}` hold no prompt and answer; mend --text-tokens")
        if not 0.1 <= self.memory_fraction <= 1:
            raise ConfigInvalid(f"memory fraction `{self.memory_fraction:g}` is not 0.1 to 1; mend --memory-fraction")
        if self.prepare_threads < 1:
            raise ConfigInvalid(f"prepare threads `{self.prepare_threads}` must be at least 1; mend --prepare-threads")
        if self.max_pixels < 32 * 32:
            raise ConfigInvalid(f"max pixels `{self.max_pixels}` is below one visual token; mend --max-pixels")
