"""Secrets by reference: the reference may be shown, logged and sent to workers, the secret may not."""

from __future__ import annotations

import os
import re
from pathlib import Path

from transforms.errors import ConfigInvalid


def check_reference(reference: str | None, option: str) -> None:
    """Raise `ConfigInvalid`, without a word of it, for what is no reference: it may be the secret itself."""
    if reference is not None and not re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*|file:/.+", reference):
        raise ConfigInvalid(
            f"{option} takes a reference to a secret, not the secret itself: env:NAME or file:/absolute/path"
        )


def secret(reference: str, option: str) -> str:
    """What a reference leads to, without the newlines that end a file. Raises `ConfigInvalid`."""
    kind, _, place = reference.partition(":")
    if kind == "env":
        found = os.environ.get(place, "")
    else:
        found = read(place, option).decode("utf-8", "replace").rstrip("\r\n")
    if not found:
        raise ConfigInvalid(f"secret `{reference}` is not set or empty; set it where the job runs or mend {option}")
    if "\ufffd" in found:
        raise ConfigInvalid(f"secret `{reference}` is not UTF-8 text; mend it or {option}")
    return found


def read(path: str, option: str) -> bytes:
    """The content of a file an option names. Raises `ConfigInvalid`."""
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no such path"
        raise ConfigInvalid(f"`{path}` cannot be read (`{reason}`); mend {option}") from error
