"""The page: what it shows, that it needs nothing but itself, and that a file's name is only text."""

import base64
import io
import re
from pathlib import Path

import pytest
from data.html_page import Page
from data.shop_folder import SHOP, fill, pale, product
from PIL import Image

from pipeline.duplicates import report
from pipeline.duplicates.fingerprints import fingerprint_folder
from pipeline.duplicates.folder import find_files
from pipeline.duplicates.labels import Label
from pipeline.duplicates.thumbnails import thumbnail
from pipeline.duplicates.trial import Trial, compare_rules
from pipeline.report.thumbnail import SIDE
from transforms.inspect import InspectLimits
from transforms.similarity import PRESETS, SimilarityRule

HOSTILE = '<script>alert(1)</script> " onerror=x \u202e.png'


def page_of(
    root: Path, products: dict[str, str] | None = None, rule: SimilarityRule = PRESETS["balanced"]
) -> tuple[str, Trial]:
    folder = find_files(root)
    labels = {image_id: Label(shown) for image_id, shown in (products or {}).items()}
    trial = compare_rules(fingerprint_folder(folder, labels, InspectLimits()), labels, rule)
    path = root.parent / "new" / "report.html"
    report.write_report(path, root.name, folder.files, trial)
    return path.read_text("utf-8"), trial


def words(html: str) -> str:
    return re.sub(r"\s+", " ", Page(html).text())


def section(html: str, name: str) -> str:
    found = re.search(f'<section id="{name}".*?</section>', html, re.S)
    assert found is not None
    return found[0]


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(fill(tmp_path_factory.mktemp("shop") / "autumn"))[0]


def test_needs_no_network(html: str) -> None:
    markup = re.sub(r"base64,[\w+/=]*", "", html)
    assert not re.search(r"https?:|//[a-z]|@import|<script|url\(", markup)
    assert all(str(image["src"]).startswith("data:image/jpeg;base64,") for image in Page(html).all("img"))


def test_is_marked_up_for_readers(html: str) -> None:
    page = Page(html)
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("main")) == len(page.all("header")) == len(page.all("nav")) == len(page.all("h1")) == 1
    assert {heading["scope"] for heading in page.all("th")} == {"col", "row"}
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {str(link["href"])[1:] for link in page.all("a")} <= set(ids)
    assert all(image["alt"] for image in page.all("img"))
    assert "prefers-color-scheme: dark" in html


def test_shows_figures_and_all_presets(html: str) -> None:
    text = words(html)
    assert "Duplicates in autumn" in text
    assert "Shown is the preset balanced : 6 bits, ΔE 10 and chroma 7 at most." in text
    assert "4 of 11 pictures (36.4 %) would have the text of an earlier one." in text
    assert "Captions 7 one for each leader" in text
    assert "Same bytes 2 2 near" in text
    assert "Precision" not in text
    presets = words(section(html, "presets"))
    assert "strict 4 7 5 7 2 4 36.4 % 2 2" in presets
    assert "balanced shown here 6 10 7 7 2 4 36.4 % 2 2" in presets
    assert "lenient 8 15 9 6 3 5 45.5 % 2 3" in presets


def test_shows_groups_near_misses_and_what_was_refused(html: str) -> None:
    groups = words(section(html, "groups"))
    assert "leader bag.png near 2 bits, ΔE" in groups
    assert groups.count("exact same bytes") == 2
    assert groups.index("bag.png") < groups.index("white-again.png")
    assert "hat.png" not in groups
    near = words(section(html, "near"))
    assert "earlier hat.png lenient joins them" in near
    assert "bag.png" not in near
    plain = words(section(html, "plain"))
    assert plain.count("quality 0") == 3
    refused = words(section(html, "unreadable"))
    assert "notes.txt image_format_unsupported the content is `text`" in refused
    assert "torn.png image_corrupt" in refused


def test_with_labels_wrong_joins_and_missed_ones_are_shown(tmp_path: Path) -> None:
    products = {**SHOP, "bag/q60.jpg": "purse"}
    html, _ = page_of(fill(tmp_path / "shop"), products)
    text = words(html)
    assert "1 wrong join by the labels: see which ." in text
    assert "Precision 66.7 % 2 of 3 joins right" in text
    assert "Recall 66.7 % 2 of 3 found" in text
    assert "purse is not bag" in words(section(html, "wrong"))
    missed = words(section(html, "missed"))
    assert "earlier hat.png missed" in missed
    assert re.search(r"ΔE 1\d\.\d, 10 allowed", missed)
    assert "By the labels the same product." in words(section(html, "near"))


def test_lenient_has_no_near_misses_and_labels_may_all_agree(tmp_path: Path) -> None:
    html, _ = page_of(fill(tmp_path / "shop"), SHOP, PRESETS["lenient"])
    assert "No wrong joins: the labels agree with each of the 4 that they judge." in words(html)
    assert "None: no preset is more lenient." in words(section(html, "near"))


def test_where_colours_are_not_compared_no_limit_is_shown(tmp_path: Path) -> None:
    html, _ = page_of(fill(tmp_path / "shop"), rule=SimilarityRule(8, ignore_colour=True, veto_attributes=()))
    assert "Shown is the rule that was given: 8 bits at most; colours are not compared." in words(html)
    assert "custom shown here 8 - - 5 3 6 54.5 % 2 4" in words(section(html, "presets"))
    groups = words(section(html, "groups"))
    assert "near 8 bits bag/red.png" in groups
    assert "ΔE" not in groups


def test_a_hostile_name_is_only_text(tmp_path: Path) -> None:
    path = tmp_path / "shop" / HOSTILE
    path.parent.mkdir(parents=True)  # the slash of its closing tag
    product(1).save(path)
    root = tmp_path / "shop"
    product(1).save(root / "z.png")
    (root / "<b>.txt").write_text("x")
    html, _ = page_of(root)
    page = Page(html)
    assert page.all("script") == page.all("b") == []
    assert all("onerror" not in attributes for _, attributes in page.tags)
    assert HOSTILE.replace("\u202e", "\\u202e") in page.text()
    assert "<b>.txt" in page.text()


def test_many_groups_are_cut_and_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MAX_GROUPS", 1)
    monkeypatch.setattr(report, "MAX_JOINS", 2)
    monkeypatch.setattr(report, "MAX_PLAIN", 1)
    html, _ = page_of(fill(tmp_path / "shop"))
    groups = words(section(html, "groups"))
    assert "Shown are 1 of 2 groups; --json lists all." in groups.replace(" ;", ";")
    assert "and 1 more" in groups
    assert "Shown are 1 of 3 pictures" in words(section(html, "plain"))


def test_a_folder_without_pictures_is_a_page_too(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "notes.txt").write_text("none yet")
    html, _ = page_of(tmp_path / "shop", rule=PRESETS["strict"])
    assert "0 of 0 pictures (0.0 %)" in words(html)


def test_thumbnails_are_small_and_of_the_picture_that_was_compared(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    pale(product(1, 640)).save(path)
    (one,) = fingerprint_folder(find_files(tmp_path), {}, InspectLimits()).candidates
    uri = thumbnail(one, path)
    small = Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))))
    assert (small.format, small.size) == ("JPEG", (SIDE, SIDE))
    product(2).save(path)
    assert thumbnail(one, path) == ""
    path.unlink()
    assert thumbnail(one, path) == ""
