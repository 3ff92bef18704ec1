"""The page: what it shows, that readers find their way, that it needs nothing but itself and stays small."""

import itertools
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from data.html_page import Page
from data.report_world import World, gathered, report_of
from data.shop_folder import product

from pipeline.kafka.connection import KafkaOptions
from pipeline.report.html import write_report
from pipeline.report.pictures import Pictures, Thumbnail
from pipeline.report.samples import GROUPS, LETTERS_PER_CODE, MEMBERS, NEWEST, Shown, ShownLetter
from pipeline.report.thumbnail import jpeg_uri
from transforms.errors import AnswerRefused, ImageCorrupt, ImageMissing, ImageUnreadable
from transforms.origin import Origin
from transforms.values import Moderation, ModerationVerdict, Reason, Task

HOSTILE = "<script>alert(1)</script>\" onerror=x '\u202e"


class Drawn(Pictures):
    """Draws what would lie in the topic."""

    def thumbnails(self, captions: Iterable[Shown], letters: Iterable[ShownLetter]) -> dict[Origin, Thumbnail]:
        made = {one.source: Thumbnail(jpeg_uri(product(one.source.offset))) for one in captions}
        return made | {letter.place: Thumbnail(why="no picture") for letter in letters}


def page_of(world: World, path: Path, price: float | None = 2.5, topics: tuple[str, ...] = ("uploads",)) -> str:
    write_report(path, report_of(gathered(world), price), Drawn(KafkaOptions(), topics))
    return path.read_text("utf-8")


def words(html: str) -> str:
    return re.sub(r"\s+", " ", Page(html).text())


def section(html: str, name: str) -> str:
    found = re.search(f'<section id="{name}".*?</section>', html, re.S)
    assert found is not None
    return found[0]


def busy_world() -> World:
    """Some of everything."""
    world = World()
    first = world.caption("mug-1", 0, at=61, uploaded=60, languages=("zh-Hans", "en"), category="home")
    for n in range(1, 9):
        world.caption(f"mug-copy-{n}", n, at=61 + n, uploaded=60 + n, reuses=first, languages=("zh-Hans", "en"))
    world.refused("hat-1", 10, at=70, rules=("repetition",))
    redacted = {
        "verdict": "REDACTED",
        "rules": ("phone",),
        "caption": "A hat, call […].",
        "written": "A hat, call 555.",
    }
    world.caption("hat-1", 10, at=71, uploaded=65, changes={**redacted, "attempt": 1})
    world.caption("audited-1", 11, at=80, uploaded=75, flags=("audited", "audit_disagrees"))
    for n in range(5):
        world.letter(
            f"gone-{n}", ImageMissing("`https://h.example/1.jpg` answered 404; upload it again"), 20 + n, at=90 + n
        )
    world.letter("slow-1", ImageUnreadable("`h.example` did not answer in 20 s; redrive it"), 30, at=99)
    return world


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(busy_world(), tmp_path_factory.mktemp("page") / "new" / "report.html")


def test_needs_no_network_and_no_script(html: str) -> None:
    markup = re.sub(r"base64,[\w+/=]*", "", html)
    shown = markup.replace("`https://h.example/1.jpg`", "")
    assert not re.search(r"https?:|//[a-z]|@import|<script|url\(", shown)
    assert all(str(image["src"]).startswith("data:image/jpeg;base64,") for image in Page(html).all("img"))


