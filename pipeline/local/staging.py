"""Keeps Beam's job server from sending its own jars to the cluster with every job."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path


def without_staging(jars: Iterable[Path], home: Path) -> tuple[Path, ...]:
    """Give the jars a second path, below ``home``, from which Beam does not stage them.

    Beam uploads the job server's whole class path: 201 MB, 22 s for a job, though the local cluster's processes
    have the same jars in theirs. It has no option against it, but leaves out what lies below a ``gradle/wrapper``
    (`PipelineResources.isStageable`). Links must be hard ones, as it looks at the path a symbolic one leads to.
    """
    folder = home / "gradle" / "wrapper"
    folder.mkdir(parents=True)
    return tuple(_linked(jar, folder / jar.name) for jar in jars)


def _linked(jar: Path, path: Path) -> Path:
    try:
        os.link(jar, path)
    except OSError:
        shutil.copyfile(jar, path)  # the jar cache is on another disk
    return path
