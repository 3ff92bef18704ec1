"""Finds the checkpoint or savepoint to go on from."""

from __future__ import annotations

from pipeline.runners.places import local_path
from transforms.errors import ConfigInvalid

LATEST = "latest"


def savepoint_of(wanted: str, checkpoint_dir: str) -> str:
    """``latest`` → the newest complete checkpoint or savepoint below the checkpoint directory; else as given.

    Raises `ConfigInvalid` when there is none, or the directory is not on this machine.
    """
    if wanted != LATEST:
        return wanted
    folder = local_path(checkpoint_dir)
    if folder is None:
        raise ConfigInvalid(
            f"`{checkpoint_dir or 'nowhere'}` is not on this machine, so its latest checkpoint is not known here; "
            "name it with --resume ADDRESS"
        )
    # Flink writes _metadata last: a checkpoint that has it is complete.
    complete = sorted(folder.glob("**/_metadata"), key=lambda path: path.stat().st_mtime_ns)
    if not complete:
        raise ConfigInvalid(f"no complete checkpoint lies below `{folder}`; start without --resume")
    return complete[-1].parent.as_uri()