def test_is_marked_up_for_readers(html: str) -> None:
    page = Page(html)
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("main")) == len(page.all("header")) == len(page.all("nav")) == len(page.all("h1")) == 1
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert {heading["scope"] for heading in page.all("th")} == {"col", "row"}
    assert len(page.all("caption")) == len(page.all("table"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {str(link["href"])[1:] for link in page.all("a")} <= set(ids)
    labels = {str(attributes["aria-labelledby"]) for _, attributes in page.tags if "aria-labelledby" in attributes}
    assert labels <= set(ids)
    assert all(str(image["alt"]).startswith("Picture of ") for image in page.all("img"))
    assert all(drawing["role"] == "img" and drawing["aria-label"] for drawing in page.all("svg"))
    # Texts are spoken in their language, what is said about them in English.
    assert {line["lang"] for line in page.all("p") if "lang" in line} == {"zh-Hans", "en"}
    assert all(mark["lang"] == "en" for mark in page.all("span") if mark.get("class") == "off")
    assert "prefers-color-scheme: dark" in html


def contrast(one: str, other: str) -> float:
    """WCAG 2's ratio of two colours, #rrggbb."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_colours_can_be_read_by_day_and_by_night(html: str) -> None:
    light: dict[str, str] = {}
    dark: dict[str, str] = {}
    for block in re.finditer(r"(@media \(prefers-color-scheme: dark\) \{\s*)?:root \{([^}]*)\}", html):
        (dark if block[1] else light).update(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block[2]))
    assert set(light) == set(dark)
    for colours in (light, dark):
        for ground in ("paper", "card"):
            for ink in ("ink", "soft", "accent", "warn", "bad"):
                assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
            for drawn in ("accent", "second", "bad"):  # the bars
                assert contrast(colours[drawn], colours[ground]) >= 3, (drawn, ground)
        for name in ("accent", "warn", "bad"):  # badges
            assert contrast(colours[name], colours[f"{name}-soft"]) >= 4.5, name


def test_shows_the_figures(html: str) -> None:
    text = words(html)
    assert "captionstream report 2026-01-01 00:01:01 to 2026-01-01 00:01:39 UTC, from the topics captions" in text
    assert "6 uploads (35.3 %) ended as dead letters: see why, and what to do ." in text
    assert "Captions 11 0 repeats left out" in text
    assert "Reused 72.7 % 8 captions" in text
    assert "Answers refused 1 of 5" in text
    assert "Cost saved 0.0019 by reuse" in text
    assert "Of 1 copies that were captioned all the same, 1 (100.0 %) got other words" in text
    review = words(section(html, "review"))
    assert "repetition 1 0 0" in review
    assert "phone 0 1 0" in review
    assert "Upload to caption".lower() in words(section(html, "waits"))


def test_without_a_price_there_is_no_cost(tmp_path: Path) -> None:
    text = words(page_of(busy_world(), tmp_path / "r.html", price=None))
    assert "Cost" not in text.replace("GPU time and cost", "")
    assert "Card time" in text


def test_letters_come_with_their_remedy(html: str) -> None:
    letters = words(section(html, "letters"))
    assert "image_missing 5 0 no Fetch image" in letters
    assert "image_unreadable 1 0 yes Fetch image" in letters
    assert "The address is allowed but nothing is there. Will fail again as it is: mend the cause" in letters
    assert "Often the event overtook its picture: redrive later, or upload again." in letters
    assert "--dead-letters-topic dead --code image_missing --send" in letters


def test_shows_some_of_every_kind(html: str) -> None:
    pictures = section(html, "pictures")
    text = words(pictures)
    assert f"and {8 - MEMBERS} more" in text
    assert "captioned mug-1" in text
    assert "reused 2 bits, ΔE 3.5 mug-copy-8" in text
    assert "A hat, call […]. redacted: phone" in text
    assert "call 555" not in html  # what was redacted stays in the audit topic
    assert "Would be reused:" in text
    assert text.count("image_missing `https") == LETTERS_PER_CODE
    assert "白色桌子上的红色杯子。" in text


def test_samples_are_bounded(tmp_path: Path) -> None:
    world = World()
    for n in range(0, 400, 2):
        first = world.caption(f"a-{n}", n, at=n, category=f"category {n}")
        world.caption(f"b-{n}", n + 1, at=n + 1, reuses=first)
    path = tmp_path / "r.html"
    html = page_of(world, path)
    assert len(Page(html).all("img")) <= NEWEST + GROUPS * (MEMBERS + 1)
    assert "(others)" in words(section(html, "what"))
    assert path.stat().st_size < 1_000_000


def test_cards_say_what_a_task_says_besides(tmp_path: Path) -> None:
    world = World()
    moderation = Moderation(ModerationVerdict.VIOLATION, (Reason.WEAPON,), ())
    world.caption("knife", 0, changes={"caption": "A long knife.", "moderation": moderation}, task=Task.MODERATE)
    world.caption("mug", 1, changes={"caption": "A mug.", "keywords": ("mug", "red")}, task=Task.INDEX)
    world.caption("hat", 2, changes={"caption": "A hat.", "alt_text": "Straw hat"})
    said = words(section(page_of(world, tmp_path / "page.html"), "pictures"))
    assert "VIOLATION (WEAPON): A long knife." in said
    assert "A mug. [mug, red]" in said
    assert "A hat. (alt: Straw hat)" in said


class DrawnLetters(Drawn):
    """Those of dead letters, too."""

    def thumbnails(self, captions: Iterable[Shown], letters: Iterable[ShownLetter]) -> dict[Origin, Thumbnail]:
        drawn = {letter.place: Thumbnail(jpeg_uri(product(letter.place.offset))) for letter in letters}
        return super().thumbnails(captions, ()) | drawn


def test_pictures_that_were_judged_are_veiled(tmp_path: Path) -> None:
    world = World()
    for offset, verdict in enumerate(ModerationVerdict):
        moderation = Moderation(verdict, (), ())
        content = verdict.encode()
        world.caption(verdict, offset, content=content, changes={"moderation": moderation}, task=Task.MODERATE)
        world.caption(f"{verdict} described", 10 + offset, content=content)
    world.letter("refused", AnswerRefused("the model refused to answer"), 20)
    world.letter("corrupt", ImageCorrupt("`JPEG` ends early"), 21)
    path, found = tmp_path / "page.html", gathered(world)
    write_report(path, report_of(found, 2.5), DrawnLetters(KafkaOptions(), ("uploads",)))
    html = path.read_text("utf-8")
    [refused, corrupt] = found.samples.letters()
    alts = {str(image["alt"]) for image in Page(html).all("img")}
    veiled = set(re.findall(r'<span class="veil" tabindex="0"[^>]*><img src="[^"]*" alt="([^"]*)"', html))
    assert veiled == {
        *(f"Picture of {one}, judged not safe" for one in alts_of("SENSITIVE", "VIOLATION")),
        f"Picture of {refused.source}, judged by nobody",
    }
    assert alts - veiled == {f"Picture of {one}" for one in (*alts_of("SAFE"), corrupt.source)}


def alts_of(*verdicts: str) -> list[str]:
    return [name for verdict in verdicts for name in (verdict, f"{verdict} described")]


def test_a_hostile_name_is_only_text(tmp_path: Path) -> None:
    world = World()
    world.caption(HOSTILE, category=HOSTILE, merchant=HOSTILE, changes={"caption": HOSTILE, "rules": (HOSTILE,)})
    world.letter("x", ImageCorrupt(HOSTILE), 3, stage=HOSTILE.replace("\u202e", ""))
    page = Page(page_of(world, tmp_path / "r.html"))
    assert page.all("script") == []
    assert all("onerror" not in attributes for _, attributes in page.tags)
    assert HOSTILE.replace("\u202e", "\\u202e") in page.text()


def test_without_topics_of_uploads_no_picture_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    write_report(path, report_of(gathered(busy_world())), Pictures(KafkaOptions("127.0.0.1:1"), ()))
    page = Page(path.read_text("utf-8"))
    assert page.all("img") == []
    assert "With --topic the pictures themselves are shown" in re.sub(r"\s+", " ", page.text())


def test_an_empty_window_is_a_page_too(tmp_path: Path) -> None:
    text = words(page_of(World(), tmp_path / "r.html"))
    assert "No captions in this window." in text
    assert "Nothing was written in this window." in text
