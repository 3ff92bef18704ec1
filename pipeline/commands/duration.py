"""Reads a duration from the command line."""

from __future__ import annotations

import re

from transforms.errors import ConfigInvalid

_UNITS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def milliseconds(duration: str, option: str) -> int:
    """``90s``, ``15m``, ``2h``, ``1d`` → milliseconds. Raises `ConfigInvalid` naming the option."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", duration)
    if found is None:
        raise ConfigInvalid(f"`{duration}` is no duration; mend {option}, for example 90s, 15m, 2h or 1d")
    return int(float(found[1]) * _UNITS[found[2]])
