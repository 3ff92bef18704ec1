"""Stock ``generate()`` of transformers on a batch of rows: what the model says. Slow, and with no clever step."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import GenerationConfig

from transforms.captioner.api import RenderedPrompt, Sampling
from transforms.captioner.checkpoint import Checkpoint
from transforms.captioner.hooks import Drawn, Limits
from transforms.captioner.patches import Patches


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One picture with one prompt."""

    ids: list[int]
    patches: Patches
    limit: int
    """Most new tokens."""
    sampling: Sampling


class Reference:
    """A checkpoint and how it is asked; no threads."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._chat, self._rule = checkpoint.chat, checkpoint.rule
        self.device = checkpoint.model.device
        self._levels = torch.from_numpy(self._rule.levels()).to(self.device)

    def row(self, patches: Patches, prompt: RenderedPrompt, sampling: Sampling) -> Row:
        """One picture with one prompt."""
        return Row(self._chat.encode(prompt, patches.tokens), patches, prompt.max_new_tokens, sampling)

    def generate(self, rows: Sequence[Row], closing: threading.Event, stops: bool = True) -> list[list[int]]:
        """Call ``generate()`` once: the tokens of each answer, up to its limit or, with ``stops``, its end token.

        All rows are greedy, or there is just one. Raises `CancelledError` when ``closing`` is set meanwhile.
        """
        limits = [row.limit for row in rows]
        config = GenerationConfig(
            max_new_tokens=max(limits),
            do_sample=False,  # a sampled row is drawn by `Drawn`
            pad_token_id=self._chat.pad_id,
            eos_token_id=list(self._checkpoint.stop_ids) if stops else None,
        )
        inputs = self.collate(rows)
        width = inputs["input_ids"].shape[1]
        drawn = [] if rows[0].sampling.greedy else [Drawn(rows[0].sampling)]
        with torch.inference_mode():
            tokens = self._checkpoint.model.generate(
                **inputs,
                generation_config=config,
                logits_processor=drawn,
                stopping_criteria=[Limits(width, limits, self.device, closing)],
            )
        stop_ids = self._checkpoint.stop_ids if stops else ()
        return [_cut(said[: row.limit], stop_ids) for row, said in zip(rows, tokens[:, width:].tolist(), strict=True)]

    def collate(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        """What the model is given. Pads on the left: on the right its positions would be wrong, without an error."""
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
        moved = {name: tensor.to(self.device) for name, tensor in inputs.items()}
        return moved | {"pixel_values": self._pixel_values(rows)}

    def _pixel_values(self, rows: Sequence[Row]) -> torch.Tensor:
        """Float32 [patches of all rows, 3 * temporal * patch * patch], widened from bytes on the device."""
        pixels = torch.cat([torch.from_numpy(row.patches.pixels) for row in rows]).to(self.device)
        channels = pixels.view(len(pixels), 3, -1).unbind(1)
        levels = torch.stack([self._levels[i][c.int()] for i, c in enumerate(channels)], dim=1)
        frames = levels[:, :, None, :].expand(-1, -1, self._rule.temporal, -1)
        return frames.reshape(len(pixels), -1)


def _cut(tokens: list[int], stop_ids: Sequence[int]) -> list[int]:
    """A row of a batch up to where its own answer ended; the end token belongs to it."""
    end = next((place for place, token in enumerate(tokens) if token in stop_ids), len(tokens))
    return tokens[: end + 1]
