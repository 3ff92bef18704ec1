"""Finds Beam's Prism, or builds it where Go is."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from transforms.errors import PrismMissing

VARIABLE = "CAPTIONSTREAM_PRISM"
"""Names a Prism to use."""

_MODULE = "github.com/apache/beam/sdks/v2/go/cmd/prism"
_BUILD_SECONDS = 900.0


def find_prism(environ: Mapping[str, str] | None = None) -> Path:
    """Find Prism: the one `CAPTIONSTREAM_PRISM` names, else on `PATH`, else the one `build_prism` left.

    Raises `PrismMissing`.
    """
    environ = os.environ if environ is None else environ
    if named := environ.get(VARIABLE):
        if not os.access(named, os.X_OK) or not Path(named).is_file():
            raise PrismMissing(f"`{VARIABLE}` names `{named}`, which cannot be run; correct it or unset it")
        return Path(named)
    if on_path := shutil.which("prism", path=environ.get("PATH", "")):
        return Path(on_path)
    built = _built_path(_cache(environ))
    if built.exists():
        return built
    raise PrismMissing(f"no `prism` on PATH; install Go and run `go install {_module()}`, or name one in `{VARIABLE}`")


def build_prism(cache: Path | None = None) -> Path:
    """Build the Prism of this Beam version with Go, once per version: 60 s and the network, then nothing.

    ``cache`` is `~/.cache/captionstream` by default. Raises `PrismMissing` when there is no Go or it fails.
    """
    cache = _cache(os.environ) if cache is None else cache
    built = _built_path(cache)
    if built.exists():
        return built
    go = shutil.which("go")
    if go is None:
        raise PrismMissing(f"Prism is built with Go, which is not on PATH; install it or name a Prism in `{VARIABLE}`")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".prism-", dir=cache) as own:
        _install(go, Path(own))
        built.parent.mkdir(exist_ok=True)
        os.replace(Path(own, "prism"), built)
    return built


def _install(go: str, folder: Path) -> None:
    environment = {**os.environ, "GOBIN": str(folder)}
    try:
        done = subprocess.run(  # noqa: S603
            [go, "install", _module()],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_BUILD_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise PrismMissing(f"`go install` took over `{_BUILD_SECONDS:g}` s; check the network and try again") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise PrismMissing(f"`go install {_module()}` failed: `{reason}`; mend that or name a Prism in `{VARIABLE}`")


def _module() -> str:
    return f"{_MODULE}@v{_version()}"


def _version() -> str:
    return importlib.metadata.version("apache-beam")  # to import it takes seconds


def _cache(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or Path.home(), ".cache")
    return Path(base, "captionstream")


def _built_path(cache: Path) -> Path:
    return cache / f"prism-{_version()}" / "prism"
