from hypothesis import given
from hypothesis import strategies as st

from transforms.captioner.engine.fair import FairQueue


def drain(queue: FairQueue[str]) -> list[str]:
    taken = []
    while (item := queue.take()) is not None:
        taken.append(item)
    return taken


def test_one_source_is_served_in_order() -> None:
    queue: FairQueue[str] = FairQueue(10)
    for number in range(5):
        queue.put("a", 3, f"a{number}")
    assert len(queue) == 5
    assert drain(queue) == ["a0", "a1", "a2", "a3", "a4"]
    assert (len(queue), queue.take()) == (0, None)


def test_ten_thousand_of_one_delay_another_s_single_one_by_a_round() -> None:
    queue: FairQueue[str] = FairQueue(100)
    for number in range(10_000):
        queue.put("bulk", 30, f"bulk{number}")
    for _ in range(7):
        queue.take()
    queue.put("small", 30, "the one")
    served = [queue.take() for _ in range(5)]
    assert "the one" in served


def test_sources_share_by_cost_not_by_number() -> None:
    queue: FairQueue[str] = FairQueue(100)
    for _ in range(100):
        queue.put("large", 100, "large")
        queue.put("small", 25, "small")
    served = [queue.take() for _ in range(50)]
    assert (served.count("large"), served.count("small")) == (10, 40)


def test_what_does_not_fit_is_waited_for() -> None:
    queue: FairQueue[str] = FairQueue(10)
    queue.put("a", 1, "wide")
    queue.put("b", 1, "narrow")
    assert queue.take(lambda item: item == "narrow") is None
    assert queue.take(lambda item: item == "narrow") is None
    assert (queue.take(), queue.take()) == ("wide", "narrow")


def test_what_is_put_first_comes_first_and_costs_nothing_again() -> None:
    queue: FairQueue[str] = FairQueue(10)
    queue.put("a", 10, "a0")
    queue.put("b", 10, "b0")
    queue.put("b", 10, "b1")
    assert queue.take() == "a0"
    queue.put_first("c", 500, "c0")
    queue.put_first("b", 500, "again")
    assert drain(queue) == ["again", "c0", "b0", "b1"]  # b's turn had not come


@given(
    items=st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 500))), quantum=st.integers(1, 300), data=st.data()
)
def test_everything_comes_out_once_and_in_its_source_s_order(
    items: list[tuple[str, int]], quantum: int, data: st.DataObject
) -> None:
    queue: FairQueue[tuple[str, int]] = FairQueue(quantum)
    out = []
    for number, (source, cost) in enumerate(items):
        queue.put(source, cost, (source, number))
        if data.draw(st.booleans()) and (item := queue.take()) is not None:
            out.append(item)
    assert len(queue) == len(items) - len(out)
    assert sorted(queue) == sorted({(source, n) for n, (source, _) in enumerate(items)} - set(out))
    while (item := queue.take()) is not None:
        out.append(item)
    assert len(out) == len(items)
    for source in "abc":
        assert [n for of, n in out if of == source] == [n for n, (of, _) in enumerate(items) if of == source]
