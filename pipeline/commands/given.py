"""Options that were said."""

from __future__ import annotations

from typing import Any


def given(values: dict[str, Any]) -> dict[str, Any]:
    """What was said; the rest keeps the default that stands beside its field."""
    return {name: value for name, value in values.items() if value is not None}
