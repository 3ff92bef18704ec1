"""Finds and loads a Qwen3-VL checkpoint, offline unless told otherwise, or says what is wrong with it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub import snapshot_download

from transforms.captioner.api import CaptionerOptions
from transforms.captioner.chat import Chat
from transforms.captioner.patches import PatchRule
from transforms.captioner.quiet import quiet
from transforms.captioner.weights import Shapes, read_shapes, require_room, require_shapes
from transforms.errors import ConfigInvalid, ModelUnavailable

ARCHITECTURE = "Qwen3VLForConditionalGeneration"
TINY = Path(__file__).with_name("tiny")
TINY_REVISION = "1"
"""Raised whenever the bundled weights change: it is part of the reuse key."""

_FILES = ("*.json", "*.safetensors", "*.txt")


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
    _require_device(options.device)
    directory, revision = _find(options)
    config = _read_config(directory, options.model)
    chat = _read_chat(directory, options.model, config)
    rule = _read_rule(directory, options, config)
    if options.device == "cpu" and "OMP_NUM_THREADS" not in os.environ:
        # Several workers share a machine: more threads than one only fight for the same cores.
        torch.set_num_threads(1)
    model = _read_model(directory, options)
    stop_ids = {chat.end_id, *_as_tuple(model.generation_config.eos_token_id)}
    # The checkpoint's own sampling defaults must not seep into a request's.
    model.generation_config = transformers.GenerationConfig()
    return Checkpoint(model, chat, rule, tuple(sorted(stop_ids)), revision)


def _require_device(device: str) -> None:
    try:
        torch.empty(0, device=device)
    except Exception as error:
        raise ConfigInvalid(f"device `{device}` is not available here; --device cpu always works") from error


def _find(options: CaptionerOptions) -> tuple[Path, str]:
    """Directory and revision."""
    if options.model == "tiny":
        return TINY, options.revision or TINY_REVISION
    path = Path(options.model).expanduser()
    if path.is_dir():
        return path, options.revision
    try:
        with quiet():
            found = snapshot_download(
                options.model,
                revision=options.revision or None,
                allow_patterns=list(_FILES),
                local_files_only=not options.download,
            )
    except Exception as error:  # a bad id, no network, not cached: one remedy for all
        if options.download:
            raise _unusable(options.model, "cannot be downloaded", "check --model and the network") from error
        raise _unusable(
            options.model,
            "is neither a directory nor in the local model cache",
            "name a checkpoint directory with --model, or allow --download for a hub id",
        ) from error
    # Its last part is the commit: a branch may point elsewhere tomorrow.
    return Path(found), Path(found).name


def _read_config(directory: Path, model: str) -> dict[str, Any]:
    path = directory / "config.json"
    if not path.is_file():
        raise _unusable(model, "has no `config.json`", "name a complete checkpoint directory with --model")
    try:
        config = dict(json.loads(path.read_text("utf-8")))
        names = [str(name) for name in config.get("architectures") or ["none"]]
    except (ValueError, TypeError) as error:
        raise _unusable(model, "has a damaged `config.json`", "fetch the checkpoint again") from error
    if ARCHITECTURE not in names:
        remedy = f"only `{ARCHITECTURE}` can be run: name such a checkpoint with --model"
        raise _unusable(model, f"has the architecture `{names[0]}`", remedy)
    return config


def _read_chat(directory: Path, model: str, config: dict[str, Any]) -> Chat:
    path = directory / "tokenizer.json"
    if not path.is_file():
        raise _unusable(model, "has no `tokenizer.json`", "copy it from the checkpoint it was made from")
    try:
        chat = Chat(path.read_text("utf-8"))
    except ValueError as error:
        what = f"has a wrong `tokenizer.json` ({error})"
        raise _unusable(model, what, "fetch the checkpoint again") from error
    if chat.image_id != config.get("image_token_id"):
        what = f"has a `tokenizer.json` of another model: {chat.image_id} is not the picture's token"
        raise _unusable(model, what, "copy it from the checkpoint it was made from")
    return chat


def _read_rule(directory: Path, options: CaptionerOptions, config: dict[str, Any]) -> PatchRule:
    try:
        rule = PatchRule.read(directory, config.get("vision_config") or {})
    except (ValueError, TypeError, AttributeError) as error:
        what = f"has a wrong `preprocessor_config.json` ({error})"
        raise _unusable(options.model, what, "fetch the checkpoint again") from error
    return rule.capped(options.max_pixels)


def _read_model(directory: Path, options: CaptionerOptions) -> Any:
    dtype = getattr(torch, options.precision)
    shapes = read_shapes(directory, options.model)
    require_shapes(shapes, _expected_shapes(directory, options.model), options.model)
    require_room(shapes, dtype, options.device, options.model)
    try:
        with quiet():
            model, report = transformers.Qwen3VLForConditionalGeneration.from_pretrained(
                directory,
                dtype=dtype,
                local_files_only=True,
                use_safetensors=True,  # the other format is pickle, which runs what it holds
                ignore_mismatched_sizes=True,  # they come back in the report, by name
                output_loading_info=True,
            )
    except Exception as error:  # every layer below has error classes of its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        what = f"has weights that cannot be read ({reason})"
        raise _unusable(options.model, what, "fetch the checkpoint again") from error
    _require_complete(options.model, report)
    try:
        return model.to(options.device).eval().requires_grad_(False)
    except torch.OutOfMemoryError as error:
        remedy = "free the card, take a larger one, or use --dtype bfloat16"
        raise _unusable(options.model, f"does not fit on `{options.device}`", remedy) from error


def _expected_shapes(directory: Path, model: str) -> Shapes:
    try:
        with quiet(), torch.device("meta"):
            config = transformers.Qwen3VLConfig.from_pretrained(directory, local_files_only=True)
            empty = transformers.Qwen3VLForConditionalGeneration(config)
    except Exception as error:  # whatever a strange configuration makes it raise
        raise _unusable(model, "has a damaged `config.json`", "fetch the checkpoint again") from error
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
            raise _unusable(model, what, "fetch the checkpoint again, or name another with --model")


def _unusable(model: str, what: str, remedy: str) -> ModelUnavailable:
    return ModelUnavailable(f"model `{model}` {what}; {remedy}")


def _as_tuple(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, list | tuple) else () if value is None else (int(value),)
