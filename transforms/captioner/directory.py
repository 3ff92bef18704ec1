"""What lies in a checkpoint's directory, checked without loading it: neither torch nor transformers is imported here.

So a model that cannot be used is refused in a second, also by who only asks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transforms.captioner.api import CaptionerOptions
from transforms.captioner.chat import Chat
from transforms.captioner.patches import PatchRule
from transforms.captioner.weights import Shapes, read_shapes
from transforms.errors import ModelUnavailable

ARCHITECTURE = "Qwen3VLForConditionalGeneration"
TINY = Path(__file__).with_name("tiny")
TINY_REVISION = "1"
"""Raised whenever the bundled weights change: it is part of the reuse key."""

_FILES = ("*.json", "*.safetensors", "*.txt")


@dataclass(frozen=True, slots=True)
class CheckpointFiles:
    """A checkpoint that is whole as far as its files tell."""

    directory: Path
    revision: str
    chat: Chat
    rule: PatchRule
    """With the operator's pixel cap applied."""
    shapes: Shapes
    """Of the weights, by name."""


def read_directory(options: CaptionerOptions) -> CheckpointFiles:
    """Find the directory and read all but the weights. Raises `ModelUnavailable`."""
    directory, revision = _find(options)
    config = _read_config(directory, options.model)
    chat = _read_chat(directory, options.model, config)
    rule = _read_rule(directory, options, config)
    return CheckpointFiles(directory, revision, chat, rule, read_shapes(directory, options.model))


def _find(options: CaptionerOptions) -> tuple[Path, str]:
    """Directory and revision."""
    if options.model == "tiny":
        return TINY, options.revision or TINY_REVISION
    path = Path(options.model).expanduser()
    if path.is_dir():
        return path, options.revision
    from huggingface_hub import snapshot_download  # a second, and not needed for a directory

    from transforms.captioner.quiet import quiet

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
            raise unusable(options.model, "cannot be downloaded", "check --model and the network") from error
        raise unusable(
            options.model,
            "is neither a directory nor in the local model cache",
            "name a checkpoint directory with --model, or allow --download for a hub id",
        ) from error
    # Its last part is the commit: a branch may point elsewhere tomorrow.
    return Path(found), Path(found).name


def _read_config(directory: Path, model: str) -> dict[str, Any]:
    path = directory / "config.json"
    if not path.is_file():
        raise unusable(model, "has no `config.json`", "name a complete checkpoint directory with --model")
    try:
        config = dict(json.loads(path.read_text("utf-8")))
        names = [str(name) for name in config.get("architectures") or ["none"]]
    except (ValueError, TypeError) as error:
        raise unusable(model, "has a damaged `config.json`", "fetch the checkpoint again") from error
    if ARCHITECTURE not in names:
        remedy = f"only `{ARCHITECTURE}` can be run: name such a checkpoint with --model"
        raise unusable(model, f"has the architecture `{names[0]}`", remedy)
    return config


def _read_chat(directory: Path, model: str, config: dict[str, Any]) -> Chat:
    path = directory / "tokenizer.json"
    if not path.is_file():
        raise unusable(model, "has no `tokenizer.json`", "copy it from the checkpoint it was made from")
    try:
        chat = Chat(path.read_text("utf-8"))
    except ValueError as error:
        what = f"has a wrong `tokenizer.json` ({error})"
        raise unusable(model, what, "fetch the checkpoint again") from error
    if chat.image_id != config.get("image_token_id"):
        what = f"has a `tokenizer.json` of another model: {chat.image_id} is not the picture's token"
        raise unusable(model, what, "copy it from the checkpoint it was made from")
    return chat


def _read_rule(directory: Path, options: CaptionerOptions, config: dict[str, Any]) -> PatchRule:
    try:
        rule = PatchRule.read(directory, config.get("vision_config") or {})
    except (ValueError, TypeError, AttributeError) as error:
        what = f"has a wrong `preprocessor_config.json` ({error})"
        raise unusable(options.model, what, "fetch the checkpoint again") from error
    return rule.capped(options.max_pixels)


def unusable(model: str, what: str, remedy: str) -> ModelUnavailable:
    """The error for a model that cannot be used."""
    return ModelUnavailable(f"model `{model}` {what}; {remedy}")
