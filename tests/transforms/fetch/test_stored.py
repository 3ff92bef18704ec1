"""Which object of which bucket an address names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.errors import ConfigInvalid, EventInvalid, InputError, SourceForbidden
from transforms.fetch import BucketLimits
from transforms.fetch.stored import is_stored, listed

LIMITS = BucketLimits(("s3://shop-pictures", "gs://shop.pictures_2"))


@pytest.mark.parametrize(
    ("uri", "place", "name"),
    [
        ("s3://shop-pictures/a.jpg", "s3://shop-pictures", "a.jpg"),
        ("S3://shop-pictures/a.jpg", "s3://shop-pictures", "a.jpg"),
        ("gs://shop.pictures_2/2026/01/a b.jpg", "gs://shop.pictures_2", "2026/01/a b.jpg"),
        ("gs://shop.pictures_2/图/片.jpg", "gs://shop.pictures_2", "图/片.jpg"),
        ("s3://shop-pictures/a%20b?c#d&e=f", "s3://shop-pictures", "a%20b?c#d&e=f"),
        ("s3://shop-pictures//a.jpg", "s3://shop-pictures", "/a.jpg"),
        ("s3://shop-pictures/..a/b../...", "s3://shop-pictures", "..a/b../..."),
        ("s3://shop-pictures/gs://shop.pictures_2/a", "s3://shop-pictures", "gs://shop.pictures_2/a"),
        ("s3://shop-pictures/" + "图" * 341, "s3://shop-pictures", "图" * 341),
    ],
)
def test_a_name_is_taken_as_it_stands(uri: str, place: str, name: str) -> None:
    thing = listed(uri, LIMITS)
    assert (thing.place, thing.name) == (place, name)


@pytest.mark.parametrize(
    "uri",
    [
        *("s3://shop-pictures2/a", "s3://shop/a", "gs://shop-pictures/a", "s3://shop.pictures_2/a", "s3://pictures/a"),
        *("s3://other/shop-pictures/a", "s3://shop-pictures.other/a", "gs://other/../shop.pictures_2/a"),
        *("s3://shop-pictures/../other/a", "s3://shop-pictures/..", "s3://shop-pictures/a/../../other/a"),
        *("s3://shop-pictures/./a", "s3://shop-pictures/.", "s3://shop-pictures/a/..", "s3://shop-pictures//../a"),
        *("s3://shop-pictures/%2e%2e/other/a", "s3://shop-pictures/%2E./other", "s3://shop-pictures/a%2f..%2fb"),
        *("s3://shop-pictures/%252e%252e/other/a", "s3://shop-pictures/..\\other", "s3://shop-pictures/a%5c..%5cb"),
        *("gs://shop.pictures_2/..%2Fo%2Fother", "s3://shop-pictures/%25252e%25252e/a"),
    ],
)
def test_nothing_leads_out_of_a_listed_bucket(uri: str) -> None:
    with pytest.raises(SourceForbidden):
        listed(uri, LIMITS)


@pytest.mark.parametrize(
    "uri",
    [
        *("s3://shop-pictures", "s3://shop-pictures/", "s3:shop-pictures/a", "s3:/shop-pictures/a", "s3:///a", "s3://"),
        *("s3://us3r:hunter2@shop-pictures/a", "s3://us3r@shop-pictures/a", "s3://shop-pictures:80/a", "s3:"),
        *("s3://Shop-pictures/a", "s3://shop-pictures?x/a", "s3://shop-pictures#x/a", "s3://shop%2dpictures/a"),
        *("s3://shop-pictures /a", "s3://\nshop-pictures/a", "s3://shop-pictures\\/a", "s3://-shop/a", "s3://шоп/a"),
        *("s3://shop-pictures/a\nb", "s3://shop-pictures/a\0", "s3://shop-pictures/\x7f", "s3://shop-pictures/\x85"),
        *("s3://shop-pictures/" + "x" * 1025, "s3://shop-pictures/" + "图" * 342, "s3://shop-pictures/\ud800"),
    ],
)
def test_what_is_no_address_of_an_object(uri: str) -> None:
    with pytest.raises(EventInvalid) as raised:
        listed(uri, LIMITS)
    assert "hunter2" not in raised.value.message
    assert "us3r" not in raised.value.message


@given(st.text(st.sampled_from("a./\\%2eE5cf?#:@"), max_size=30))
def test_whatever_a_name_is_it_has_no_steps(name: str) -> None:
    try:
        thing = listed(f"s3://shop-pictures/{name}", LIMITS)
    except InputError:
        return
    assert thing.place == "s3://shop-pictures"
    steps = thing.name.replace("\\", "/").split("/")
    assert ".." not in steps
    assert "." not in steps


def test_what_looks_like_a_query_is_not_shown() -> None:
    assert listed("s3://shop-pictures/a.jpg?key=t0ken#x", LIMITS).shown == "s3://shop-pictures/a.jpg"
    assert listed("s3://shop-pictures/a#x?key", LIMITS).shown == "s3://shop-pictures/a"
    assert len(listed("s3://shop-pictures/" + "x" * 900, LIMITS).shown) == 200


def test_only_stores_are_stored() -> None:
    assert is_stored("GS://b/a")
    assert not is_stored("s3x://b/a")
    assert not is_stored("https://s3.example/a")
    assert not is_stored(" s3://b/a")


@pytest.mark.parametrize("name", ["shop", "s3://", "s3://a", "s3://Shop", "s3://a/b", "s3://shop/", "abfs://shop", "*"])
def test_what_is_no_bucket(name: str) -> None:
    with pytest.raises(ConfigInvalid, match="is no bucket; mend --fetch-bucket, for example s3://name or gs://name"):
        BucketLimits((name,))


@pytest.mark.parametrize(
    "endpoint", ["store.example", "ftp://store.example", "https://a:b@c", "https://a/b", "https://a?k"]
)
def test_what_is_no_endpoint(endpoint: str) -> None:
    with pytest.raises(ConfigInvalid, match="nothing else; mend --fetch-s3-endpoint") as raised:
        BucketLimits(("s3://shop",), s3_endpoint=endpoint)
    assert endpoint not in raised.value.message


def test_an_endpoint_serves_a_bucket() -> None:
    with pytest.raises(ConfigInvalid, match=r"--fetch-gs-endpoint `https://gs.inside` serves no bucket; name one with"):
        BucketLimits(("s3://shop",), gs_endpoint="https://gs.inside")
