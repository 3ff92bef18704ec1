"""Dead letters on a real broker: shown, sent back, captioned; the group remembers which."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from live.shop import Shop, product_png

from pipeline.cli import main
from pipeline.kafka.connection import producer
from pipeline.kafka.produce import send
from pipeline.local.kafka import LocalKafka
from transforms.dead_letter import dead_letter, encode
from transforms.errors import ImageMissing, ImageUnreadable
from transforms.fetch import FetchLimits
from transforms.values import Header, KafkaRecord, Outgoing

pytestmark = pytest.mark.broker

OLD = 1_700_000_000_000


@pytest.fixture
def shop(kafka: LocalKafka, topics: Callable[..., dict[str, str]]) -> Shop:
    return Shop(kafka.bootstrap_servers, topics({"uploads": 2, "captions": 1, "dead": 2, "audit": 1}))


@pytest.fixture
def redrive(shop: Shop, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Runs the command; returns its JSON, or what it said with its exit code."""

    def run(*options: str) -> dict[str, Any]:
        common = ["--bootstrap-servers", shop.servers, "--dead-letters-topic", shop.names["dead"], "--json"]
        code = main(["redrive", *common, "--group", f"redrive-{shop.names['dead']}", *options])
        said = capsys.readouterr()
        return json.loads(said.out) if code == 0 else {"code": code, "said": said.err}

    return run


def produce(shop: Shop, records: Sequence[Outgoing]) -> None:
    client = producer(shop.kafka)
    futures = [send(client, record) for record in records]
    client.flush()
    for future in futures:
        future.get(10)
    client.close()


def letters(shop: Shop, numbers: Sequence[int], value: bytes | None = b"v", topic: str = "uploads") -> None:
    """Dead letters of records ``uploads/0/number``; odd ones may be retried."""
    records = []
    for n in numbers:
        source = KafkaRecord(shop.names.get(topic, topic), 0, n, OLD + n, b"k%d" % n, value, (Header("mine", b"1"),))
        error = ImageUnreadable("later") if n % 2 else ImageMissing("gone")
        records.append(encode(dead_letter(source, "Fetch image", error), shop.names["dead"], "run-1", OLD))
    produce(shop, records)


def sent_back(shop: Shop) -> list[bytes | None]:
    return sorted(record.key or b"" for record in shop.raw("uploads"))


