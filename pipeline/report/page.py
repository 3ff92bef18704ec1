"""Writes an HTML page from a template: escaped, strict about names, with the look of `page.css`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def write_page(path: Path, template: Path, **values: Any) -> None:
    """Render ``template``, which may include what lies beside this file, and make the page's folder if need be."""
    environment = Environment(
        loader=FileSystemLoader((template.parent, Path(__file__).parent)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(template.name).render(**values)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, "utf-8")
