import errno
import os
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from transforms.errors import (
    CaptionstreamError,
    ConfigInvalid,
    EventInvalid,
    ImageMissing,
    ImageTooLarge,
    ImageUnreadable,
    SourceForbidden,
)
from transforms.fetch import Fetcher, FetchLimits
from transforms.fetch import files as module
from transforms.values import Task, Upload

UPLOAD = Upload("i1", 0, "shop", "shoes", Task.DESCRIBE, ("en",), ())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outside.jpg").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "a.jpg").write_bytes(b"picture")
    (root / "sub" / "b.jpg").write_bytes(b"below")
    return root


def fetch(root: Path | str | None, uri: str, max_bytes: int = 1000) -> bytes:
    limits = FetchLimits(str(root) if root else None, max_bytes)
    return Fetcher(limits).fetch(replace(UPLOAD, uri=uri))


def refused(error: type[CaptionstreamError], root: Path | str | None, uri: str, *words: str) -> str:
    with pytest.raises(error) as raised:
        fetch(root, uri)
    for word in words:
        assert word in raised.value.message
    assert "secret" not in raised.value.message
    return raised.value.message


def test_inline_bytes_are_returned_as_they_are() -> None:
    assert Fetcher(FetchLimits()).fetch(replace(UPLOAD, inline=b"abc")) == b"abc"
    assert Fetcher(FetchLimits()).fetch(replace(UPLOAD, inline=b"")) == b""


def test_inline_bytes_have_a_cap() -> None:
    fetcher = Fetcher(FetchLimits(max_bytes=3))
    assert fetcher.fetch(replace(UPLOAD, inline=b"abc")) == b"abc"
    with pytest.raises(ImageTooLarge, match=r"`4` bytes.*`3`.*--max-image-bytes"):
        fetcher.fetch(replace(UPLOAD, inline=b"abcd"))


@pytest.mark.parametrize("upload", [UPLOAD, replace(UPLOAD, uri="file:///a", inline=b"x")])
def test_an_event_holds_one_picture(upload: Upload) -> None:
    with pytest.raises(EventInvalid, match="either `uri` or `inline`"):
        Fetcher(FetchLimits()).fetch(upload)


@pytest.mark.parametrize("form", ["file://{}", "file:{}", "file://localhost{}", "FILE://{}", "File:{}"])
def test_files_under_the_root(root: Path, form: str) -> None:
    assert fetch(root, form.format(f"{root}/a.jpg")) == b"picture"
    assert fetch(f"{root}/", form.format(f"{root}/sub/b.jpg")) == b"below"


@pytest.mark.parametrize("name", ["with space.jpg", "图.jpg", "100%.jpg", "what?.jpg", "a#b.jpg", "a;b=c.jpg", "~"])
def test_any_file_name_can_be_written(root: Path, name: str) -> None:
    (root / name).write_bytes(b"named")
    assert fetch(root, (root / name).as_uri()) == b"named"


