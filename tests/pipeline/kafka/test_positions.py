"""What a user may say of topics, partitions and places."""

import pytest

from pipeline.kafka.positions import Moment, Uploads, list_partitions
from transforms.errors import ConfigInvalid, TopicMissing


class Cluster:
    """A client that knows topics."""

    def __init__(self, **topics: int) -> None:
        self._topics = topics

    def topics(self) -> set[str]:
        return set(self._topics)

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(self._topics.get(topic, 0)))


CLUSTER = Cluster(up_a=2, up_b=1, up_out=1, __up_a=1, other=1)


@pytest.mark.parametrize(
    ("uploads", "found"),
    [
        (Uploads(("up_b", "up_a")), [("up_a", 0), ("up_a", 1), ("up_b", 0)]),
        (Uploads(("up_a",), partitions=(("up_a", 1),)), [("up_a", 1)]),
        (Uploads(("up_a", "up_b"), partitions=(("up_a", 0),)), [("up_a", 0), ("up_b", 0)]),
        (Uploads((), "up_.*"), [("up_a", 0), ("up_a", 1), ("up_b", 0)]),
        (Uploads((), ".*a"), [("up_a", 0), ("up_a", 1)]),
        (Uploads((), "up_.*", (("up_a", 1),)), [("up_a", 1), ("up_b", 0)]),
    ],
)
def test_partitions_are_those_of_the_topics(uploads: Uploads, found: list[tuple[str, int]]) -> None:
    assert list_partitions(CLUSTER, uploads, "broker:9092", ("up_out",)) == tuple(found)


@pytest.mark.parametrize(
    ("uploads", "words"),
    [
        (Uploads(("nowhere",)), "topic `nowhere` does not exist on `broker:9092`"),
        (Uploads((), "up"), "no topic on `broker:9092` matches `up`; create one or mend --topic-pattern"),
        (Uploads((), "up_out|__up_a"), "no topic on `broker:9092` matches"),
        (Uploads(("up_a",), partitions=(("up_a", 2),)), "`up_a` has no partition `2` on .*; mend --partition"),
        (Uploads((), "up_.*", (("up_c", 0),)), "`up_c` has no partition `0`"),
    ],
)
def test_what_is_not_there_is_named(uploads: Uploads, words: str) -> None:
    with pytest.raises(TopicMissing, match=words):
        list_partitions(CLUSTER, uploads, "broker:9092", ("up_out",))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ((("a",), "b"), "give either --topic or --topic-pattern"),
        (((), ""), "give either --topic or --topic-pattern"),
        (((), "a("), r"`a\(` is not a regular expression .*; mend --topic-pattern"),
        ((("a", "a"),), "upload topic `a` is given twice; mend --topic"),
        ((("",),), "upload topic `` is empty; mend --topic"),
        ((("a",), "", (("b", 0),)), "partition `b:0` is of a topic that is not read; mend --partition"),
        (((), "b.", (("b", 0),)), "partition `b:0` is of a topic that is not read"),
        ((("a",), "", (("a", -1),)), "partition `a:-1` is negative; mend --partition"),
    ],
)
def test_uploads_that_make_no_sense_are_refused(said: tuple[object, ...], words: str) -> None:
    with pytest.raises(ConfigInvalid, match=words):
        Uploads(*said)  # type: ignore[arg-type]


def test_moments_are_words_or_times_with_a_zone() -> None:
    assert Moment.parse("earliest", "--from") == Moment("earliest")
    assert Moment.parse("1970-01-01T01:00:01+01:00", "--from").time_ms == 1000
    assert Moment.parse("1970-01-01T00:00:01Z", "--from").time_ms == 1000
    assert Moment.parse("1066-10-14T09:00:00+00:00", "--from").time_ms == 0
    with pytest.raises(ConfigInvalid, match="time `2026-11-23` has no zone; mend --to"):
        Moment.parse("2026-11-23", "--to")
    with pytest.raises(ConfigInvalid, match="`committed` is neither earliest, latest nor an ISO 8601 time; mend --to"):
        Moment.parse("committed", "--to")
    assert Moment.parse("committed", "--from", ("earliest", "committed")).time_ms is None
