"""Which checkpoint a job goes on from."""

import os
from pathlib import Path

import pytest

from pipeline.runners.resume import savepoint_of
from transforms.errors import ConfigInvalid


def checkpoint(folder: Path, name: str, age: int, complete: bool = True) -> Path:
    made = folder / name
    made.mkdir(parents=True)
    if complete:
        (made / "_metadata").write_bytes(b"x")
        os.utime(made / "_metadata", (1_700_000_000 - age,) * 2)
    return made


def test_the_newest_complete_one_is_the_latest(tmp_path: Path) -> None:
    checkpoint(tmp_path, "job1/chk-9", age=50)
    wanted = checkpoint(tmp_path, "savepoints/savepoint-a", age=10)
    checkpoint(tmp_path, "job2/chk-3", age=30)
    checkpoint(tmp_path, "job2/chk-4", age=0, complete=False)
    assert savepoint_of("latest", str(tmp_path)) == wanted.as_uri()
    assert savepoint_of("latest", tmp_path.as_uri()) == wanted.as_uri()


def test_an_address_is_taken_as_it_is() -> None:
    assert savepoint_of("s3://b/savepoint-1", "s3://b") == "s3://b/savepoint-1"
    assert savepoint_of("", "") == ""


def test_without_a_checkpoint_there_is_nothing_to_resume(tmp_path: Path) -> None:
    checkpoint(tmp_path, "job/chk-1", age=0, complete=False)
    with pytest.raises(ConfigInvalid, match=r"no complete checkpoint lies below .*; start without --resume"):
        savepoint_of("latest", str(tmp_path))


@pytest.mark.parametrize("place", ["s3://b/ck", ""])
def test_elsewhere_is_not_searched(place: str) -> None:
    with pytest.raises(ConfigInvalid, match=f"`{place or 'nowhere'}` is not on this machine.*--resume ADDRESS"):
        savepoint_of("latest", place)
