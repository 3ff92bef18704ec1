"""Directories and addresses."""

from pathlib import Path

from pipeline.runners.places import address, local_path


def test_addresses() -> None:
    assert address("/a b") == "file:///a%20b"
    assert address("gs://b/x") == "gs://b/x"
    assert address("file:/tmp/s-1") == "file:/tmp/s-1"


def test_local_paths() -> None:
    assert local_path("file:///a%20b") == Path("/a b")
    assert local_path("rel") == Path.cwd() / "rel"
    assert local_path("gs://x/y") is None
