"""What a person may say of the pictures, and what is said when the file is wrong."""

from pathlib import Path

import pytest

from pipeline.duplicates.labels import Label, read_labels
from transforms.errors import ConfigInvalid

KNOWN = {"a.jpg", "b.jpg", "shoes/c d.jpg"}


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "labels.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_columns_become_product_merchant_and_attributes(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '\ufeffsku,path,product,merchant,colour\r\n7,a.jpg,mug,acme,"red, dark"\r\n\r\n,./b.jpg, ,,\r\n'
        ",shoes/c d.jpg,boot,,blue\r\n",
    )
    assert read_labels(path, KNOWN) == {
        "a.jpg": Label("mug", "acme", (("colour", "red, dark"), ("sku", "7"))),
        "b.jpg": Label(""),
        "shoes/c d.jpg": Label("boot", "", (("colour", "blue"),)),
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "have no column `path`; add it to the header of --labels"),
        ("path,colour\na.jpg,red\n", "have no column `product`; add it to the header of --labels"),
        ("path,product,sku,sku\n", "have the column `sku` without a name or twice; mend its header"),
        ("path,product,\n", "have the column `` without a name or twice; mend its header"),
        ("path,product\n", "have no line after the header; mend the file of --labels"),
        ("path,product\na.jpg,mug\nz.jpg,mug\n", "line `3` of .* names `z.jpg`, and the folder has no such file"),
        ("path,product\na.jpg,mug\n./a.jpg,cup\n", "line `3` of .* names `a.jpg` again; leave one line"),
        ("path,product\na.jpg,mug,red\n", "line `2` of .* has `3` cells, its header `2`; mend the file of --labels"),
        ('path,product\na.jpg,"mug" red\n', "line `2` of .* is not CSV .*; mend the file of --labels"),
        (b"path,product\na.jpg,caf\xe9\n", "line `2` of .* is not UTF-8; save the file of --labels as UTF-8"),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(ConfigInvalid, match=words):
        read_labels(write(tmp_path, text), KNOWN)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"cannot be read \(`No such file or directory`\); mend --labels"):
        read_labels(tmp_path / "labels.csv", KNOWN)
