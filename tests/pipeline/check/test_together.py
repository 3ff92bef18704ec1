"""Checks run side by side; none is waited for longer than there is time, and a broken one hides no other."""

import threading
import time
from collections.abc import Iterator

from data.check_plan import lines

from pipeline.check.finding import Finding, ok
from pipeline.check.together import together
from transforms.errors import ModelUnavailable


def test_findings_come_in_the_order_of_the_checks_and_all_run_at_once() -> None:
    barrier = threading.Barrier(3, timeout=60)

    def check(name: str) -> Iterator[Finding]:
        barrier.wait()
        yield ok(name, "one")
        yield ok(name, "two")

    names = ("a", "b", "c")
    found = together([(name, lambda name=name: check(name)) for name in names], 60)
    assert lines(found) == [f"ok {name}: {number}" for name in names for number in ("one", "two")]


def test_one_that_hangs_is_left_behind_with_what_it_had_found() -> None:
    never = threading.Event()

    def hangs() -> Iterator[Finding]:
        yield ok("brokers", "answer")
        never.wait()

    began = time.monotonic()
    found = lines(together([("brokers", hangs), ("model", lambda: [ok("model", "whole")])], 1))
    assert time.monotonic() - began < 30
    assert found == [
        "ok brokers: answer",
        "fail brokers: did not end within `1` s -> see whether what it asks answers at all",
        "ok model: whole",
    ]
    never.set()


def test_one_that_raises_is_a_failure() -> None:
    def unusable() -> Iterator[Finding]:
        raise ModelUnavailable("model `/m` has no `config.json`; name a complete checkpoint directory with --model")
        yield

    def broken() -> Iterator[Finding]:
        raise KeyError("x")
        yield

    assert lines(together([("model", unusable), ("runner", broken)], 60)) == [
        "fail model: model `/m` has no `config.json` -> name a complete checkpoint directory with --model",
        "fail runner: raised `KeyError`: 'x' -> please report it",
    ]
