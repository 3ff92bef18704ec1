"""The page of one's own pictures."""

from pathlib import Path

from data.html_page import Page
from PIL import Image

from pipeline.submit.pictures import Source
from pipeline.trying.page import write
from pipeline.trying.run import TINY, Result


def test_the_page_shows_each_picture_with_what_became_of_it(tmp_path: Path) -> None:
    Image.new("RGB", (400, 300), "red").save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    results = [
        Result(Source("a.png", tmp_path / "a.png"), {"zh-Hans": "红色", "en": "A <red> wall & sky."}),
        Result(Source("copy.png", tmp_path / "a.png"), {"en": "A <red> wall & sky."}, copy_of="a.png"),
        Result(Source("b.png", tmp_path / "b.png"), code="image_corrupt", message="it ends too early; upload it again"),
        Result(Source("gone.png", tmp_path / "gone.png")),
    ]
    write(tmp_path / "page.html", results, "tiny", TINY)
    text = (tmp_path / "page.html").read_text("utf-8")
    page = Page(text)
    said = " ".join(page.text().split())
    assert "it will guess wrongly at yours" in said
    assert "ten kinds of rendered products" in said
    assert "a copy of a.png" in said
    assert "image_corrupt it ends too early; upload it again" in said
    assert "lost" in said  # whatever has neither caption nor dead letter is not passed over
    assert [image["alt"] for image in page.all("img")] == ["红色", "A <red> wall & sky."]
    assert [tag.get("lang") for tag in page.all("p") if tag.get("lang")] == ["zh-Hans", "en", "en"]
    assert all(str(image["src"]).startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert "http" not in text.replace("http-equiv", "")


def test_what_the_job_refuses_is_not_decoded_for_the_page(tmp_path: Path) -> None:
    Image.new("1", (9000, 6000)).save(tmp_path / "vast.png")
    with (tmp_path / "long.jpg").open("wb") as file:
        Image.new("RGB", (64, 64)).save(file, "JPEG")
        file.truncate(30 << 20)
    names = ("vast.png", "long.jpg")
    results = [Result(Source(name, tmp_path / name), code="image_too_large", message="no") for name in names]
    write(tmp_path / "page.html", results, "tiny", "")
    page = Page((tmp_path / "page.html").read_text("utf-8"))
    assert page.all("img") == []
    assert page.text().count("no picture") == 2


def test_names_do_not_turn_the_line(tmp_path: Path) -> None:
    results = [Result(Source("a\u202egnp.png", tmp_path / "none.png"), {"en": "A cup\x1b[2J."})]
    write(tmp_path / "page.html", results, "tiny", "")
    said = Page((tmp_path / "page.html").read_text("utf-8")).text()
    assert "a\\u202egnp.png" in said
    assert "A cup\\x1b[2J." in said


def test_a_large_folder_makes_no_huge_page_and_a_real_model_needs_no_note(tmp_path: Path) -> None:
    results = [Result(Source(f"{n}.png", tmp_path / "none.png"), {"en": "A cup."}) for n in range(1200)]
    write(tmp_path / "page.html", results, "/models/8B", "")
    said = " ".join(Page((tmp_path / "page.html").read_text("utf-8")).text().split())
    assert "The first 500 of 1,200." in said
    assert "tiny" not in said
    assert "1,200 pictures through a real Kafka broker" in said
