"""What is said of a consumer group, by what the brokers answer."""

from types import SimpleNamespace
from typing import Any

from data.check_plan import lines, plan
from kafka import TopicPartition
from kafka.errors import CoordinatorNotAvailableError, GroupAuthorizationFailedError

from pipeline.check.group import group_findings

PLACES = [TopicPartition("image-uploads", number) for number in range(2)]
BROKER = SimpleNamespace(places=PLACES, first={PLACES[0]: 10, PLACES[1]: 0}, last={PLACES[0]: 100, PLACES[1]: 50})
LIVE = ("--checkpoint-dir", "s3://b/c")


class Client:
    """Answers as the admin client does."""

    def __init__(
        self, offsets: dict[int, int], members: tuple[str, ...] = (), fails: list[Exception] | None = None
    ) -> None:
        self._offsets = {PLACES[number]: SimpleNamespace(offset=offset) for number, offset in offsets.items()}
        self._members = [{"client_id": name} for name in members]
        self._fails = fails or []
        self.rights = ["READ", "DESCRIBE"]

    def describe_groups(self, groups: list[str]) -> dict[str, Any]:
        if self._fails:
            raise self._fails.pop(0)
        return {groups[0]: {"members": self._members, "authorized_operations": self.rights}}

    def list_group_offsets(self, groups: dict[str, None]) -> dict[str, Any]:
        return dict.fromkeys(groups, self._offsets)


def said(client: Client, *words: str) -> list[str]:
    return lines(group_findings(client, plan(*LIVE, *words, job="run"), BROKER))  # type: ignore[arg-type]


def test_a_new_group() -> None:
    assert said(Client({})) == [
        "ok group captionstream: has no offsets: a start reads everything that is there, unless --from says otherwise"
    ]


def test_offsets_that_a_plain_start_would_refuse() -> None:
    assert said(Client({0: 90, 1: 45})) == [
        "warn group captionstream: has offsets in 2 of 2 partitions, 15 uploads behind; a start would be refused -> "
        "say --resume latest, --rewind 15m or --from: what was pending at the stop is not in the offsets"
    ]
    for words in (("--rewind", "15m"), ("--resume", "latest"), ("--from", "earliest"), ("--from-offset", "0=20")):
        assert said(Client({0: 90}), *words) == [
            "ok group captionstream: has offsets in 1 of 2 partitions, 10 uploads behind"
        ]


def test_offsets_that_are_no_longer_there() -> None:
    assert said(Client({0: 5, 1: 51})) == [
        "fail group captionstream: its offset `5` of `image-uploads:0` is outside 10 to 100: retention took what was "
        "not read, or the topic was made anew -> name a start with --from or --from-offset",
        "fail group captionstream: its offset `51` of `image-uploads:1` is outside 0 to 50: retention took what was "
        "not read, or the topic was made anew -> name a start with --from or --from-offset",
    ]


def test_somebody_else_in_the_group() -> None:
    assert said(Client({}, members=("reader-b", "reader-a")))[0] == (
        "warn group captionstream: has 2 members (`reader-a`, `reader-b`): the job joins no group, so they read and "
        "commit beside it -> stop them, or name another group with --group"
    )


def test_rights_on_the_group() -> None:
    client = Client({})
    client.rights = ["DESCRIBE"]
    assert said(client)[0] == (
        "fail group captionstream: this user may not commit its offsets -> allow it Read on the group"
    )
    assert said(Client({}, fails=[GroupAuthorizationFailedError()])) == [
        "fail group captionstream: this user may not use it (`GroupAuthorizationFailedError`) -> allow it Read on the "
        "group"
    ]


def test_a_coordinator_that_is_not_there_yet_is_asked_again() -> None:
    assert said(Client({}, fails=[CoordinatorNotAvailableError()] * 2))[0].startswith("ok group captionstream: has no")
