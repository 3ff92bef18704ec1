"""Language tags (BCP 47): their canonical form, and the lookup of what is served in place of what was asked for."""

from __future__ import annotations

from collections.abc import Collection

_TRADITIONAL = ("TW", "HK", "MO")
"""Regions that write Chinese in traditional characters."""


def normalise_language(tag: str) -> str:
    """A tag in canonical case; Chinese says its script, and only that: ``zh-CN`` becomes ``zh-Hans``.

    Nothing is checked: what is no tag is found in no library.
    """
    head, *rest = tag.strip().replace("_", "-").split("-")
    head = head.lower()
    place = next((n for n, part in enumerate(rest) if len(part) == 1), len(rest))  # extensions stay as they are
    rest = [_cased(part) if n < place else part.lower() for n, part in enumerate(rest)]
    if head == "zh" and not any(len(part) == 4 and part.isalpha() for part in rest[:place]):
        script = "Hant" if rest[:1] and rest[0] in _TRADITIONAL else "Hans"
        rest = [script, *(rest[1:] if place and len(rest[0]) == 2 else rest)]
    return "-".join([head, *rest])


def lookup(tag: str, served: Collection[str]) -> str | None:
    """The longest start of a canonical tag that is served (RFC 4647 §3.4): ``en`` for ``en-US``; None: none is."""
    parts = tag.split("-")
    while parts:
        if (found := "-".join(parts)) in served:
            return found
        parts.pop()
        if len(parts) > 1 and len(parts[-1]) == 1:  # the letter that opens an extension is no end
            parts.pop()
    return None


def _cased(part: str) -> str:
    if len(part) == 4 and part.isalpha():
        return part.title()
    return part.upper() if len(part) == 2 else part.lower()
