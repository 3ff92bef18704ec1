"""What places mean: a broker that answers from tables."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import NotCoordinatorError
from kafka.structs import OffsetAndTimestamp

from pipeline.kafka import offsets
from pipeline.kafka.connection import KafkaOptions
from pipeline.kafka.offsets import resolve, resolve_starts
from pipeline.kafka.positions import COMMITTED, Moment, Position, Uploads
from pipeline.kafka.span import Span
from transforms.errors import BrokerUnreachable, ConfigInvalid, OffsetsUnavailable

KAFKA = KafkaOptions()
FIRST, END = 100, 110
"""Of every partition; the record at offset n has the timestamp 1000 * n ms."""


@dataclass
class Client:
    """One consumer."""

    commits: dict[TopicPartition, int] = field(default_factory=dict)
    fails: bool = False
    group: str | None = None
    _at: int = 0

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0, 1}

    def beginning_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        if self.fails:
            raise NotCoordinatorError
        return dict.fromkeys(places, FIRST)

    def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, END)

    def offsets_for_times(self, times: dict[TopicPartition, int]) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        found = {place: max(-(-time // 1000), FIRST) for place, time in times.items()}
        return {p: OffsetAndTimestamp(at, at * 1000, -1) if at < END else None for p, at in found.items()}

    def committed(self, place: TopicPartition) -> int | None:
        return self.commits.get(place)

    def close(self) -> None:
        pass


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    made = Client()

    def connect(options: KafkaOptions, group_id: str | None = None) -> Client:
        made.group = group_id
        return made

    def read(client: Client, span: Span, options: KafkaOptions) -> Any:
        return iter([type("Record", (), {"timestamp_ms": n * 1000}) for n in range(span.start, span.stop)])

    monkeypatch.setattr(offsets, "consumer", connect)
    monkeypatch.setattr(offsets, "read_span", read)
    return made


def at(seconds: int) -> Moment:
    return Moment("a time", seconds * 1000)


def test_spans_lie_between_two_places(client: Client) -> None:
    uploads = Uploads(("a",))
    assert resolve(KAFKA, uploads) == (Span("a", 0, 100, 110), Span("a", 1, 100, 110))
    assert resolve(KAFKA, uploads, at(104), at(106)) == (Span("a", 0, 104, 106), Span("a", 1, 104, 106))
    assert resolve(KAFKA, uploads, at(1), at(999)) == resolve(KAFKA, uploads)
    assert resolve(KAFKA, uploads, Moment("latest")) == ()
    assert resolve(KAFKA, uploads, at(106), at(104)) == ()
    assert [span.topic for span in resolve(KAFKA, Uploads(("b", "a")))] == ["a", "a", "b", "b"]


def test_an_explicit_offset_goes_before_the_place_for_all(client: Client) -> None:
    spans = resolve(
        KAFKA,
        Uploads(("a",)),
        at(105),
        from_offsets=(Position("a", 1, 103),),
        to_offsets=(Position("a", 0, 110), Position("a", 1, 104)),
    )
    assert spans == (Span("a", 0, 105, 110), Span("a", 1, 103, 104))


@pytest.mark.parametrize(
    ("positions", "words"),
    [
        ([("a", 0, 99)], "offset `99` of `a:0` is outside 100 to 110; mend --to-offset"),
        ([("a", 0, 111)], "offset `111` of `a:0` is outside 100 to 110; mend --to-offset"),
        ([("a", 5, 100)], "offset of `a:5`: this partition is not read; mend --to-offset"),
        ([("a", 0, 100), ("a", 0, 101)], "offset of `a:0` is given twice; mend --to-offset"),
    ],
)
def test_an_offset_that_is_not_there_is_refused(
    client: Client, positions: list[tuple[str, int, int]], words: str
) -> None:
    with pytest.raises(ConfigInvalid, match=words):
        resolve(KAFKA, Uploads(("a",)), to_offsets=tuple(Position(*position) for position in positions))


def test_a_live_job_starts_at_what_is_committed_and_else_at_the_earliest(client: Client) -> None:
    client.commits[TopicPartition("a", 1)] = 107
    starts = resolve_starts(KAFKA, Uploads(("a",)), Moment(COMMITTED), group="g")
    assert starts.positions == (Position("a", 0, 100), Position("a", 1, 107))
    assert starts.committed == (("a", 1),)
    assert client.group == "g"


def test_an_explicit_offset_goes_before_the_committed_one(client: Client) -> None:
    client.commits[TopicPartition("a", 1)] = 7  # nobody asks
    starts = resolve_starts(KAFKA, Uploads(("a",)), Moment(COMMITTED), (Position("a", 1, 101),), "g")
    assert starts.positions[1] == Position("a", 1, 101)
    assert starts.committed == ()


@pytest.mark.parametrize(
    ("committed", "rewind_ms", "start"),
    [
        (107, 3000, 104),
        (107, 2500, 105),  # the first record not older than that
        (107, 0, 107),
        (107, 10**9, 100),
        (110, 3000, 108),  # everything was read: back from now, which is 110.5
        (110, 100, 110),
    ],
)
def test_a_rewind_goes_back_by_the_records_time(client: Client, committed: int, rewind_ms: int, start: int) -> None:
    client.commits[TopicPartition("a", 0)] = committed
    starts = resolve_starts(
        KAFKA, Uploads(("a",)), Moment(COMMITTED), group="g", rewind_ms=rewind_ms, clock=lambda: 110.5
    )
    assert starts.positions == (Position("a", 0, start), Position("a", 1, 100))
    assert starts.committed == (("a", 0),)


def test_a_rewind_never_goes_forward(client: Client) -> None:
    client.commits[TopicPartition("a", 0)] = 110
    starts = resolve_starts(KAFKA, Uploads(("a",)), Moment(COMMITTED), group="g", rewind_ms=0, clock=lambda: 1e6)
    assert starts.positions[0].offset == 110


@pytest.mark.parametrize("committed", [99, 111])
def test_a_commit_that_is_not_in_the_topic_is_named(client: Client, committed: int) -> None:
    client.commits[TopicPartition("a", 1)] = committed
    with pytest.raises(OffsetsUnavailable, match=f"committed offset `{committed}` of `a:1` is outside 100 to 110"):
        resolve_starts(KAFKA, Uploads(("a",)), Moment(COMMITTED), group="g", rewind_ms=10**9)


def test_committed_offsets_need_a_group(client: Client) -> None:
    with pytest.raises(ConfigInvalid, match="needs a consumer group; mend --from"):
        resolve_starts(KAFKA, Uploads(("a",)), Moment(COMMITTED))


def test_other_live_starts_ask_for_no_commits(client: Client) -> None:
    client.commits[TopicPartition("a", 0)] = 7
    assert resolve_starts(KAFKA, Uploads(("a",)), Moment("latest"), group="g").positions[0].offset == 110
    assert resolve_starts(KAFKA, Uploads(("a",)), at(103)).positions == (Position("a", 0, 103), Position("a", 1, 103))


def test_a_broker_that_does_not_answer_is_named(client: Client) -> None:
    client.fails = True
    with pytest.raises(BrokerUnreachable, match="did not say which topics and offsets it has"):
        resolve(KAFKA, Uploads(("a",)))
