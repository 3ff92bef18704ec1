"""Loads a Qwen3-VL checkpoint, offline unless told otherwise, or says what is wrong with it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from transforms.captioner.api import CaptionerOptions
from transforms.captioner.chat import Chat
from transforms.captioner.directory import CheckpointFiles, read_directory, unusable
from transforms.captioner.patches import PatchRule
from transforms.captioner.quiet import quiet
from transforms.captioner.weights import Shapes, require_room, require_shapes
from transforms.errors import ConfigInvalid


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded model with what is needed to speak to it."""

    model: Any
    """``Qwen3VLForConditionalGeneration`` in evaluation mode, on its device."""
    chat: Chat
    rule: PatchRule
    """With the operator's pixel cap applied."""
    stop_ids: tuple[int, ...]
    """Any of these ends the answer."""
    revision: str


def load_checkpoint(options: CaptionerOptions) -> Checkpoint:
    """Load what the options name. Raises `ModelUnavailable`; `ConfigInvalid` when the device is not here."""
    files = check_checkpoint(options)
    if options.device == "cpu" and "OMP_NUM_THREADS" not in os.environ:
        # Several workers share a machine: more threads than one only fight for the same cores.
        torch.set_num_threads(1)
    model = _read_model(files.directory, options)
    stop_ids = {files.chat.end_id, *_as_tuple(model.generation_config.eos_token_id)}
    # The checkpoint's own sampling defaults must not seep into a request's.
    model.generation_config = transformers.GenerationConfig()
    return Checkpoint(model, files.chat, files.rule, tuple(sorted(stop_ids)), files.revision)


def check_checkpoint(options: CaptionerOptions) -> CheckpointFiles:
    """All that `load_checkpoint` refuses before it reads weights; it raises the same."""
    _require_device(options.device)
    files = read_directory(options)
    require_shapes(files.shapes, _expected_shapes(files.directory, options.model), options.model)
    require_room(files.shapes, options.precision, options.device, options.model)
    return files


def _require_device(device: str) -> None:
    try:
        torch.empty(0, device=device)
    except Exception as error:
        raise ConfigInvalid(f"device `{device}` is not available here; --device cpu always works") from error


def _read_model(directory: Path, options: CaptionerOptions) -> Any:
    try:
        with quiet():
            model, report = transformers.Qwen3VLForConditionalGeneration.from_pretrained(
                directory,
                dtype=getattr(torch, options.precision),
                local_files_only=True,
                use_safetensors=True,  # the other format is pickle, which runs what it holds
                ignore_mismatched_sizes=True,  # they come back in the report, by name
                output_loading_info=True,
            )
    except Exception as error:  # every layer below has error classes of its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        what = f"has weights that cannot be read ({reason})"
        raise unusable(options.model, what, "fetch the checkpoint again") from error
    _require_complete(options.model, report)
    try:
        return model.to(options.device).eval().requires_grad_(False)
    except torch.OutOfMemoryError as error:
        remedy = "free the card, take a larger one, or use --dtype bfloat16"
        raise unusable(options.model, f"does not fit on `{options.device}`", remedy) from error


def _expected_shapes(directory: Path, model: str) -> Shapes:
    try:
        with quiet(), torch.device("meta"):
            config = transformers.Qwen3VLConfig.from_pretrained(directory, local_files_only=True)
            empty = transformers.Qwen3VLForConditionalGeneration(config)
    except Exception as error:  # whatever a strange configuration makes it raise
        raise unusable(model, "has a damaged `config.json`", "fetch the checkpoint again") from error
    return {name: tuple(tensor.shape) for name, tensor in empty.state_dict().items()}


def _require_complete(model: str, report: dict[str, Any]) -> None:
    """Stock transformers fills gaps with random numbers and logs a warning: captions would be noise."""
    faults = (
        ("lacks", report["missing_keys"]),
        ("has unknown", report["unexpected_keys"]),
        ("has wrongly shaped", [key for key, *_ in report["mismatched_keys"]]),
    )
    for fault, keys in faults:
        if keys:
            what = f"{fault} weights: {len(keys)}, the first is `{min(keys)}`"
            raise unusable(model, what, "fetch the checkpoint again, or name another with --model")


def _as_tuple(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, list | tuple) else () if value is None else (int(value),)