def test_a_picture_that_turns_up_late_is_captioned(
    shop: Shop, redrive: Callable[..., dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = FetchLimits(str(tmp_path))
    late = tmp_path / "late.png"
    shop.upload({"image_id": "late", "uri": late.as_uri()}, {"image_id": "here", "image": product_png(1)})
    shop.run(fetch=limits)
    [letter] = shop.raw("dead")
    assert [c["image_id"] for c in shop.captions()] == ["here"]

    late.write_bytes(product_png(2))
    before = shop.raw("uploads")
    arguments = ["--bootstrap-servers", shop.servers, "--dead-letters-topic", shop.names["dead"]]
    assert main(["redrive", *arguments]) == 0
    said = capsys.readouterr()
    assert f"image_missing  Fetch image  {shop.names['uploads']}        1           0\n" in said.out
    assert "letters to send: 1, uploaded 20" in said.out
    assert "nothing was sent; add --send" in said.err
    assert shop.raw("uploads") == before

    assert redrive("--send")["sent"] == 1
    [back] = [record for record in shop.raw("uploads") if record not in before]
    [original] = [record for record in before if record.key == b"late"]
    assert (back.key, back.value, back.timestamp_ms) == (original.key, original.value, original.timestamp_ms)
    assert back.headers == (
        *original.headers,
        Header("caption.error.attempt", b"1"),
        Header("caption.origin", original.coordinates().encode()),
    )

    shop.run(fetch=limits)
    answers = [c for c in shop.captions() if c["image_id"] == "late"]
    assert len({c["event_id"] for c in answers}) == 1
    source = {"topic": original.topic, "partition": original.partition, "offset": original.offset}
    assert all(c["source"] == source for c in answers)
    # The letter stays where it is: it is for consumers to let the caption win.
    assert shop.raw("dead") == [letter]
    assert redrive("--send")["left"]["sent_by_an_earlier_redrive"] == 1


def test_a_picture_that_stays_away_leaves_letters_until_the_maximum(
    shop: Shop, redrive: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    [(partition, offset)] = shop.upload({"image_id": "late", "uri": (tmp_path / "no.png").as_uri()})
    shop.run(fetch=FetchLimits(str(tmp_path)))
    for _ in range(2):
        assert redrive("--send", "--max-attempts", "2")["sent"] == 1
        shop.run(fetch=FetchLimits(str(tmp_path)))
    done = redrive("--send", "--max-attempts", "2")
    assert (done["sent"], done["left"]["at_the_maximum_of_attempts"]) == (0, 1)
    dead = [{header.name: header.value for header in letter.headers} for letter in shop.raw("dead")]
    # Each run replays the whole topic, so the earlier records fail again beside the redriven one.
    assert sorted(told["caption.error.attempt"] or b"" for told in dead) == [b"0", b"0", b"0", b"1", b"1", b"2"]
    for letter, told in zip(shop.raw("dead"), dead, strict=True):
        assert len(told) == len(letter.headers) == 14
        assert told["__connect.errors.topic"] == shop.names["uploads"].encode()
        assert told["__connect.errors.partition"] == str(partition).encode()
        assert told["__connect.errors.offset"] == str(offset).encode()


def test_nothing_is_sent_twice_and_nothing_left_out_is_lost(shop: Shop, redrive: Callable[..., dict[str, Any]]) -> None:
    letters(shop, range(10))
    assert redrive("--send", "--retryable-only")["sent"] == 5
    assert redrive("--send", "--retryable-only")["sent"] == 0
    assert sent_back(shop) == [b"k1", b"k3", b"k5", b"k7", b"k9"]
    assert redrive("--send", "--code", "image_missing", "--limit", "2")["sent"] == 2
    letters(shop, range(10, 12))
    done = redrive("--send")
    assert (done["sent"], done["left"]["sent_by_an_earlier_redrive"]) == (5, 7)
    assert sent_back(shop) == sorted(b"k%d" % n for n in range(12))
    assert redrive("--send")["sent"] == 0
    assert redrive("--group", "another-" + shop.names["dead"])["to_send"] == 12


def test_bytes_come_back_untouched(shop: Shop, redrive: Callable[..., dict[str, Any]]) -> None:
    headers = (Header("a", b"\xfe"), Header("empty", b""), Header("null", None), Header("a", b"again"))
    pairs = [(b"\xff\x00", b"\x00\xff"), (None, b"v"), (b"img-1", None), (None, None), (b"", b"")]
    sources = [
        KafkaRecord(shop.names["uploads"], 1, n, OLD + n, key, value, headers) for n, (key, value) in enumerate(pairs)
    ]
    produce(
        shop,
        [encode(dead_letter(s, "Fetch image", ImageMissing("gone")), shop.names["dead"], "r", OLD) for s in sources],
    )
    assert redrive("--send")["sent"] == len(pairs)
    back = sorted(shop.raw("uploads"), key=lambda record: record.timestamp_ms)
    assert [(r.key, r.value, r.timestamp_ms) for r in back] == [(s.key, s.value, s.timestamp_ms) for s in sources]
    for record, source in zip(back, sources, strict=True):
        # kafka-python cannot write a header without a value: it comes back empty.
        assert record.headers[:4] == tuple(Header(h.name, h.value or b"") for h in source.headers)
        assert record.headers[5] == Header("caption.origin", source.coordinates().encode())


def test_foreign_records_are_counted_and_left(shop: Shop, redrive: Callable[..., dict[str, Any]]) -> None:
    produce(shop, [Outgoing(shop.names["dead"], b"k", b"v"), Outgoing(shop.names["dead"], None, None)])
    letters(shop, [0])
    done = redrive("--send")
    assert (done["sent"], done["left"]["foreign"]) == (1, 2)


def test_another_topic_may_take_them(shop: Shop, redrive: Callable[..., dict[str, Any]]) -> None:
    letters(shop, [0, 1], topic="gone")
    refused = redrive("--send")
    assert refused["code"] == 1
    assert "topic_missing: topic `gone` does not exist on" in refused["said"]
    assert "create it or name another with --to-topic\n" in refused["said"]
    assert redrive("--send", "--to-topic", shop.names["dead"])["code"] == 2
    assert redrive("--send", "--to-topic", shop.names["uploads"])["sent"] == 2
    assert sent_back(shop) == [b"k0", b"k1"]


def test_one_too_large_does_not_hold_up_the_others(
    kafka: LocalKafka, topics: Callable[..., dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    names = topics({"uploads": 1, "dead": 1}, {"uploads": {"max.message.bytes": "2000"}})
    shop = Shop(kafka.bootstrap_servers, names)
    letters(shop, [0, 1])
    letters(shop, [2], bytes(3000))
    letters(shop, [3])
    arguments = ["--bootstrap-servers", shop.servers, "--dead-letters-topic", names["dead"], "--group", names["dead"]]
    for others in (3, 0):
        assert main(["redrive", *arguments, "--send"]) == 1
        said = capsys.readouterr().err
        assert f"record_too_large: `1` of {others + 1} letters, the first of `3000` bytes, are too large" in said
        assert said.endswith(f"raise its max.message.bytes and run it again, the other {others} were sent\n")
        assert said.count("\n") == 1
        assert sent_back(shop) == [b"k0", b"k1", b"k3"]
    assert main(["redrive", *arguments, "--send", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["to_send"], told["sent"]) == (1, 0)


def test_the_offsets_of_another_consumer_are_not_touched(shop: Shop, redrive: Callable[..., dict[str, Any]]) -> None:
    from kafka import TopicPartition
    from kafka.structs import OffsetAndMetadata

    from pipeline.kafka.connection import consumer

    letters(shop, range(4))
    client = consumer(shop.kafka, group_id=f"other-{shop.names['dead']}")
    client.commit({TopicPartition(shop.names["dead"], number): OffsetAndMetadata(1, "", -1) for number in (0, 1)})
    client.close()
    refused = redrive("--send", "--group", f"other-{shop.names['dead']}")
    assert refused["code"] == 2
    assert "has offsets that no redrive committed; name another with --group" in refused["said"]
    assert shop.raw("uploads") == []


def test_many_letters_over_several_batches(
    shop: Shop, redrive: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.redrive.send.BATCH_RECORDS", 7)
    letters(shop, range(100))
    assert redrive("--send", "--code", "image_missing")["sent"] == 50
    assert redrive("--send")["sent"] == 50
    assert sent_back(shop) == sorted(b"k%d" % n for n in range(100))


def test_a_redrive_that_stops_halfway_goes_on_where_it_was(
    shop: Shop, redrive: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.redrive import send as module

    monkeypatch.setattr(module, "BATCH_RECORDS", 10)
    letters(shop, range(60))
    real, calls = module.Redrive._remember, 0

    def remember(self: Any, *arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:  # sent, but not remembered
            raise KeyboardInterrupt
        real(self, *arguments)

    monkeypatch.setattr(module.Redrive, "_remember", remember)
    assert redrive("--send")["code"] == 130
    assert redrive("--send")["sent"] == 40
    back = sent_back(shop)
    assert len(back) == 70
    assert set(back) == {b"k%d" % n for n in range(60)}
