"""The check against a real broker: good topics, bad ones, rights, groups and events; and that it changes nothing."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata
from live.shop import Shop, product_png

from pipeline.cli import main
from pipeline.kafka.connection import KafkaOptions, admin, consumer
from pipeline.local.kafka import LocalKafka

pytestmark = pytest.mark.broker

UPLOADS = {"uploads": 2, "captions": 1, "dead": 1, "audit": 1, "cache": 1}
GOOD = {"dead": {"max.message.bytes": "2000000"}, "cache": {"cleanup.policy": "compact"}}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found does not depend on what else this machine has to do."""
    monkeypatch.setattr("pipeline.commands.check.SECONDS", 120.0)


@pytest.fixture
def check(kafka: LocalKafka, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict[str, list[str]]]]:
    """Runs the command; returns its code, and levels and words by what was looked at."""

    def run(names: dict[str, str], *words: str, job: str = "replay") -> tuple[int, dict[str, list[str]]]:
        arguments = [
            "--bootstrap-servers", kafka.bootstrap_servers, "--topic", names["uploads"],
            "--captions-topic", names["captions"], "--dead-letters-topic", names["dead"],
            "--audit-topic", names["audit"], "--cache-topic", names["cache"],
            "--captioner", "fake", "--prompts", "tiny",
        ]  # fmt: skip
        code = main(["check", job, *arguments, *words, "--json"])
        found: dict[str, list[str]] = {}
        for line in map(json.loads, capsys.readouterr().out.splitlines()):
            found.setdefault(line["what"], []).append(f"{line['level']}: {line['found']}; {line['remedy']}")
        return code, found

    return run


@pytest.fixture
def live(tmp_path: Any) -> tuple[str, ...]:
    return ("--checkpoint-dir", str(tmp_path), "--group")


def test_good_topics_pass_and_nothing_is_changed(
    kafka: LocalKafka, topics: Callable[..., dict[str, str]], check: Any, live: tuple[str, ...]
) -> None:
    names = topics(UPLOADS, GOOD)
    shop = Shop(kafka.bootstrap_servers, names)
    shop.upload({"image_id": "a", "image": product_png(1)})
    client = admin(KafkaOptions(kafka.bootstrap_servers))
    before = set(client.list_topics())
    code, found = check(names, *live, f"check-{names['uploads']}", job="run")
    assert code == 0, found
    assert found["brokers"] == [f"ok: `{kafka.bootstrap_servers}` answers: 1 broker, Kafka 4.1; "]
    assert found[f"topic {names['uploads']}"] == [
        "warn: has one replica: its records go with the broker; set replication to 3"
    ]
    assert found["rights"] == ["ok: enough on all 5 topics; "]
    assert found["events"] == ["ok: the newest of 1 partition can be decoded; "]
    assert found[f"group check-{names['uploads']}"][0].startswith("ok: has no offsets: a start reads everything")
    assert set(client.list_topics()) - {"__consumer_offsets"} == before - {"__consumer_offsets"}
    assert client.list_group_offsets({f"check-{names['uploads']}": None}) == {f"check-{names['uploads']}": {}}
    assert f"check-{names['uploads']}" not in {group["group_id"] for group in client.list_groups()}
    client.close()
    assert [len(shop.raw(name)) for name in UPLOADS] == [1, 0, 0, 0, 0]


def test_bad_topics_fail_each_with_its_remedy(topics: Callable[..., dict[str, str]], check: Any) -> None:
    names = topics(UPLOADS, {
        "captions": {"cleanup.policy": "compact"}, "dead": {"max.message.bytes": "1000"},
        "uploads": {"retention.ms": "60000"},
    })  # fmt: skip
    code, found = check({**names, "audit": "no-such-topic"})
    assert code == 1
    assert found["topic no-such-topic"][0].startswith(
        "fail: does not exist, or this user may not see it; create it as docs/deploying.md says, or mend --audit-topic"
    )
    assert any(line.startswith("fail: is compacted, which keeps one") for line in found[f"topic {names['captions']}"])
    assert "fail: is not compacted: it grows with every text" in "".join(found[f"topic {names['cache']}"])
    assert found[f"topic {names['dead']}"][1] == (
        "fail: takes records of 1,000 bytes, uploads have up to 1,048,588: a larger one stops the job; "
        "set its max.message.bytes to 1052684"
    )
    assert any("keeps uploads for 60 s" in line for line in found[f"topic {names['uploads']}"])
    code, found = check({**names, "uploads": "nor-this-one"})
    assert found["topic nor-this-one"][0].startswith("fail: does not exist")
    assert "events" not in found


def test_events_that_cannot_be_decoded_are_told(
    kafka: LocalKafka, topics: Callable[..., dict[str, str]], check: Any
) -> None:
    names = topics(UPLOADS, GOOD)
    Shop(kafka.bootstrap_servers, names).upload((b"k", b"no avro at all"))
    code, found = check(names)
    assert code == 0
    (line,) = found["events"]
    assert line.startswith(f"warn: the newest upload, `{names['uploads']}/")
    assert "would be a dead letter: value of 14 bytes is not Avro" in line
    assert check(names, "--upload-format", "confluent", "--schema-id", "7=image_upload")[1]["events"][0].endswith(
        "set --upload-format avro if the topic holds bare Avro"
    )


def test_the_state_of_the_group(
    kafka: LocalKafka, topics: Callable[..., dict[str, str]], check: Any, live: tuple[str, ...]
) -> None:
    names = topics({**UPLOADS, "uploads": 1}, GOOD)
    Shop(kafka.bootstrap_servers, names).upload(*({"image_id": str(n), "image": product_png(n)} for n in range(3)))
    group = f"check-{names['uploads']}"
    client = consumer(KafkaOptions(kafka.bootstrap_servers), group_id=group)
    client.commit({TopicPartition(names["uploads"], 0): OffsetAndMetadata(1, "", -1)})
    code, found = check(names, *live, group, job="run")
    assert code == 0
    assert found[f"group {group}"] == [
        "warn: has offsets in 1 of 1 partitions, 2 uploads behind; a start would be refused; say --resume latest, "
        "--rewind 15m or --from: what was pending at the stop is not in the offsets"
    ]
    assert check(names, *live, group, "--rewind", "15m", job="run")[1][f"group {group}"][0].startswith(
        "ok: has offsets in"
    )
    client.commit({TopicPartition(names["uploads"], 0): OffsetAndMetadata(9, "", -1)})
    client.close()
    code, found = check(names, *live, group, job="run")
    assert code == 1
    assert found[f"group {group}"][0].startswith(f"fail: its offset `9` of `{names['uploads']}:0` is outside 0 to 3")


def test_a_pattern_and_a_partition_that_match_nothing(topics: Callable[..., dict[str, str]], check: Any) -> None:
    names = topics(UPLOADS, GOOD)
    code, found = check(names, "--partition", f"{names['uploads']}:7")
    assert code == 1
    assert "fail: partition `7` does not exist, there are 2; mend --partition" in found[f"topic {names['uploads']}"]


def test_a_pattern_is_resolved(
    kafka: LocalKafka, topics: Callable[..., dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    names = topics({"uploads": 1})
    where = ["check", "replay", "--bootstrap-servers", kafka.bootstrap_servers, "--captioner", "fake", "--json"]
    main([*where, "--topic-pattern", f"{names['uploads'][:-1]}."])
    assert f"topic {names['uploads']}" in capsys.readouterr().out
    assert main([*where, "--topic-pattern", "no-topic-like-this-.*"]) == 1
    assert "no topic on" in capsys.readouterr().out