def test_names_that_are_not_utf8(root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/\xff.jpg")).write_bytes(b"latin")
    assert fetch(root, f"file://{root}/%FF.jpg") == b"latin"


@pytest.mark.parametrize(
    "tail",
    ["/sub/../a.jpg", "//a.jpg", "/./a.jpg", "/sub/%2e%2e/a.jpg", "/sub%2F..%2Fa.jpg", "/../root/a.jpg"],
)
def test_detours_within_the_root_are_allowed(root: Path, tail: str) -> None:
    assert fetch(root, f"file://{root}{tail}") == b"picture"


@pytest.mark.parametrize(
    "tail",
    [
        "/../outside.jpg",
        "/%2e%2e/outside.jpg",
        "/..%2foutside.jpg",
        "/sub/../../outside.jpg",
        "/%2E%2E%2Foutside.jpg",
    ],
)
def test_detours_out_of_the_root_are_not(root: Path, tail: str) -> None:
    refused(
        SourceForbidden,
        root,
        f"file://{root}{tail}",
        "outside the directory",
        "--file-root",
        f"`file://{root}",
    )


def test_percent_signs_are_decoded_once(root: Path) -> None:
    refused(ImageMissing, root, f"file://{root}/%252e%252e/outside.jpg")


@pytest.mark.parametrize(
    "path", ["/etc/hostname", "/proc/self/environ", "/proc/self/root/etc/passwd", "/", "/dev/zero"]
)
def test_the_rest_of_the_machine(root: Path, path: str) -> None:
    refused(SourceForbidden, root, f"file://{path}", "outside")


def test_a_neighbour_with_a_longer_name(root: Path) -> None:
    neighbour = root.with_name("root2")
    neighbour.mkdir()
    (neighbour / "a.jpg").write_bytes(b"x")
    refused(SourceForbidden, root, f"file://{neighbour}/a.jpg", "outside")


def test_links_are_followed_inside_only(root: Path) -> None:
    (root / "inside").symlink_to("sub/b.jpg")
    (root / "out").symlink_to("../outside.jpg")
    (root / "up").symlink_to("..")
    (root / "proc").symlink_to(f"/proc/self/cwd/{root.parent}/outside.jpg")
    assert fetch(root, f"file://{root}/inside") == b"below"
    for name in ("out", "up/outside.jpg", "proc"):
        refused(SourceForbidden, root, f"file://{root}/{name}", "outside")


def test_the_root_may_be_a_link_itself(root: Path) -> None:
    link = root.with_name("link")
    link.symlink_to(root)
    assert fetch(link, f"file://{link}/a.jpg") == b"picture"
    assert fetch(link, f"file://{root}/a.jpg") == b"picture"


def test_a_link_in_a_loop(root: Path) -> None:
    (root / "loop").symlink_to("loop")
    refused(SourceForbidden, root, f"file://{root}/loop", "symbolic link")


@pytest.mark.parametrize(("swapped", "error"), [("sub", ImageMissing), ("sub/b.jpg", SourceForbidden)])
def test_a_link_put_there_after_the_check(root: Path, monkeypatch, swapped: str, error) -> None:
    """Between realpath and open, a directory or the file is swapped for a link to what lies outside."""
    elsewhere = root.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / "b.jpg").write_bytes(b"secret")
    resolve = os.path.realpath

    def raced(path: str) -> str:
        real = resolve(path)
        if real.endswith("b.jpg"):
            (root / swapped).rename(root / "moved")
            (root / swapped).symlink_to(elsewhere if swapped == "sub" else elsewhere / "b.jpg")
        return real

    monkeypatch.setattr(os.path, "realpath", raced)
    refused(error, root, f"file://{root}/sub/b.jpg")


@pytest.mark.parametrize("kind", ["directory", "root", "fifo", "socket", "device"])
def test_only_regular_files(root: Path, kind: str) -> None:
    path = root / kind
    if kind == "directory":
        path.mkdir()
    elif kind == "root":
        path = root
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            here = os.open(".", os.O_RDONLY)
            os.chdir(root)  # the name of a socket is short
            listener.bind(kind)
            os.fchdir(here)
            os.close(here)
    else:
        try:
            os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("making a device file takes privileges")
    started = time.monotonic()
    refused(SourceForbidden, root, f"file://{path}", "not a regular file")
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("tail", ["/none.jpg", "/none/none.jpg", "/a.jpg/b.jpg", "/" + "x" * 300, "/" + "x/" * 3000])
def test_missing(root: Path, tail: str) -> None:
    message = refused(ImageMissing, root, f"file://{root}{tail}", "does not exist")
    assert len(message) < 500


def test_the_cap_holds_before_and_while_reading(root: Path, monkeypatch) -> None:
    (root / "big").write_bytes(b"x" * 1001)
    (root / "fits").write_bytes(b"x" * 1000)
    assert len(fetch(root, f"file://{root}/fits")) == 1000
    with pytest.raises(ImageTooLarge, match=r"`1001` bytes"):
        fetch(root, f"file://{root}/big")
    real = os.fstat
    monkeypatch.setattr(os, "fstat", lambda fd: os.stat_result((*real(fd)[:6], 0, *real(fd)[7:])))
    monkeypatch.setattr(module, "_CHUNK", 100)
    with pytest.raises(ImageTooLarge, match=r"`1001` bytes or more.*`1000`"):
        fetch(root, f"file://{root}/big")


