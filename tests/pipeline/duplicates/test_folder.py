"""Which files are uploads, and which are refused before they are looked at."""

import os
from pathlib import Path

import pytest

from pipeline.duplicates.folder import find_files, read
from transforms.errors import ConfigInvalid, ImageMissing, ImageTooLarge, ImageUnreadable


def write(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def test_files_come_in_the_order_of_their_paths_without_hidden_ones(tmp_path: Path) -> None:
    root = write(tmp_path, "b.jpg", "a/2.jpg", "a/10.jpg", "a.jpg", ".hidden.jpg", ".git/c.jpg", "a/.d.jpg")
    assert list(find_files(root).files) == ["a.jpg", "a/10.jpg", "a/2.jpg", "b.jpg"]
    assert find_files(root).files["a/2.jpg"] == root / "a" / "2.jpg"


def test_our_own_labels_and_report_are_no_uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(tmp_path, "a.jpg", "labels.csv", "report.html")
    monkeypatch.chdir(root)
    assert list(find_files(root, [Path("labels.csv"), root / "report.html"]).files) == ["a.jpg"]


def test_a_linked_file_is_read_and_a_linked_directory_is_listed(tmp_path: Path) -> None:
    root = write(tmp_path / "shop", "a.jpg")
    write(tmp_path / "store", "b.jpg")
    (root / "b.jpg").symlink_to(tmp_path / "store" / "b.jpg")
    (root / "round").symlink_to(root)
    folder = find_files(root)
    assert list(folder.files) == ["a.jpg", "b.jpg"]
    (linked,) = folder.left_out
    assert (linked.image_id, linked.code) == ("round", "image_unreadable")
    assert "a linked directory is not entered" in linked.message


def test_a_name_that_is_not_utf8_becomes_one_that_can_be_printed(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    with open(path, "wb"):
        pass
    (image_id,) = find_files(tmp_path).files
    assert image_id == "caf\\xe9.jpg"


def test_no_directory_and_no_files_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="shop` is not a directory; name one that holds pictures"):
        find_files(tmp_path / "shop")
    with pytest.raises(ConfigInvalid, match="has no files; name a directory that holds pictures"):
        find_files(tmp_path)


def test_what_cannot_be_read_is_the_files_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "large.jpg").write_bytes(b"12345")
    (tmp_path / "loose").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe")
    assert read(tmp_path / "large.jpg", 5) == b"12345"
    with pytest.raises(ImageTooLarge, match=r"`5` bytes, over the cap of `4`; .* raise --max-image-bytes"):
        read(tmp_path / "large.jpg", 4)
    with pytest.raises(ImageMissing, match="the link leads nowhere"):
        read(tmp_path / "loose", 9)
    with pytest.raises(ImageUnreadable, match="not a regular file"):
        read(tmp_path / "pipe", 9)

    def refused(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(ImageUnreadable, match="could not be read: `Permission denied`; see to its permissions"):
        read(tmp_path / "large.jpg", 9)
