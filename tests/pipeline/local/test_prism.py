from pathlib import Path

import apache_beam
import pytest

from pipeline.local.prism import build_prism, find_prism
from transforms.errors import PrismMissing

MODULE = f"github.com/apache/beam/sdks/v2/go/cmd/prism@v{apache_beam.__version__}"


def executable(path: Path, script: str = "exit 0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def go(tmp_path, monkeypatch):
    """Puts a `go` on PATH that runs a script."""

    def create(script: str) -> None:
        monkeypatch.setenv("PATH", f"{executable(tmp_path / 'go' / 'go', script).parent}:/usr/bin:/bin")

    return create


def test_the_variable_comes_first(tmp_path):
    named = executable(tmp_path / "mine")
    on_path = executable(tmp_path / "bin" / "prism")
    environ = {"PATH": str(on_path.parent), "HOME": str(tmp_path)}
    assert find_prism({**environ, "CAPTIONSTREAM_PRISM": str(named)}) == named
    assert find_prism(environ) == on_path


def test_a_variable_that_names_nothing_is_an_error(tmp_path):
    with pytest.raises(PrismMissing) as caught:
        find_prism({"CAPTIONSTREAM_PRISM": str(tmp_path)})
    assert caught.value.message == (
        f"`CAPTIONSTREAM_PRISM` names `{tmp_path}`, which cannot be run; correct it or unset it"
    )


@pytest.mark.parametrize("variable", ["HOME", "XDG_CACHE_HOME"])
def test_what_was_built_is_found_again(tmp_path, variable):
    cache = tmp_path / "captionstream" if variable == "XDG_CACHE_HOME" else tmp_path / ".cache" / "captionstream"
    built = executable(cache / f"prism-{apache_beam.__version__}" / "prism")
    assert find_prism({variable: str(tmp_path), "PATH": ""}) == built


def test_none_at_all(tmp_path):
    with pytest.raises(PrismMissing) as caught:
        find_prism({"HOME": str(tmp_path), "PATH": ""})
    assert caught.value.message == (
        f"no `prism` on PATH; install Go and run `go install {MODULE}`, or name one in `CAPTIONSTREAM_PRISM`"
    )


def test_it_is_built_once(tmp_path, go):
    go(f'echo "$@" >>{tmp_path}/calls; echo built >"$GOBIN/prism"; chmod +x "$GOBIN/prism"')
    cache = tmp_path / "cache"
    built = build_prism(cache)
    assert built.read_text() == "built\n"
    assert build_prism(cache) == built
    assert (tmp_path / "calls").read_text() == f"install {MODULE}\n"
    assert list(cache.iterdir()) == [built.parent]


def test_a_failed_build_says_why(tmp_path, go):
    go("echo downloading >&2; echo no route to host >&2; exit 1")
    with pytest.raises(PrismMissing) as caught:
        build_prism(tmp_path / "cache")
    assert caught.value.message == (
        f"`go install {MODULE}` failed: `no route to host`; mend that or name a Prism in `CAPTIONSTREAM_PRISM`"
    )
    assert list((tmp_path / "cache").iterdir()) == []


def test_no_go(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PrismMissing, match="built with Go, which is not on PATH; install it"):
        build_prism(tmp_path)