def test_a_file_may_be_empty(root: Path) -> None:
    (root / "empty").touch()
    assert fetch(root, f"file://{root}/empty") == b""


def test_a_failing_disk_may_be_tried_again(root: Path, monkeypatch) -> None:
    def read(descriptor: int, size: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "read", read)
    message = refused(ImageUnreadable, root, f"file://{root}/a.jpg", "`Input/output error`", "disk")
    assert ImageUnreadable.retryable
    assert "Errno" not in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_no_permission(root: Path) -> None:
    (root / "a.jpg").chmod(0)
    refused(ImageUnreadable, root, f"file://{root}/a.jpg", "Permission denied")


def test_no_descriptor_is_left_open(root: Path) -> None:
    os.mkfifo(root / "fifo")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        fetch(root, f"file://{root}/sub/b.jpg")
        refused(ImageMissing, root, f"file://{root}/sub/none")
        refused(ImageMissing, root, f"file://{root}/sub/none/none")
        refused(SourceForbidden, root, f"file://{root}/fifo")
    assert len(os.listdir("/proc/self/fd")) == before


def test_without_a_root_no_file_is_served() -> None:
    refused(SourceForbidden, None, "file:///etc/hostname", "`file:///etc/hostname`", "--file-root")


@pytest.mark.parametrize(
    "uri",
    [
        "https://user:secret@shop.example/p.jpg?token=secret#secret",
        "http://127.0.0.1/p.jpg?secret",
        "ftp://secret@host/p",
        "gs://bucket/p.jpg",
        "data:image/png;base64,secret",
        "ssh:secret",
    ],
)
def test_other_schemes_are_not_served(root: Path, uri: str) -> None:
    refused(SourceForbidden, root, uri, f"`{uri.split(':')[0]}`", "`file:`", "inside the event")


def test_other_machines(root: Path) -> None:
    for host in ("user:secret@host", "host:80", "127.0.0.1"):
        refused(SourceForbidden, root, f"file://{host}{root}/a.jpg", "another machine")


@pytest.mark.parametrize(
    ("uri", "word"),
    [
        ("", "no scheme"),
        ("a.jpg?secret", "`a.jpg`"),
        ("/data/a.jpg", "no scheme"),
        ("//user:secret@host/a.jpg", "`/a.jpg`"),
        ("file:a.jpg", "absolute"),
        ("file://", "absolute"),
        ("file:///a%00b", "absolute"),
        ("file:///a.jpg?token=secret", "%3F"),
        ("file:///a.jpg#secret", "%23"),
        ("file:///a b?secret", "%20"),
        ("file:///a\nb?secret", "control"),
        ("file://[secret", "`14` characters"),
        ("http://user:secret@[::1/p", "no address"),
        ("file://\u2100.secret/a", "no address"),
        ("file:///\ud800secret", "no address"),
    ],
)
def test_addresses_that_do_not_parse(root: Path, uri: str, word: str) -> None:
    refused(EventInvalid, root, uri, word)


@pytest.mark.parametrize("path", ["relative", "", "./x"])
def test_a_relative_root_is_a_mistake(path: str) -> None:
    with pytest.raises(ConfigInvalid, match=r"absolute.*--file-root"):
        FetchLimits(file_root=path)


@pytest.mark.parametrize("path", ["/", "/proc", "/proc/self", "/dev", "/sys/kernel", "/../"])
def test_a_root_that_is_the_machine_is_a_mistake(path: str) -> None:
    with pytest.raises(ConfigInvalid, match="--file-root"):
        Fetcher(FetchLimits(file_root=path))


def test_a_root_must_be_a_directory_here(root: Path) -> None:
    for path in (root / "none", root / "a.jpg"):
        limits = FetchLimits(file_root=str(path))
        with pytest.raises(ConfigInvalid, match="no directory here"):
            Fetcher(limits)


def test_a_cap_must_be_positive() -> None:
    with pytest.raises(ConfigInvalid, match="--max-image-bytes"):
        FetchLimits(max_bytes=0)
