"""What is said of each topic, word for word."""

from collections.abc import Mapping

import pytest
from data.check_plan import EVERYTHING, lines, plan, topic

from pipeline.check.rights import topic_rights
from pipeline.check.topics import topic_findings
from pipeline.kafka.describe import Topic

UPLOADS, CAPTIONS, DEAD, AUDIT = (
    "image-uploads", "image-captions", "image-captions-dead-letters", "image-captions-audit",
)  # fmt: skip
LARGER = 1_048_588 + 4096


def topics(**changed: Topic | None) -> dict[str, Topic]:
    good = {
        UPLOADS: topic(UPLOADS), CAPTIONS: topic(CAPTIONS), AUDIT: topic(AUDIT),
        DEAD: topic(DEAD, max_message_bytes=LARGER), "cache": topic("cache", cleanup_policy="compact,delete"),
    }  # fmt: skip
    names = {"uploads": UPLOADS, "captions": CAPTIONS, "dead": DEAD, "audit": AUDIT, "cache": "cache"}
    merged: Mapping[str, Topic | None] = {**good, **{names[key]: one for key, one in changed.items()}}
    return {name: one for name, one in merged.items() if one is not None}


def said(*words: str, read: tuple[str, ...] = (UPLOADS,), **changed: Topic | None) -> list[str]:
    return [line for line in lines(topic_findings(plan(*words), read, topics(**changed))) if line[:3] != "ok "]


def test_good_topics_are_told_with_what_they_are() -> None:
    assert lines(topic_findings(plan("--cache-topic", "cache"), (UPLOADS,), topics())) == [
        "ok topic image-uploads: 4 partitions, 3 replicas, kept 7 days, records up to 1,048,588 bytes",
        "ok topic image-captions: 4 partitions, 3 replicas, kept 7 days, records up to 1,048,588 bytes",
        "ok topic image-captions-audit: 4 partitions, 3 replicas, kept 7 days, records up to 1,048,588 bytes",
        "ok topic image-captions-dead-letters: 4 partitions, 3 replicas, kept 7 days, records up to 1,052,684 bytes",
        "ok topic cache: 4 partitions, 3 replicas, compacted, records up to 1,048,588 bytes",
    ]
    kept = lines(topic_findings(plan(), (UPLOADS,), topics(uploads=topic(UPLOADS, 1, retention_ms=-1))))
    assert kept[0].startswith("ok topic image-uploads: 1 partition, 3 replicas, kept for ever")


