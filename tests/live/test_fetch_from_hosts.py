"""Pictures on a host and in buckets, through the whole job and a real broker."""

from collections.abc import Callable

import pytest
from data.object_store import KEY, ObjectStore
from data.object_store import SECRET as PASSWORD
from data.pictures.told import SECRET, TOLD
from data.web_host import WebHost, answer, drip, picture, redirect
from live.shop import Shop, near_copy, product_png

from pipeline.local.kafka import LocalKafka
from transforms.fetch import BucketLimits, FetchLimits, HttpLimits, deadline

pytestmark = pytest.mark.broker


@pytest.fixture
def shop(kafka: LocalKafka, topics: Callable[..., dict[str, str]]) -> Shop:
    return Shop(kafka.bootstrap_servers, topics({"uploads": 2, "captions": 1, "dead": 1, "audit": 1}))


def test_every_upload_of_a_picture_on_a_host_ends(shop: Shop) -> None:
    png = product_png(1)
    said = {
        "/1.png": picture(png),
        "/copy.jpg": picture(near_copy(png)),
        "/moved": redirect("/2.png?t0ken"),
        "/2.png": picture(product_png(2)),
        "/inwards": redirect("http://127.0.0.9/"),
        "/gone": answer("410 Gone"),
        "/cut": answer("200 OK", png[:100], length=len(png)),
    }
    with WebHost(lambda head: iter([said[head.split()[1].partition("?")[0]]])) as host:
        http = HttpLimits(
            ("127.0.0.1", "127.0.0.9"), allow_plain=True, ports=(host.port,), networks=("127.0.0.1/32",), seconds=5.0
        )
        shop.upload(
            *({"image_id": path, "uri": host.url(f"{path}?t0ken")} for path in said),
            {"image_id": "inline", "image": product_png(3)},
            {"image_id": "file", "uri": "file:///etc/passwd"},
            {"image_id": "elsewhere", "uri": "https://other.example/a.jpg"},
        )
        shop.run(fetch=FetchLimits(http=http))
    captions = {caption["image_id"]: caption for caption in shop.captions()}
    assert set(captions) == {"/1.png", "/copy.jpg", "/moved", "/2.png", "inline"}
    assert sum(caption["origin"] == "REUSED" for caption in captions.values()) == 2
    dead = {record.key: {header.name: header.value for header in record.headers} for record in shop.raw("dead")}
    assert {key: headers["caption.error.code"] for key, headers in dead.items()} == {
        b"/inwards": b"source_forbidden",
        b"/gone": b"image_missing",
        b"/cut": b"image_unreadable",
        b"file": b"source_forbidden",
        b"elsewhere": b"source_forbidden",
    }
    assert b"`127.0.0.9` is not public" in (dead[b"/inwards"]["__connect.errors.exception.message"] or b"")
    assert dead[b"/cut"]["caption.error.retryable"] == b"true"
    assert not [value for headers in dead.values() for value in headers.values() if b"t0ken" in (value or b"")]


def test_a_host_that_hangs_costs_its_own_uploads_only(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "SILENCE_SECONDS", 0.5)
    with WebHost(lambda _: drip(b"", hangs.closing, 60)) as hangs, WebHost(lambda _: picture(product_png(2))) as well:
        shop.upload(
            *({"image_id": f"hangs{n}", "uri": hangs.url()} for n in range(100)),
            *({"image_id": f"well{n}", "uri": well.url()} for n in range(20)),
            {"image_id": "inline", "image": product_png(3)},
        )
        http = HttpLimits(("127.0.0.1",), allow_plain=True, ports=(hangs.port, well.port), networks=("127.0.0.1/32",))
        shop.run(fetch=FetchLimits(http=http))
        assert hangs.accepted <= 30  # and not 100 times three
    assert {caption["image_id"] for caption in shop.captions()} == {"inline", *(f"well{n}" for n in range(20))}
    codes = {
        (letter.key, header.value)
        for letter in shop.raw("dead")
        for header in letter.headers
        if header.name == "caption.error.code"
    }
    assert codes == {(b"hangs%d" % n, b"image_unreadable") for n in range(100)}


def test_objects_of_a_listed_bucket_and_nothing_that_they_tell(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", PASSWORD)
    told = {name: TOLD[name]() for name in ("jpeg exif turned", "png text", "webp", "gif comment", "avif xmp")}
    objects = {f"shop/{name}": encoded for name, encoded in told.items()}
    with ObjectStore({**objects, "other/a": product_png(1), "shop/a b.png": product_png(2)}) as store:
        shop.upload(
            *({"image_id": name, "uri": f"s3://shop/{name}"} for name in (*told, "a b.png", "missing")),
            *({"image_id": uri, "uri": uri} for uri in ("s3://other/a", "s3://shop/../other/a", "gs://shop/a")),
        )
        shop.run(fetch=FetchLimits(buckets=BucketLimits(("s3://shop",), s3_endpoint=store.endpoint)))
    assert {caption["image_id"] for caption in shop.captions()} == {*told, "a b.png"}
    dead = {record.key: {header.name: header.value for header in record.headers} for record in shop.raw("dead")}
    assert {key: headers["caption.error.code"] for key, headers in dead.items()} == {
        b"missing": b"image_missing",
        b"s3://other/a": b"source_forbidden",
        b"s3://shop/../other/a": b"source_forbidden",
        b"gs://shop/a": b"source_forbidden",
    }
    for topic in ("captions", "audit", "dead"):
        records = shop.raw(topic)
        assert records
        for record in records:
            for content in (record.key, record.value, *(header.value for header in record.headers)):
                for secret in (SECRET, PASSWORD.encode(), KEY.encode(), b"X-Amz"):
                    assert secret not in (content or b"")
