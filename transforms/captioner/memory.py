"""How much memory is free. No torch here unless a card is asked about."""

from __future__ import annotations

import contextlib
from pathlib import Path

GIB = 2**30
_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def free_memory(device: str) -> int | None:
    """Bytes; None where nobody tells."""
    if device.startswith("cuda"):
        import torch

        free: int = torch.cuda.mem_get_info(device)[0]
        return free
    known = [bytes_ for bytes_ in (_machine(), _container()) if bytes_ is not None]
    return min(known, default=None)


def _machine() -> int | None:
    with contextlib.suppress(OSError, ValueError):
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    return None


def _container() -> int | None:
    """What a container's limit leaves; file pages that it holds can be given back."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        most = int((_CGROUP / "memory.max").read_text())
        held = int((_CGROUP / "memory.current").read_text())
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
        told = {name: int(value) for name, value in (line.split() for line in lines)}
        return most - held + told["inactive_file"] + told["active_file"]
    return None
