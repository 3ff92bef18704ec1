"""Reads README.md and docs/: commands, options and links."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def shown(page: Path) -> Iterator[str]:
    """Lines of the page's blocks of code, continued ones joined."""
    for _, block in re.findall(r"^```(\w*)\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
        yield from re.sub(r"\\\n\s*", " ", block).splitlines()


def commands(page: Path) -> list[list[str]]:
    """What follows ``captionstream`` in each command of the page that may be typed as it is, without ``…``."""
    lines = (
        re.sub(r"^(\.venv/bin/)?captionstream ", "", line)
        for line in shown(page)
        if re.match(r"\S*captionstream ", line)
    )
    return [shlex.split(line.partition("  #")[0]) for line in lines if "…" not in line]


def options(page: Path) -> set[str]:
    """Options that the page names in its text."""
    return set(re.findall(r"`(--[a-z][a-z0-9-]+)", page.read_text("utf-8")))


def links(page: Path) -> list[str]:
    """Relative targets."""
    return [
        target.partition("#")[0]
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
        if not target.startswith(("http:", "https:", "#"))
    ]
