"""What a card could do at most: the work of a caption, by a model's shapes, over the rates measured on that card.

The ceiling of so many pictures in flight: all are prefilled at the matmul rate, then each step reads all weights and
the keys and values of all answers at the memory's bandwidth, or multiplies, whichever takes longer. Nothing overlaps.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Rates:
    """Of a device, measured."""

    flops: float
    """A second, of large products in the weights' dtype."""
    bytes: float
    """A second, read and written."""


@dataclass(frozen=True)
class Work:
    """Of a model, by its configuration."""

    config: Any
    """`Qwen3VLConfig`."""
    itemsize: int = 2

    def vision_flops(self, patches: int) -> float:
        """One picture through the vision tower and its mergers."""
        vision = self.config.vision_config
        hidden, merge = vision.hidden_size, vision.spatial_merge_size**2
        block = 4 * hidden * hidden + 2 * hidden * vision.intermediate_size
        embed = 3 * vision.patch_size**2 * hidden  # both frames of a still picture are equal
        merger = (merge * hidden) ** 2 + merge * hidden * vision.out_hidden_size
        mergers = 1 + len(vision.deepstack_visual_indexes)
        products = patches * (vision.depth * block + embed) + patches / merge * mergers * merger
        return 2 * products + vision.depth * 4 * patches**2 * hidden

    def prefill_flops(self, tokens: int) -> float:
        """A row of tokens through the text model; attention is causal, and only the last token is scored."""
        text = self.config.text_config
        attention = text.num_hidden_layers * 2 * tokens**2 * text.num_attention_heads * text.head_dim
        return 2 * tokens * self._layers + 2 * self._head + attention

    def step_flops(self, answers: int) -> float:
        """A token of each answer."""
        return 2 * answers * (self._layers + self._head)

    def step_bytes(self, answers: int, length: int) -> float:
        """What a step reads, for answers that are so long on average, prompt and picture included."""
        text = self.config.text_config
        token = 2 * text.num_hidden_layers * text.num_key_value_heads * text.head_dim
        return self.itemsize * (self._layers + self._head + answers * length * token)

    @property
    def _layers(self) -> int:
        text = self.config.text_config
        heads = 2 * text.num_attention_heads + 2 * text.num_key_value_heads
        each = text.hidden_size * text.head_dim * heads + 3 * text.hidden_size * text.intermediate_size
        return int(text.num_hidden_layers * each)

    @property
    def _head(self) -> int:
        return int(self.config.text_config.vocab_size * self.config.text_config.hidden_size)


def ceiling(work: Work, rates: Rates, patches: int, prompt: int, answer: int, in_flight: int) -> tuple[float, float]:
    """Pictures a second, and seconds of a decode step."""
    merge = work.config.vision_config.spatial_merge_size**2
    tokens = patches // merge + prompt
    prefill = (work.vision_flops(patches) + work.prefill_flops(tokens)) / rates.flops
    step = max(work.step_bytes(in_flight, tokens + answer // 2) / rates.bytes, work.step_flops(in_flight) / rates.flops)
    return in_flight / (in_flight * prefill + answer * step), step


def measure(device: torch.device, dtype: torch.dtype, size: int = 8192, times: int = 10) -> Rates:
    """The best of several runs each: large products, and copies of a gigabyte (of less on a CPU)."""
    size = size if device.type == "cuda" else 1024
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    product = min(seconds(device, lambda: left @ right) for _ in range(times))
    source = torch.empty((1 << 30 if device.type == "cuda" else 1 << 27,), device=device, dtype=torch.uint8)
    target = torch.empty_like(source)
    copy = min(seconds(device, lambda: target.copy_(source)) for _ in range(times))
    return Rates(2 * size**3 / product, 2 * source.nbytes / copy)


def seconds(device: torch.device, run: Callable[[], Any]) -> float:
    """Of one run, to its end on the device."""
    settle(device)
    begun = time.perf_counter()
    run()
    settle(device)
    return time.perf_counter() - begun


def settle(device: torch.device) -> None:
    """Wait until the device has nothing left to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
