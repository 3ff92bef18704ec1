"""The fallback: a text from an upload's own attributes, where the policy has templates for it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from transforms.review.policy import ReviewPolicy

_NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)\}")
_VALUE_CHARS = 200


def has_names(template: str) -> bool:
    """Whether it is a template: one that names no attribute would say the same of everything."""
    return bool(_NAME.search(template)) and "{" not in _NAME.sub("", template)


def fallback_text(policy: ReviewPolicy, language: str, attributes: Mapping[str, str]) -> str | None:
    """The first template of the language whose attributes the upload has all; None: there is none."""
    for template in dict(policy.fallbacks).get(language, ()):
        names = _NAME.findall(template)
        if all(attributes.get(name, "").strip() for name in names):
            return _NAME.sub(lambda match: " ".join(attributes[match[1]].split())[:_VALUE_CHARS], template)
    return None