def test_topics_that_do_not_exist_are_told_with_the_option_that_names_them() -> None:
    found = said("--cache-topic", "cache", read=(UPLOADS, "more"), captions=None, dead=None, audit=None, cache=None)
    assert [line.split(": does")[0] for line in found] == [
        "fail topic more", f"fail topic {CAPTIONS}", f"fail topic {AUDIT}", f"fail topic {DEAD}", "fail topic cache",
    ]  # fmt: skip
    assert found[0] == (
        "fail topic more: does not exist, or this user may not see it -> create it as docs/deploying.md "
        "says, or mend --topic"
    )
    assert [line.partition("mend ")[2] for line in found[1:]] == [
        "--captions-topic", "--audit-topic", "--dead-letters-topic", "--cache-topic",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"captions": topic(CAPTIONS, cleanup_policy="compact")},
         "fail topic image-captions: is compacted, which keeps one record per image: an image has one for each task, "
         "language and picture -> set cleanup.policy=delete"),
        ({"uploads": topic(UPLOADS, cleanup_policy="compact,delete")},
         "warn topic image-uploads: is compacted: an upload that is followed by another of its image may go before it "
         "is read -> set cleanup.policy=delete"),
        ({"dead": topic(DEAD, cleanup_policy="compact", max_message_bytes=LARGER)},
         "fail topic image-captions-dead-letters: is compacted: only the last letter of an image stays -> set "
         "cleanup.policy=delete"),
        ({"cache": topic("cache")},
         "fail topic cache: is not compacted: it grows with every text, and those of deleted images stay -> set "
         "cleanup.policy=compact,delete"),
        ({"dead": topic(DEAD, max_message_bytes=1_000_000)},
         "fail topic image-captions-dead-letters: takes records of 1,000,000 bytes, uploads have up to 1,048,588: a "
         "larger one stops the job -> set its max.message.bytes to 1052684"),
        ({"dead": topic(DEAD)},
         "warn topic image-captions-dead-letters: takes records as large as the uploads', 1,048,588 bytes, and a dead "
         "letter has headers besides -> set its max.message.bytes to 1052684"),
        ({"uploads": topic(UPLOADS, max_message_bytes=65 << 20), "dead": topic(DEAD, max_message_bytes=66 << 20)},
         "warn topic image-uploads: takes records over 64 MiB, and so large a dead letter cannot be written -> lower "
         "its max.message.bytes to 67108864"),
        ({"captions": topic(CAPTIONS, max_message_bytes=100_000)},
         "warn topic image-captions: takes records of 100,000 bytes, too few for long texts in many languages -> set "
         "its max.message.bytes to 262144 or more"),
        ({"uploads": topic(UPLOADS, retention_ms=7_200_000)},
         "warn topic image-uploads: keeps uploads for 2 hours: what comes in a longer stop of the job is lost -> raise "
         "its retention.ms above your longest outage"),
        ({"dead": topic(DEAD, max_message_bytes=LARGER, retention_ms=60_000)},
         "warn topic image-captions-dead-letters: keeps letters for 60 s: too short to mend something and redrive -> "
         "raise its retention.ms"),
        ({"dead": topic(DEAD, max_message_bytes=LARGER, message_timestamp_type="LogAppendTime")},
         "warn topic image-captions-dead-letters: gives letters a time of its own, and the time of the upload is lost "
         "to `captionstream redrive --from` -> set message.timestamp.type=CreateTime"),
        ({"audit": topic(AUDIT, replication=1)},
         "warn topic image-captions-audit: has one replica: its records go with the broker -> set replication to 3"),
        ({"audit": topic(AUDIT, replication=2)},
         "warn topic image-captions-audit: wants 2 replicas in sync and has 2: one broker down stops the writing -> "
         "set min.insync.replicas=2 with 3 replicas"),
        ({"audit": topic(AUDIT, min_insync_replicas=1)},
         "warn topic image-captions-audit: takes a record as written when one replica has it -> set "
         "min.insync.replicas=2 with 3 replicas"),
        ({"uploads": topic(UPLOADS, leaderless=(1, 3))},
         "fail topic image-uploads: partition `1, 3` has no leader -> see to the brokers: it can be neither read nor "
         "written"),
        ({"audit": Topic(AUDIT, 4, 3, (), EVERYTHING, {})},
         "warn topic image-captions-audit: its settings are not told to this user -> give it DescribeConfigs to have "
         "them checked"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_topic_is_told_with_its_remedy(changed: dict[str, Topic], line: str) -> None:
    assert said("--cache-topic", "cache", **changed) == [line]


def test_a_topic_with_fewer_partitions_than_readers() -> None:
    words = ("--runner", "flink", "--checkpoint-dir", "s3://b/c", "--parallelism", "8")
    assert said(*words) == [
        "warn topic image-uploads: 4 partitions for --parallelism 8: each is read by one subtask -> add partitions, or "
        "lower --parallelism"
    ]


def test_rights_are_told_by_what_is_missing() -> None:
    def told(*words: str, **changed: Topic | None) -> list[str]:
        return lines(topic_rights(plan(*words), (UPLOADS,), topics(**changed)))

    assert told() == ["ok rights: enough on all 4 topics"]
    lacking = {"uploads": topic(UPLOADS, rights=frozenset({"DESCRIBE", "WRITE"}))}
    assert told(**lacking) == [
        "fail rights: this user may not read topic `image-uploads` -> allow it Read on the topic; docs/deploying.md "
        "lists every right"
    ]
    only_write = {"captions": topic(CAPTIONS, rights=frozenset({"DESCRIBE", "WRITE"}))}
    assert told(**only_write) == ["ok rights: enough on all 4 topics"]
    assert told("--only-changed", **only_write)[0].startswith(
        "fail rights: this user may not read topic `image-captions`"
    )
    nothing = {"cache": topic("cache", rights=frozenset())}
    assert told("--cache-topic", "cache", **nothing)[0].startswith(
        "fail rights: this user may not read and write topic `c"
    )
    assert told(audit=topic(AUDIT, rights=None)) == [
        "warn rights: the brokers do not tell those on `image-captions-audit` -> compare them with docs/deploying.md"
    ]
