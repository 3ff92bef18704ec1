"""The answer to MODERATE: a closed verdict, closed reasons, and boxes."""

from __future__ import annotations

from typing import Any

from transforms.parsing.strict import Unparsable, check_keys, items
from transforms.values import Moderation, ModerationVerdict, Reason, Region

SCALE = 1000
"""Right and bottom edge of a picture: Qwen3-VL gives boxes in thousandths."""
MAX_REGIONS = 16


def read_moderation(found: dict[str, Any]) -> Moderation:
    """The moderation of an answer's object. Raises `Unparsable`: what is not quite a verdict is none.

    A verdict and reasons that contradict each other are no answer, whichever of the two is right.
    """
    try:
        verdict = ModerationVerdict(found["verdict"])
    except ValueError:
        raise Unparsable("its verdict does not exist") from None
    reasons = tuple(map(_reason, items(found, "reasons", len(Reason))))
    if len(set(reasons)) < len(reasons):
        raise Unparsable("a reason stands twice")
    if bool(reasons) == (verdict is ModerationVerdict.SAFE):
        raise Unparsable("verdict and reasons contradict each other")
    regions = tuple(_region(item, reasons) for item in items(found, "regions", MAX_REGIONS))
    return Moderation(verdict, reasons, regions)


def _reason(value: Any) -> Reason:
    try:
        return Reason(value)
    except ValueError:
        raise Unparsable("a reason does not exist") from None


def _region(value: Any, reasons: tuple[Reason, ...]) -> Region:
    if not isinstance(value, dict):
        raise Unparsable("a region is no object")
    check_keys(value, ("reason", "bbox_2d"))
    reason = _reason(value["reason"])
    if reason not in reasons:
        raise Unparsable("a region has a reason that is not among the reasons")
    box = items(value, "bbox_2d", 4)
    if len(box) < 4 or any(type(edge) is not int or not 0 <= edge <= SCALE for edge in box):
        raise Unparsable(f"a box is not four whole numbers from 0 to {SCALE}")
    left, top, right, bottom = box
    if left >= right or top >= bottom:
        raise Unparsable("a box is empty")
    return Region(reason, left, top, right, bottom)
