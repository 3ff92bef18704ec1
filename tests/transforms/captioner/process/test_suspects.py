"""Finding the request that kills a process, on paper."""

import random
from collections.abc import Collection

from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.captioner.api import CaptionRequest
from transforms.captioner.process.captioner import MOST_CRASHES
from transforms.captioner.process.suspects import Asked, crashed, may_go
from transforms.captioner.promise import Promise


def requests(count: int) -> dict[int, Asked]:
    return {n: Asked(n, CaptionRequest(str(n), b"", ()), Promise()) for n in range(count)}


def examine(left: dict[int, Asked], killers: Collection[int]) -> tuple[list[int], int, int]:
    """Ask until nothing is left: who was blamed, crashes in all, and the most in a row without an answer."""
    blamed: list[int] = []
    crashes = in_a_row = most = 0
    while left:
        group = may_go(left.values())
        assert group
        for one in group:
            one.is_sent = True
        if not any(one.number in killers for one in group):
            in_a_row = 0
            for one in group:
                del left[one.number]
            continue
        crashes, in_a_row = crashes + 1, in_a_row + 1
        most = max(most, in_a_row)
        guilty = crashed([one for one in left.values() if one.is_sent])
        if guilty is not None:
            blamed.append(guilty.number)
            del left[guilty.number]
    return blamed, crashes, most


def test_one_killer_among_many_is_found_with_few_crashes() -> None:
    for killer in range(128):
        blamed, crashes, in_a_row = examine(requests(128), {killer})
        assert blamed == [killer]
        assert crashes <= 10  # two all together, then halves
        assert in_a_row <= 4


def test_two_killers_are_found_before_anybody_gives_up() -> None:
    dice = random.Random(3)
    for _ in range(300):
        killers = dice.sample(range(128), 2)
        blamed, _, in_a_row = examine(requests(128), killers)
        assert sorted(blamed) == sorted(killers)
        assert in_a_row < MOST_CRASHES


@settings(deadline=None)
@given(count=st.integers(1, 40), data=st.data())
def test_only_killers_are_ever_blamed(count: int, data: st.DataObject) -> None:
    killers = data.draw(st.sets(st.integers(0, count - 1)))
    assert sorted(examine(requests(count), killers)[0]) == sorted(killers)


def test_a_single_request_is_asked_three_times() -> None:
    assert examine(requests(1), {0}) == ([0], 3, 3)


def test_newcomers_wait_while_there_are_suspects() -> None:
    left = requests(2)
    for _ in range(2):
        for one in may_go(left.values()):
            one.is_sent = True
        crashed(list(left.values()))
    left[9] = Asked(9, CaptionRequest("9", b"", ()), Promise())
    group = may_go(left.values())
    assert [one.number for one in group] == [0]
    group[0].is_sent = True
    assert may_go(left.values()) == []
