"""Producer, real broker, the whole job, consumer."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from live.shop import FAKE, Shop, near_copy, product_png, prompt_file

from pipeline.kafka.connection import consumer, producer
from pipeline.kafka.consume import read_topic
from pipeline.kafka.offsets import resolve
from pipeline.kafka.positions import Moment, Uploads
from pipeline.kafka.span import Span, read_span
from pipeline.local.kafka import LocalKafka
from transforms import inflight
from transforms.captioner.api import CaptionerOptions
from transforms.captioner.fake import FakeCaptioner
from transforms.errors import BrokerUnreachable, CaptionerBroken, JobError, OffsetsUnavailable, TopicMissing
from transforms.inflight import Inflight
from transforms.values import Header

pytestmark = pytest.mark.broker


@pytest.fixture
def shop(kafka: LocalKafka, topics: Callable[..., dict[str, str]]) -> Shop:
    return Shop(kafka.bootstrap_servers, topics({"uploads": 2, "captions": 3, "dead": 1, "audit": 1}))


def test_every_upload_becomes_one_caption_or_one_dead_letter(shop: Shop) -> None:
    originals = [product_png(n) for n in range(6)]
    shop.upload(
        *({"image_id": f"a{n}", "image": png} for n, png in enumerate(originals)),
        *({"image_id": f"b{n}", "image": near_copy(png)} for n, png in enumerate(originals)),
        (b"broken", b"not avro"),
        {"image_id": "c", "uri": "file:///etc/passwd"},
    )
    counters = shop.run()
    captions, dead = shop.captions(), shop.raw("dead")
    assert sorted(c["image_id"] for c in captions) == sorted(f"{k}{n}" for k in "ab" for n in range(6))
    assert [t["language"] for t in captions[0]["texts"]] == ["zh-Hans", "en"]
    codes = {h.value for r in dead for h in r.headers if h.name == "caption.error.code"}
    assert codes == {b"event_undecodable", b"source_forbidden"}
    assert counters["captions"] == 12
    assert counters["leaders"] == counters["generations"]
    # A leader and its copy say the same; which of the two leads depends on the partitions.
    texts = {c["image_id"]: [t["caption"] for t in c["texts"]] for c in captions}
    for c in captions:
        if c["origin"] == "REUSED":
            assert texts[c["image_id"]] == texts[c["duplicate_of"]]
            assert c["duplicate_of"][1:] == c["image_id"][1:]
            assert c["hash_distance"] <= 6
    assert sum(c["origin"] == "REUSED" for c in captions) >= 4


def test_dead_letter_keeps_the_original_record(shop: Shop) -> None:
    [(partition, offset)] = shop.upload((b"key", b"not avro"))
    shop.run()
    [letter] = shop.raw("dead")
    [original] = read_topic(shop.kafka, shop.names["uploads"])
    assert (letter.key, letter.value) == (b"key", b"not avro")
    assert letter.timestamp_ms == original.timestamp_ms
    assert letter.headers[0] == original.headers[0]
    added = {h.name: h.value for h in letter.headers[1:]}
    assert added["__connect.errors.partition"] == str(partition).encode()
    assert added["__connect.errors.offset"] == str(offset).encode()
    assert added["__connect.errors.stage"] == b"Decode event"
    assert added["caption.error.retryable"] == b"false"


def test_record_without_key_and_value_keeps_both_missing(shop: Shop) -> None:
    shop.upload((None, None))
    shop.run()
    [letter] = shop.raw("dead")
    assert (letter.key, letter.value) == (None, None)
    assert Header("caption.error.code", b"event_invalid") in letter.headers


@pytest.mark.parametrize("captioner", [FAKE, pytest.param(CaptionerOptions(slots=4), marks=pytest.mark.model)])
def test_replaying_twice_gives_the_same_ids_and_texts(shop: Shop, captioner: CaptionerOptions) -> None:
    for n in range(8):
        png = product_png(n)
        shop.upload({"image_id": f"a{n}", "image": png}, {"image_id": f"b{n}", "image": near_copy(png)})
    shop.run(captioner=captioner)
    first = {c["event_id"]: [t["caption"] for t in c["texts"]] for c in shop.captions()}
    shop.run(captioner=captioner)
    both = shop.captions()
    assert len(both) == 32
    assert {c["event_id"]: [t["caption"] for t in c["texts"]] for c in both} == first
    assert len(first) == 16


def test_every_caption_has_its_audit_records(shop: Shop) -> None:
    png = product_png(3)
    shop.upload({"image_id": "a", "image": png}, {"image_id": "b", "image": near_copy(png), "languages": ["en"]})
    shop.run()
    audits = {(a["event_id"], a["language"]): a for a in shop.audits()}
    for caption in shop.captions():
        for text in caption["texts"]:
            audit = audits.pop((caption["event_id"], text["language"]))
            assert audit["text"] == text["caption"]
            assert audit["origin"] == text["origin"]
            assert audit["verdict"] == "PASSED"
    assert audits == {}


def test_deletion_leaves_a_tombstone_after_the_caption(shop: Shop) -> None:
    shop.upload({"image_id": "gone", "image": product_png(5), "merchant": ""}, (b"gone", None))
    shop.run()
    values = [record.value for record in shop.raw("captions") if record.key == b"gone"]
    assert len(values) >= 2
    assert values[-1] is None
    assert any(value is not None for value in values)


def test_an_image_that_shows_another_picture_ends_with_that_ones_caption(shop: Shop) -> None:
    known, first = product_png(1), product_png(2)
    shop.upload({"image_id": "known", "image": known}, {"image_id": "a", "image": first})
    shop.upload({"image_id": "a", "image": near_copy(known)})  # its text is there before that of the first picture
    counters = shop.run(captioner=replace(FAKE, kind="live.slow:create"))
    (only,) = [value for value in shop.captions() if value["image_id"] == "a"]
    assert only["image"]["content_sha256"] == hashlib.sha256(near_copy(known)).hexdigest()
    assert counters["replaced"] == 1
    withheld = [value for value in shop.audits() if value["rules"] == ["replaced"]]
    assert {(v["image_id"], v["content_sha256"]) for v in withheld} == {("a", hashlib.sha256(first).hexdigest())}


def test_title_in_the_prompt_gives_each_copy_its_own_text(shop: Shop, tmp_path: Path) -> None:
    png = product_png(7)
    shop.upload(
        {"image_id": "a", "image": png, "languages": ["en"], "attributes": {"title": "Red mug"}},
        {"image_id": "b", "image": near_copy(png), "languages": ["en"], "attributes": {"title": "Blue cup"}},
    )
    shop.run(prompts=prompt_file(tmp_path, "Describe {title}."))
    first, second = shop.captions()
    assert first["origin"] == second["origin"] == "GENERATED"
    assert first["texts"][0]["caption"] != second["texts"][0]["caption"]
    shop.run(prompts=prompt_file(tmp_path, "Describe it."))
    first, second = [c for c in shop.captions() if c["event_id"] not in (first["event_id"], second["event_id"])]
    assert {first["origin"], second["origin"]} == {"GENERATED", "REUSED"}
    assert first["texts"][0]["caption"] == second["texts"][0]["caption"]


def test_broken_model_stops_the_job_instead_of_emptying_the_topic(shop: Shop) -> None:
    def broken(request: object, prompt: object) -> Exception:
        return RuntimeError("CUDA error: device-side assert triggered")

    options = CaptionerOptions(kind="fake", model="broken")
    inflight.preload(options, Inflight(FakeCaptioner(script=broken)))
    shop.upload(*({"image_id": f"a{n}", "image": product_png(n)} for n in range(300)))
    with pytest.raises(CaptionerBroken, match="failed alike: caption_failed `RuntimeError`: CUDA error"):
        shop.run(captioner=options)
    assert len(shop.raw("dead")) <= 200
    assert shop.captions() == []


def test_too_large_a_caption_becomes_a_dead_letter(kafka: LocalKafka, topics: Callable[..., dict[str, str]]) -> None:
    names = topics({"uploads": 1, "captions": 1, "dead": 1, "audit": 1}, {"captions": {"max.message.bytes": "1000"}})
    shop = Shop(kafka.bootstrap_servers, names)
    long = {"image_id": "a" * 250, "image": product_png(1)}
    shop.upload(long, *({"image_id": f"b{n}", "image": product_png(n), "languages": ["en"]} for n in range(5)))
    shop.run()
    assert sorted(c["image_id"] for c in shop.captions()) == [f"b{n}" for n in range(5)]
    [letter] = shop.raw("dead")
    headers = {h.name: h.value for h in letter.headers}
    assert headers["caption.error.code"] == b"record_too_large"
    assert b"raise the topic's max.message.bytes" in (headers["__connect.errors.exception.message"] or b"")


def test_a_dead_letter_whose_time_its_topic_does_not_take_gets_another(
    kafka: LocalKafka, topics: Callable[..., dict[str, str]]
) -> None:
    hour = {"message.timestamp.before.max.ms": "3600000"}
    shop = Shop(kafka.bootstrap_servers, topics({"uploads": 1, "captions": 1, "dead": 1, "audit": 1}, {"dead": hour}))
    client = producer(shop.kafka)
    old, new = 1_700_000_000_000, int(time.time() * 1000)
    for key, at in ((b"old", old), (b"new", new)):
        client.send(shop.names["uploads"], key=key, value=b"\xff", timestamp_ms=at).get(10)
    client.close()
    shop.run()
    first, second = sorted(shop.raw("dead"), key=lambda letter: letter.key or b"", reverse=True)
    assert (first.key, first.value, second.key, second.value) == (b"old", b"\xff", b"new", b"\xff")
    assert first.timestamp_ms >= new
    assert second.timestamp_ms == new
    for letter in (first, second):
        headers = {header.name: header.value for header in letter.headers}
        assert headers["caption.error.code"] == b"event_undecodable"
        assert headers["__connect.errors.exception.stacktrace"]


def test_nothing_is_published_that_could_not_be_audited(
    kafka: LocalKafka, topics: Callable[..., dict[str, str]]
) -> None:
    names = topics({"uploads": 1, "captions": 1, "dead": 1, "audit": 1}, {"audit": {"max.message.bytes": "100"}})
    shop = Shop(kafka.bootstrap_servers, names)
    shop.upload({"image_id": "a", "image": product_png(1)})
    with pytest.raises(JobError, match=r"raise its max.message.bytes: nothing is published unaudited"):
        shop.run()
    assert shop.raw("captions") == []


def test_missing_topic_and_missing_broker_are_named(shop: Shop) -> None:
    with pytest.raises(TopicMissing, match="topic `nowhere` does not exist"):
        resolve(shop.kafka, Uploads(("nowhere",)))
    lost = Shop("127.0.0.1:1", shop.names)
    with pytest.raises(BrokerUnreachable, match=r"no broker at `127.0.0.1:1` answered in 10 s"):
        resolve(lost.kafka, Uploads())


def test_offsets_are_resolved_by_time_and_cut_into_ranges(shop: Shop) -> None:
    shop.upload(*((b"k", b"v%d" % n) for n in range(10)))
    [span] = resolve(shop.kafka, shop.uploads)
    assert span.stop - span.start == 10
    assert list(span.cut(4))[1:] == [
        Span(span.topic, span.partition, 4, 8),
        Span(span.topic, span.partition, 8, 10),
    ]
    assert resolve(shop.kafka, shop.uploads, Moment.parse("2999-01-01T00:00:00+00:00", "--from")) == ()
    assert resolve(shop.kafka, shop.uploads, Moment.parse("1999-01-01T00:00:00+00:00", "--from")) == (span,)


def test_records_that_retention_took_are_named(shop: Shop) -> None:
    shop.upload(*((b"k", b"v%d" % n) for n in range(10)))
    [span] = resolve(shop.kafka, shop.uploads)
    admin = KafkaAdminClient(bootstrap_servers=shop.servers)
    admin.delete_records({TopicPartition(span.topic, span.partition): 5})
    admin.close()
    client = consumer(shop.kafka)
    with pytest.raises(OffsetsUnavailable, match=r"offset `0` of .* is not in the topic any more"):
        list(read_span(client, span, shop.kafka))
    assert [r.value for r in read_span(client, replace(span, start=5), shop.kafka)] == [
        b"v%d" % n for n in range(5, 10)
    ]
    client.close()
