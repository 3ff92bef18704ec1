from __future__ import annotations

import re

import pytest
from data.demo_result import perfect
from data.html_page import Page

from pipeline.demo.report import thumbnail, write_report
from pipeline.demo.script import make_script


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return perfect(make_script(0, tmp_path_factory.mktemp("files")), missed=3)


@pytest.fixture(scope="module")
def html(result, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "new" / "report.html"
    write_report(path, result.script, result.compare(), 41.26)
    return path.read_text("utf-8")


def test_parses_and_is_small(html):
    Page(html)
    assert len(html) < 3_000_000


def test_needs_no_network(html):
    markup = re.sub(r"base64,[\w+/=]*", "", html)
    assert not re.search(r"https?:|//[a-z]|@import|<script|url\(", markup)
    sources = [attributes["src"] for attributes in Page(html).all("img")]
    assert all(source.startswith("data:image/") for source in sources)


def test_every_picture_is_shown_with_a_text_for_it(html, result):
    images = Page(html).all("img")

    assert len(images) >= 211
    assert all(len(attributes["alt"]) > 8 for attributes in images)


def test_shows_every_caption(html, result):
    text = Page(html).text()
    said = {t["caption"] for _, value in result.captions if value for t in value["texts"]}

    assert all(caption in text for caption in said)
    assert "No mismatches" in text


def test_shows_numbers_groups_and_letters(html, result):
    text = re.sub(r"\s+", " ", Page(html).text())
    findings = result.compare()

    assert "41.3" in text
    assert "100.0 %" in text
    assert text.count("REUSED") == findings.reused == 69
    assert "2 bits, ΔE 3.5" in text
    assert "of 72 near copies" in text
    for letter in findings.letters:
        assert letter.code in text
        assert letter.message in text


def test_is_marked_up_for_readers(html):
    page = Page(html)

    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("main")) == len(page.all("header")) == len(page.all("nav")) == len(page.all("h1")) == 1
    assert {attributes["scope"] for attributes in page.all("th")} == {"col", "row"}
    assert {"en", "zh-Hans"} <= {attributes.get("lang") for attributes in page.all("p")}
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"][1:] for attributes in page.all("a")]
    assert set(links) <= set(ids)
    assert "prefers-color-scheme: dark" in html


def test_a_hostile_caption_is_only_text(result, tmp_path):
    spoilt = perfect(result.script)
    hostile = '<script>alert("x")</script>" onerror="x'
    spoilt.caption_of(spoilt.number("distinct"))["texts"][-1]["caption"] = hostile
    path = tmp_path / "report.html"
    write_report(path, spoilt.script, spoilt.compare(), 1.0)

    page = Page(path.read_text("utf-8"))
    assert page.all("script") == []
    assert all("onerror" not in attributes for _, attributes in page.tags)
    assert hostile in page.text()
    assert "differs" in page.text()


def test_mismatches_come_first_and_lost_pictures_are_shown(result, tmp_path):
    spoilt = perfect(result.script)
    spoilt.captions = spoilt.captions[50:]
    path = tmp_path / "report.html"
    write_report(path, spoilt.script, spoilt.compare(), 1.0)

    text = Page(path.read_text("utf-8")).text()
    assert "lost: expected a caption" in text
    assert "No caption record." in text
    assert "No mismatches" not in text


def test_an_empty_result_is_a_page_too(result, tmp_path):
    spoilt = perfect(result.script)
    spoilt.captions, spoilt.letters, spoilt.audits = [], [], []
    path = tmp_path / "report.html"
    write_report(path, spoilt.script, spoilt.compare(), 1.0)

    assert "240" in Page(path.read_text("utf-8")).text()


def test_only_pictures_become_thumbnails():
    assert thumbnail(None) == ""
    assert thumbnail(b"<svg/>") == ""
    assert thumbnail(b"\xff\xd8rest").startswith("data:image/jpeg;base64,")
