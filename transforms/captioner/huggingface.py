"""The reference captioner: stock ``generate()`` of transformers, in static micro-batches.

Slow beside the engine, but it holds no clever step: what it answers is what the model says.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import torch
from transformers import GenerationConfig

from transforms.captioner.api import (
    CaptionerInfo,
    CaptionerOptions,
    CaptionRequest,
    Completion,
    Generation,
    Sampling,
)
from transforms.captioner.batching import BatchThread, Outcome, milliseconds_since, run_split
from transforms.captioner.checkpoint import load_checkpoint
from transforms.captioner.hooks import Draw, Limits
from transforms.captioner.images import decode_rgb
from transforms.captioner.patches import Patches, patchify


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """One picture with one prompt."""

    ids: list[int]
    patches: Patches
    limit: int
    """Most new tokens."""
    sampling: Sampling


class HuggingFaceCaptioner:
    """Loads a checkpoint and answers on a thread of its own.

    Greedy requests share batches of at most ``slots`` rows; sampled rows run alone, so that a text depends on
    the picture, the prompt and the seed, never on its neighbours. Raises
    `transforms.errors.ModelUnavailable` when the checkpoint cannot be used.
    """

    def __init__(self, options: CaptionerOptions) -> None:
        checkpoint = load_checkpoint(options)
        self.info = CaptionerInfo(options.model, checkpoint.revision, options.slots)
        self._model = checkpoint.model
        self._chat = checkpoint.chat
        self._rule = checkpoint.rule
        self._stop_ids = checkpoint.stop_ids
        self._slots = options.slots
        self._device = torch.device(options.device)
        self._levels = torch.from_numpy(self._rule.levels()).to(self._device)
        self._batches = BatchThread(self._answer, options.slots, "huggingface-captioner")

    def submit(self, request: CaptionRequest) -> Future[Generation]:
        """Queue a request; returns at once. Raises `RuntimeError` after `close`."""
        return self._batches.submit(request)

    def close(self) -> None:
        """Cancel what waits, stop what runs at its next token, and join the thread."""
        self._batches.close()

    def _answer(self, requests: Sequence[CaptionRequest], closing: threading.Event) -> Iterator[tuple[int, Outcome]]:
        start = time.monotonic()
        greedy: dict[int, list[_Row]] = {}
        sampled: dict[int, list[_Row]] = {}
        for place, request in enumerate(requests):
            try:
                rows = self._prepare(request)
            except Exception as error:
                yield place, error
            else:
                (greedy if request.sampling.greedy else sampled)[place] = rows
        together = [row for rows in greedy.values() for row in rows]
        answers = iter(self._run_all(together, self._slots, closing))
        for place, rows in greedy.items():
            yield place, _join([next(answers) for _ in rows], start)
        for place, rows in sampled.items():
            yield place, _join(self._run_all(rows, 1, closing), start)

    def _prepare(self, request: CaptionRequest) -> list[_Row]:
        patches = patchify(decode_rgb(request.image), self._rule)
        return [
            _Row(self._chat.encode(prompt, patches.tokens), patches, prompt.max_new_tokens, request.sampling)
            for prompt in request.prompts
        ]

    def _run_all(self, rows: Sequence[_Row], at_once: int, closing: threading.Event) -> list[Completion | Exception]:
        answers: list[Completion | Exception] = []
        for first in range(0, len(rows), at_once):
            answers += run_split(lambda part: self._run(part, closing), rows[first : first + at_once])
        return answers

    def _run(self, rows: Sequence[_Row], closing: threading.Event) -> list[Completion]:
        """One call of ``generate()``: the rows are greedy, or there is just one."""
        limits = [row.limit for row in rows]
        config = GenerationConfig(
            max_new_tokens=max(limits),
            do_sample=False,  # a sampled row is drawn by `Draw`, with a generator of its own
            pad_token_id=self._chat.pad_id,
            eos_token_id=list(self._stop_ids),
        )
        inputs = self._collate(rows)
        width = inputs["input_ids"].shape[1]
        drawn = [] if rows[0].sampling.greedy else [Draw(rows[0].sampling)]
        with torch.inference_mode():
            tokens = self._model.generate(
                **inputs,
                generation_config=config,
                logits_processor=drawn,
                stopping_criteria=[Limits(width, limits, self._device, closing)],
            )
        return [self._complete(row, answer) for row, answer in zip(rows, tokens[:, width:].tolist(), strict=True)]

    def _collate(self, rows: Sequence[_Row]) -> dict[str, torch.Tensor]:
        """Pad on the left: padded on the right the model's positions would be wrong, without an error."""
        width = max(len(row.ids) for row in rows)
        pads = [width - len(row.ids) for row in rows]
        ids = torch.tensor([[self._chat.pad_id] * pad + row.ids for row, pad in zip(rows, pads, strict=True)])
        mask = torch.tensor([[0] * pad + [1] * (width - pad) for pad in pads])
        inputs = {
            "input_ids": ids,
            "attention_mask": mask,
            # Left out, the model silently takes the picture's tokens for text and numbers them in a line.
            "mm_token_type_ids": (ids == self._chat.image_id).int(),
            "image_grid_thw": torch.tensor([[1, row.patches.rows, row.patches.columns] for row in rows]),
        }
        moved = {name: tensor.to(self._device) for name, tensor in inputs.items()}
        return moved | {"pixel_values": self._pixel_values(rows)}

    def _pixel_values(self, rows: Sequence[_Row]) -> torch.Tensor:
        """Float32 [patches of all rows, 3 * temporal * patch * patch], widened from bytes on the device."""
        pixels = torch.cat([torch.from_numpy(row.patches.pixels) for row in rows]).to(self._device)
        channels = pixels.view(len(pixels), 3, -1).unbind(1)
        levels = torch.stack([self._levels[i][c.int()] for i, c in enumerate(channels)], dim=1)
        frames = levels[:, :, None, :].expand(-1, -1, self._rule.temporal, -1)
        return frames.reshape(len(pixels), -1)

    def _complete(self, row: _Row, tokens: list[int]) -> Completion:
        """Cut a row of the batch where its own answer ended; the end token counts as one."""
        tokens = tokens[: row.limit]
        end = next((place for place, token in enumerate(tokens) if token in self._stop_ids), None)
        said = tokens if end is None else tokens[:end]
        return Completion(
            text=self._chat.decode(said),
            finish_reason="length" if end is None else "stop",
            input_tokens=len(row.ids),
            output_tokens=len(tokens) if end is None else end + 1,
        )


def _join(answers: Sequence[Completion | Exception], start: float) -> Outcome:
    """Make one outcome of a request's rows: the first error, or the completions in the prompts' order."""
    completions = []
    for answer in answers:
        if isinstance(answer, Exception):
            return answer
        completions.append(answer)
    return Generation(tuple(completions), milliseconds_since(start))
