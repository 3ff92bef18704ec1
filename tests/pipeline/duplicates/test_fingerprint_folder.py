"""Files become candidates by the job's own stages; real photos stay apart."""

import io
import sys
from pathlib import Path

import pytest
from data.photos import PHOTOS, photo_paths
from data.shop_folder import SHOP, fill
from PIL import Image

from pipeline.duplicates.fingerprints import fingerprint_folder
from pipeline.duplicates.folder import Folder, find_files
from pipeline.duplicates.labels import Label
from pipeline.duplicates.trial import compare_rules
from transforms.fingerprint import fingerprint
from transforms.inspect import InspectLimits, inspect
from transforms.similarity import PRESETS, SimilarityRule

LIMITS = InspectLimits()


def test_candidates_are_what_the_job_makes_of_the_files(tmp_path: Path) -> None:
    folder = find_files(fill(tmp_path / "shop"))
    labels = {"hat.png": Label("hat", "acme", (("colour", "red"),))}
    pictures = fingerprint_folder(folder, labels, LIMITS)
    found = {one.upload.image_id: one for one in pictures.candidates}
    assert list(found) == sorted([*SHOP, "white.png", "white-again.png", "white-other.png"])
    for image_id, one in found.items():
        encoded = folder.files[image_id].read_bytes()
        assert one.fingerprint == fingerprint(encoded)
        assert one.picture.sha256 == inspect(encoded, LIMITS)[0].sha256
        assert one.picture.encoded == b""
    hat = found["hat.png"].upload
    assert (hat.merchant, hat.attribute("colour"), found["shoe.png"].upload.merchant) == ("acme", "red", "")
    assert [(one.image_id, one.code) for one in pictures.unreadable] == [
        ("notes.txt", "image_format_unsupported"),
        ("torn.png", "image_corrupt"),
    ]
    assert pictures.seconds > 0


def test_the_limits_are_those_of_the_job(tmp_path: Path) -> None:
    folder = find_files(fill(tmp_path / "shop"))
    refused = fingerprint_folder(folder, {}, InspectLimits(max_pixels=300 * 300)).unreadable
    assert ("shoe.png", "image_too_many_pixels") in [(one.image_id, one.code) for one in refused]


def test_one_that_is_taken_away_meanwhile_is_listed(tmp_path: Path) -> None:
    pictures = fingerprint_folder(Folder({"a.jpg": tmp_path / "a.jpg"}, ()), {}, LIMITS)
    assert pictures.candidates == ()
    assert [one.code for one in pictures.unreadable] == ["image_missing"]


def test_a_terminal_shows_how_many_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    fingerprint_folder(find_files(fill(tmp_path / "shop")), {}, LIMITS)
    said = capsys.readouterr().err
    assert "Fingerprinting" in said
    assert "/13" in said


def test_a_rule_of_ones_own_stands_beside_the_presets(tmp_path: Path) -> None:
    pictures = fingerprint_folder(find_files(fill(tmp_path / "shop")), {}, LIMITS)
    trial = compare_rules(pictures, {}, SimilarityRule(max_hash_distance=0))
    assert list(trial.outcomes) == ["strict", "balanced", "lenient", "custom"]
    assert trial.chosen == "custom"
    assert trial.scores is None
    assert [one.upload.image_id for one in trial.plain] == ["white-again.png", "white-other.png", "white.png"]
    assert {name for name, _ in trial.near_misses} == {"strict", "lenient"}
    assert compare_rules(pictures, {}, PRESETS["lenient"]).near_misses == ()


def test_real_photos_stay_apart_and_their_copies_are_found(tmp_path: Path) -> None:
    for path in photo_paths(30):
        name = "-".join(path.relative_to(PHOTOS).parts)
        (tmp_path / name).write_bytes(path.read_bytes())
        photo = Image.open(path).convert("RGB")
        copy = io.BytesIO()
        photo.resize((photo.width * 2 // 3, photo.height * 2 // 3)).save(copy, "JPEG", quality=70)
        (tmp_path / f"{name}-copy").write_bytes(copy.getvalue())
    folder = find_files(tmp_path)
    labels = {image_id: Label(image_id.removesuffix("-copy")) for image_id in folder.files}
    trial = compare_rules(fingerprint_folder(folder, labels, LIMITS), labels, PRESETS["balanced"])
    assert len(trial.pictures.candidates) == 60
    assert trial.scores is not None
    assert (trial.scores.right, trial.scores.wrong, trial.scores.missed) == (30, (), ())
    assert len(trial.grouping.leaders) == 30
