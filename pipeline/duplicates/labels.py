"""Reads what a person says of the pictures: which show the same, and what their uploads will say of them."""

from __future__ import annotations

import csv
import io
import posixpath
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from transforms.errors import ConfigInvalid

PATH, PRODUCT, MERCHANT, CATEGORY = "path", "product", "merchant", "category"


@dataclass(frozen=True, slots=True)
class Label:
    """One line of the file."""

    product: str
    """Pictures with the same one may share a text; empty when the line does not say."""
    merchant: str = ""
    """Pictures are compared within one merchant."""
    attributes: tuple[tuple[str, str], ...] = ()
    """Every other column that has a value, sorted by name: the upload's attributes."""
    category: str = ""


def read_labels(path: Path, known: Container[str]) -> dict[str, Label]:
    """Labels by image id.

    The file is CSV in UTF-8 with a header; ``path`` and ``product`` must be there. Raises `ConfigInvalid` naming the
    line when the file, a column or a value is wrong, or when a path is not among the ``known`` ones.
    """
    labels: dict[str, Label] = {}
    lines = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        header = _header(next(lines, []), path)
        for cells in lines:
            where = f"line `{lines.line_num}` of `{path}`"
            if not cells:
                continue
            if len(cells) != len(header):
                raise ConfigInvalid(
                    f"{where} has `{len(cells)}` cells, its header `{len(header)}`; mend the file of --labels"
                )
            row = dict(zip(header, cells, strict=True))
            image_id = posixpath.normpath(row.pop(PATH))
            if image_id not in known:
                raise ConfigInvalid(
                    f"{where} names `{image_id}`, and the folder has no such file; "
                    "give paths below the folder in the file of --labels"
                )
            if image_id in labels:
                raise ConfigInvalid(f"{where} names `{image_id}` again; leave one line in the file of --labels")
            labels[image_id] = _label({name: cell.strip() for name, cell in row.items()})
    except csv.Error as error:
        raise ConfigInvalid(
            f"line `{lines.line_num}` of `{path}` is not CSV (`{error}`); mend the file of --labels"
        ) from error
    if not labels:
        raise ConfigInvalid(f"labels `{path}` have no line after the header; mend the file of --labels")
    return labels


def _text(path: Path) -> str:
    try:
        encoded = path.read_bytes()
        return encoded.decode("utf-8-sig")
    except OSError as error:
        raise ConfigInvalid(f"labels `{path}` cannot be read (`{error.strerror}`); mend --labels") from error
    except UnicodeDecodeError as error:
        line = encoded.count(b"\n", 0, error.start) + 1
        raise ConfigInvalid(f"line `{line}` of `{path}` is not UTF-8; save the file of --labels as UTF-8") from error


def _label(row: dict[str, str]) -> Label:
    product, merchant, category = row.pop(PRODUCT), row.pop(MERCHANT, ""), row.pop(CATEGORY, "")
    attributes = tuple(sorted((name, value) for name, value in row.items() if value))
    return Label(product, merchant, attributes, category)


def _header(cells: list[str], path: Path) -> list[str]:
    header = [cell.strip() for cell in cells]
    for name in (PATH, PRODUCT):
        if name not in header:
            raise ConfigInvalid(f"labels `{path}` have no column `{name}`; add it to the header of --labels")
    for name in header:
        if not name or header.count(name) > 1:
            raise ConfigInvalid(f"labels `{path}` have the column `{name}` without a name or twice; mend its header")
    return header
