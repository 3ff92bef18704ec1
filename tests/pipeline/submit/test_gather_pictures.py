"""What is submitted and under which id."""

import os
from pathlib import Path

import pytest
from data.shop_folder import fill

from pipeline.submit.pictures import MAX_ID, gather
from transforms.errors import ConfigInvalid


def ids(*places: object, merchant: str = "") -> list[str]:
    return [source.image_id for source in gather([str(place) for place in places], merchant).sources]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return fill(tmp_path / "shop")


def test_of_a_directory_every_picture_is_taken_under_its_path(shop: Path) -> None:
    gathered = gather([str(shop)])
    assert [source.image_id for source in gathered.sources] == [
        "bag.png", "bag/again.png", "bag/half.png", "bag/q60.jpg", "bag/red.png", "hat.png", "hat/pale.png", "shoe.png",
        "torn.png", "white-again.png", "white-other.png", "white.png",
    ]  # fmt: skip
    assert gathered.no_pictures == ("notes.txt",)
    assert all(source.path is not None and source.uri is None for source in gathered.sources)


def test_a_file_that_is_named_is_taken_whatever_it_is(shop: Path) -> None:
    assert ids(shop / "bag" / "red.png", shop / "notes.txt") == ["red.png", "notes.txt"]


def test_the_same_picture_has_the_same_id_whatever_else_is_submitted(shop: Path) -> None:
    before = ids(shop)
    (shop / "another.png").write_bytes((shop / "hat.png").read_bytes())
    assert set(before) < set(ids(shop))


def test_the_merchant_goes_before_the_id(shop: Path) -> None:
    assert ids(shop / "hat.png", "https://a.example/b.jpg", merchant="acme") == ["acme/hat.png", "acme/a.example/b.jpg"]


def test_an_address_is_known_by_host_and_path_and_a_query_by_its_hash() -> None:
    found = gather(["https://u:pw@a.example:8443/x/1.jpg", "https://a.example/i?id=1", "https://a.example/i?id=2"])
    first, one, two = (source.image_id for source in found.sources)
    assert first == "a.example/x/1.jpg"
    assert one != two
    assert [image_id[:12] for image_id in (one, two)] == ["a.example/i-"] * 2
    assert "id" not in one
    assert [source.uri for source in found.sources][1] == "https://a.example/i?id=1"
    assert ids("https://a.example/i?id=2") == [two]
    assert ids("s3://bucket/a/1.jpg", "file:///shop/2.jpg") == ["bucket/a/1.jpg", "shop/2.jpg"]


def test_two_pictures_with_one_id_are_refused_and_one_named_twice_is_one(shop: Path) -> None:
    assert len(ids(shop, shop / "hat.png", shop / "bag" / ".." / "bag.png")) == 12
    (shop / "bag" / "hat.png").write_bytes(b"other")
    with pytest.raises(ConfigInvalid) as raised:
        gather([str(shop / "hat.png"), str(shop / "bag" / "hat.png")])
    assert raised.value.message == (
        f"`{shop / 'hat.png'}` and `{shop / 'bag' / 'hat.png'}` would both be image `hat.png`; submit the directory "
        "that holds both, or one after the other with another --merchant"
    )


def test_long_ids_are_cut_and_stay_apart(tmp_path: Path) -> None:
    base = "https://a.example/" + "x" * 300
    one, two = ids(base + "1", base + "2")
    assert len(one) == len(two) == MAX_ID
    assert one != two
    assert ids(base + "2") == [two]


def test_a_name_that_is_not_utf8_becomes_text(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    assert ids(tmp_path) == ["\\xff.png"]
    assert ids(path) == ["\\xff.png"]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("none.png", "`none.png` is no file, directory or address; name one of them"),
        (
            "ftp://u:pw@a.example/1.jpg?k=1",
            "`a.example/1.jpg` is no address that the job reads; it reads http:, https:",
        ),
        ("https://", "`https://` is no address that the job reads"),
    ],
)
def test_what_is_no_picture_is_named(place: str, words: str) -> None:
    with pytest.raises(ConfigInvalid) as raised:
        gather([place])
    assert raised.value.message.startswith(words)


def test_a_directory_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(ConfigInvalid, match="holds no picture; the job takes JPEG, PNG, WEBP, GIF and AVIF"):
        gather([str(tmp_path)])
