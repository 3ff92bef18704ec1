"""How much is fetched at once: by host, in all, and in bytes."""

import threading
import time
from collections.abc import Callable

import pytest

from transforms.errors import ImageMissing, ImageUnreadable
from transforms.fetch import pool as module
from transforms.fetch.deadline import Deadline
from transforms.fetch.hosts import Hosts
from transforms.fetch.pool import Pool, Task

WAIT = 20


class Gate:
    """Work that waits to be let through, and notes how many do at once."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.running: list[str] = []
        self.begun: list[str] = []
        self.most = 0
        self._may_go = 0

    def work(self, name: str, size: int = 1) -> Callable[[Callable[[int], None]], bytes]:
        def work(hold: Callable[[int], None]) -> bytes:
            with self.changed:
                self.running.append(name)
                self.begun.append(name)
                self.most = max(self.most, len(self.running))
                self.changed.notify_all()
                assert self.changed.wait_for(lambda: self._may_go, WAIT)
                self._may_go -= 1
                self.running.remove(name)
                hold(size)
            return bytes(size)

        return work

    def until_running(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.running) == count, WAIT), self.running

    def let(self, count: int) -> None:
        with self.changed:
            self._may_go += count
            self.changed.notify_all()


def test_so_many_in_all_and_of_each_host() -> None:
    gate, pool = Gate(), Pool(threads=6, per_host=2, memory=1000, largest=1)
    tasks = [pool.submit(f"h{n % 5}", gate.work(f"h{n % 5}")) for n in range(50)]
    for _ in range(30):
        gate.until_running(6)
        running = list(gate.running)
        assert max(running.count(host) for host in running) == 2
        gate.let(1)
        with gate.changed:
            assert gate.changed.wait_for(lambda: not gate._may_go, WAIT)
    gate.let(20)
    assert all(len(task.future.result(WAIT)) == 1 for task in tasks)
    assert gate.most == 6


def test_threads_do_not_wait_for_a_host_that_is_busy() -> None:
    gate, pool = Gate(), Pool(threads=3, per_host=2, memory=1000, largest=1)
    for _ in range(50):
        pool.submit("hangs", gate.work("hangs"))
    gate.until_running(2)
    task = pool.submit("well", lambda _: b"done")
    assert task.future.result(WAIT) == b"done"
    gate.let(50)


def test_hosts_take_turns() -> None:
    gate, pool = Gate(), Pool(threads=1, per_host=1, memory=1000, largest=1)
    for host, count in (("many", 50), ("few", 1), ("one", 1)):
        for _ in range(count):
            pool.submit(host, gate.work(host))
    for _ in range(4):
        gate.until_running(1)
        gate.let(1)
        with gate.changed:
            assert gate.changed.wait_for(lambda: not gate._may_go, WAIT)
    assert {"few", "one"} < set(gate.begun[:4])
    gate.let(100)


def test_bytes_that_nobody_released_keep_others_from_beginning() -> None:
    gate, pool = Gate(), Pool(threads=9, per_host=9, memory=300, largest=100)
    tasks = [pool.submit("h", gate.work(f"{n}", 60)) for n in range(9)]
    gate.until_running(3)  # of each it is not known yet how large it is
    assert pool.held == 300
    gate.let(3)
    for task in tasks[:3]:
        task.future.result(WAIT)
    gate.until_running(1)  # 180 are held: there is room for one of 100
    assert pool.held == 280
    gate.let(1)
    tasks[3].future.result(WAIT)
    with pytest.raises(TimeoutError):
        tasks[4].future.result(0.1)  # 240 are: there is none
    assert pool.held == 240
    pool.release(tasks[0])
    gate.until_running(1)
    assert pool.held == 280
    pool.hurry(tasks[8])  # what holds the room waits for this one
    gate.until_running(2)
    assert gate.begun[-1] == "8"
    assert pool.held == 380
    gate.let(9)
    for task in tasks:
        pool.release(task)
    settle(pool)


def settle(pool: Pool) -> None:
    until = time.monotonic() + WAIT
    while pool.held:
        assert time.monotonic() < until, pool.held
        time.sleep(0.005)


def test_what_failed_holds_nothing() -> None:
    pool = Pool(threads=1, per_host=1, memory=100, largest=100)

    def fail(_: object) -> bytes:
        kept = bytes(50)
        raise ImageMissing(f"gone after {len(kept)}")

    task = pool.submit("h", fail)
    error = task.future.exception(WAIT)
    assert isinstance(error, ImageMissing)
    settle(pool)
    trace = error.__traceback__
    while trace is not None:  # a dead letter tells where, and holds no picture
        assert "kept" not in trace.tb_frame.f_locals
        trace = trace.tb_next


def test_released_before_it_began_or_while_it_runs() -> None:
    gate, pool = Gate(), Pool(threads=1, per_host=1, memory=100, largest=100)
    runs, waits = pool.submit("h", gate.work("runs")), pool.submit("h", gate.work("waits"))
    gate.until_running(1)
    pool.release(runs)
    pool.release(waits)
    assert waits.future.cancelled()
    assert pool.held == 100  # it is still being read
    gate.let(1)
    settle(pool)
    assert pool.submit("h", lambda _: b"next").future.result(WAIT) == b"next"


def test_threads_end_when_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.02)
    pool = Pool(threads=4, per_host=4, memory=100, largest=1)
    for _ in range(3):
        tasks: list[Task] = [pool.submit("h", lambda _: b"x") for _ in range(20)]
        assert [task.future.result(WAIT) for task in tasks] == [b"x"] * 20
        until = time.monotonic() + WAIT
        while pool._alive:
            assert time.monotonic() < until
            time.sleep(0.005)


def test_many_at_once_from_many_threads() -> None:
    pool = Pool(threads=8, per_host=3, memory=50, largest=10)
    done: list[int] = []

    def bundle(number: int) -> None:
        for n in range(100):
            task = pool.submit(f"h{n % 7}", lambda hold: (hold(5), b"12345")[1])
            pool.hurry(task)
            done.append(len(task.future.result(WAIT)))
            pool.release(task)

    threads = [threading.Thread(target=bundle, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert done == [5] * 600
    settle(pool)


def test_connections_of_a_host_hold_for_redirects_too() -> None:
    hosts, deadline = Hosts(2), Deadline(WAIT)
    with hosts.slot("a:80", deadline), hosts.slot("a:80", deadline):
        full = pytest.raises(ImageUnreadable, match="none of the `2` connections to `a:80` became free in time")
        with full, hosts.slot("a:80", Deadline(0.05)):
            pass
        with hosts.slot("b:80", deadline):
            pass
    with hosts.slot("a:80", deadline):
        pass
    assert hosts._hosts == {}


def test_who_waits_for_a_host_goes_on_when_a_connection_frees_and_when_it_is_given_up() -> None:
    hosts, said = Hosts(1), []
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with hosts.slot("a:80", Deadline(WAIT)):
            inside.set()
            leave.wait(WAIT)

    def wait() -> None:
        try:
            with hosts.slot("a:80", Deadline(WAIT)):
                said.append("in")
        except ImageUnreadable as error:
            said.append(error.message)

    for end in (lambda: leave.set(), lambda: [hosts.failed("a:80") for _ in range(5)]):
        inside.clear()
        leave.clear()
        first, second = threading.Thread(target=hold), threading.Thread(target=wait)
        first.start()
        assert inside.wait(WAIT)
        second.start()
        end()
        second.join(WAIT)
        leave.set()
        first.join(WAIT)
    assert said[0] == "in"
    assert said[1].startswith("`a:80` did not answer `5` requests in a row")
