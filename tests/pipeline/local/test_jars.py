import hashlib
import logging
import threading
import urllib.error
from pathlib import Path

import pytest
from apache_beam.utils.subprocess_server import JavaJarServer

from pipeline.local import jars
from pipeline.local.jars import LOCK, Jar, fetch, read_lock
from transforms.errors import JarUnavailable


def jar(artifact: str, content: bytes) -> Jar:
    return Jar("org.example", artifact, "1.0", hashlib.sha256(content).hexdigest())


@pytest.fixture
def served(monkeypatch):
    """What Beam would download, by file name; what is not in it cannot be had."""
    files: dict[str, bytes] = {}

    def local_jar(address, cache_dir):
        logging.getLogger(JavaJarServer.__module__).warning("downloading %s", address)
        name = address.rsplit("/", 1)[1]
        try:
            content = files[name]
        except KeyError:
            try:
                raise urllib.error.URLError("no such host")
            except urllib.error.URLError:
                raise RuntimeError(f"Unable to fetch {address}") from None
        path = Path(cache_dir, name)
        path.write_bytes(content)
        return str(path)

    monkeypatch.setattr(JavaJarServer, "local_jar", local_jar)
    return files


def test_the_lock_pins_the_broker_and_names_no_address():
    pinned = read_lock()
    assert len(pinned) == 46
    assert len({each.file_name for each in pinned}) == 46
    assert "kafka_2.13-4.1.1.jar" in {each.file_name for each in pinned}
    assert "//" not in LOCK.read_text()


def test_a_damaged_lock_names_its_line(tmp_path):
    lock = tmp_path / "jars.lock"
    lock.write_text(f"# comment\n\norg.example:a:1.0 {'0' * 64}\norg.example:b:1.0 abc\n")
    with pytest.raises(JarUnavailable) as caught:
        read_lock(lock)
    assert caught.value.message == (
        f"line `4` of `{lock}` is not `group:artifact:version sha256`; install captionstream again"
    )


def test_downloads_only_what_the_cache_lacks(tmp_path, served):
    (tmp_path / "old-1.0.jar").write_bytes(b"old")
    served["new-1.0.jar"] = b"new"
    seen = []
    paths = fetch([jar("new", b"new"), jar("old", b"old")], lambda *at: seen.append(at), tmp_path)
    assert paths == (tmp_path / "new-1.0.jar", tmp_path / "old-1.0.jar")
    assert [path.read_bytes() for path in paths] == [b"new", b"old"]
    assert seen == [(1, 2), (2, 2)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new-1.0.jar", "old-1.0.jar"]


def test_a_wrong_jar_in_the_cache_is_refused_and_left_to_its_owner(tmp_path, served):
    path = tmp_path / "a-1.0.jar"
    path.write_bytes(b"forged")
    pinned = jar("a", b"real")
    with pytest.raises(JarUnavailable) as caught:
        fetch([pinned], cache=tmp_path)
    assert caught.value.message == (
        f"the jar `a-1.0.jar` has sha256 `{hashlib.sha256(b'forged').hexdigest()}`, "
        f"not the pinned `{pinned.sha256}`; delete `{path}` and try again"
    )
    assert path.exists()


def test_a_wrong_download_never_enters_the_cache(tmp_path, served):
    served["a-1.0.jar"] = b"cut of"
    pinned = jar("a", b"cut off")
    with pytest.raises(JarUnavailable) as caught:
        fetch([pinned], cache=tmp_path)
    assert caught.value.message == (
        f"the jar `a-1.0.jar` has sha256 `{hashlib.sha256(b'cut of').hexdigest()}`, "
        f"not the pinned `{pinned.sha256}`; "
        f"try again, or put the right file at `{tmp_path / 'a-1.0.jar'}` yourself"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_jar_that_cannot_be_had_gives_the_reason_and_no_address(tmp_path, served):
    with pytest.raises(JarUnavailable) as caught:
        fetch([jar("a", b"")], cache=tmp_path / "cache")
    assert caught.value.message == (
        "the jar `a-1.0.jar` could not be fetched: `URLError: <urlopen error no such host>`; "
        f"check the network and its proxy settings, or put the file at `{tmp_path}/cache/a-1.0.jar` yourself"
    )


def test_a_stuck_download_ends_in_an_error(tmp_path, monkeypatch):
    never = threading.Event()
    monkeypatch.setattr(JavaJarServer, "local_jar", lambda *_, **__: never.wait(30))
    monkeypatch.setattr(jars, "_STALL_SECONDS", 0.05)
    with pytest.raises(JarUnavailable, match=r"no jar arrived in `0\.05` s; check the network"):
        fetch([jar("a", b"")], cache=tmp_path)
    never.set()


def test_several_downloads_run_at_once(tmp_path, monkeypatch):
    both = threading.Barrier(2, timeout=10)

    def local_jar(address, cache_dir):
        both.wait()
        path = Path(cache_dir, address.rsplit("/", 1)[1])
        path.write_bytes(b"")
        return path

    monkeypatch.setattr(JavaJarServer, "local_jar", local_jar)
    assert len(fetch([jar("a", b""), jar("b", b"")], cache=tmp_path)) == 2


def test_beams_warnings_are_held_back_only_while_fetching(tmp_path, served, caplog):
    served["a-1.0.jar"] = b""
    fetch([jar("a", b"")], cache=tmp_path)
    assert caplog.records == []
    logging.getLogger(JavaJarServer.__module__).warning("after")
    assert [record.message for record in caplog.records] == ["after"]
