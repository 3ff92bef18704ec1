"""One's own folder in one command, as a newcomer types it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from live.shop import near_copy, product_png
from PIL import Image

from pipeline.cli import main
from pipeline.local.kafka import LocalKafka

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.broker


@pytest.fixture
def photos(tmp_path: Path, kafka: LocalKafka) -> Path:
    """Two products and a copy, a photo, a damaged picture and a note. ``kafka`` skips where no broker runs."""
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "one.png").write_bytes(product_png(1))
    (folder / "one-again.jpg").write_bytes(near_copy(product_png(1)))
    (folder / "two.png").write_bytes(product_png(2))
    Image.radial_gradient("L").resize((640, 480)).save(folder / "photo.jpg")
    (folder / "torn.png").write_bytes(product_png(3)[:300])
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.mark.model
def test_a_folder_is_captioned_in_one_command(photos: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "try", str(photos), "--report", str(tmp_path / "page.html")],
        capture_output=True, text=True, cwd=ROOT, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    for name in ("one.png", "one-again.jpg", "photo.jpg", "torn.png", "two.png"):
        assert name in said
    assert said[said.index("torn.png") + 1].startswith("  no caption: image_")
    for name in ("one.png", "two.png"):
        assert [line.split()[0] for line in said[said.index(name) + 1 :][:2]] == ["zh-Hans", "en"]
    assert "ten kinds of rendered products and no photos: it will guess wrongly at yours" in done.stderr
    assert done.stderr.splitlines()[-1] == (
        f"captionstream: the pictures with their captions are in {tmp_path / 'page.html'}"
    )
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "it will guess wrongly at yours" in page
    assert page.count("<img ") >= 4


def test_each_picture_is_a_line_for_a_program(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["try", str(photos), "--captioner", "fake", "--json", "--report", str(tmp_path / "page.html")]
    assert main(words) == 0
    said = capsys.readouterr()
    lines = {line["image_id"]: line for line in map(json.loads, said.out.splitlines())}
    assert list(lines) == ["one-again.jpg", "one.png", "photo.jpg", "torn.png", "two.png"]
    assert set(lines["two.png"]["texts"]) == {"zh-Hans", "en"}
    assert {lines["one.png"]["copy_of"], lines["one-again.jpg"]["copy_of"]} & {"one.png", "one-again.jpg"}
    assert lines["torn.png"]["code"].startswith("image_")
    assert "tiny model" not in said.err  # it was not asked


def test_what_cannot_be_tried_is_said_before_a_broker_is_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = ("--report", str(tmp_path / "page.html"))
    assert main(["try", str(tmp_path / "none"), *report]) == 2
    assert "is no file, directory or address; name one of them" in capsys.readouterr().err
    assert main(["try", "https://a.example/1.jpg", *report]) == 2
    assert "is an address; name files or directories, or use captionstream submit" in capsys.readouterr().err
