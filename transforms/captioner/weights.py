"""What a checkpoint's weight files hold, by their headers, and whether there is room for it. Nothing is loaded here.

So a model that cannot be used is refused in a second, and not after seventeen gigabytes were read. No torch here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open

from transforms.captioner.memory import GIB, free_memory
from transforms.errors import ModelUnavailable

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
BYTES = {"float32": 4, "bfloat16": 2}
"""Of one number."""
Shapes = Mapping[str, tuple[int, ...]]


def read_shapes(directory: Path, model: str) -> Shapes:
    """Names and shapes of all weights, of one file or of the shards in the index. Raises `ModelUnavailable`."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name in _files(directory, model):
        path = directory / name
        if not path.is_file():
            raise ModelUnavailable(f"model `{model}` lacks `{name}`, which its index names; fetch the checkpoint again")
        try:
            with safe_open(path, "np") as file:
                shapes |= {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ModelUnavailable(
                f"model `{model}` has weights that cannot be read ({reason}); fetch the checkpoint again"
            ) from error
    return shapes


def require_shapes(shapes: Shapes, expected: Shapes, model: str) -> None:
    """Raise `ModelUnavailable` when a weight has another shape. Names are for who loads: some are renamed then."""
    wrong = [name for name, shape in shapes.items() if expected.get(name, shape) != shape]
    if wrong:
        raise ModelUnavailable(
            f"model `{model}` has wrongly shaped weights: {len(wrong)}, the first is `{min(wrong)}`; "
            "fetch the checkpoint again, or name another with --model"
        )


def weight_bytes(shapes: Shapes, precision: str) -> int:
    """Memory that the weights take as ``float32`` or ``bfloat16``."""
    return sum(map(math.prod, shapes.values())) * BYTES[precision]


def require_room(shapes: Shapes, precision: str, device: str, model: str) -> None:
    """Raise `ModelUnavailable` when the weights alone are more than there is."""
    needed = weight_bytes(shapes, precision)
    smaller = "" if precision == "bfloat16" else ", or --dtype bfloat16"
    for place in dict.fromkeys(("cpu", device)):  # they pass through the machine's memory on their way to a card
        free = free_memory(place)
        if free is not None and needed > free:
            larger = "take a machine with more memory" if place == "cpu" else "free the card or take a larger one"
            raise ModelUnavailable(
                f"model `{model}` needs `{needed / GIB:.1f}` GiB for its weights in {precision}, and `{place}` has "
                f"{free / GIB:.1f} free; {larger}{smaller}"
            )


def _files(directory: Path, model: str) -> list[str]:
    if (directory / SINGLE).is_file():
        return [SINGLE]
    if not (directory / INDEX).is_file():
        raise ModelUnavailable(
            f"model `{model}` has no weights in `*.safetensors` files; "
            "name a complete checkpoint directory with --model"
        )
    try:
        index = json.loads((directory / INDEX).read_text("utf-8"))["weight_map"]
        return sorted({str(name) for name in index.values()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelUnavailable(f"model `{model}` has a damaged `{INDEX}`; fetch the checkpoint again") from error
