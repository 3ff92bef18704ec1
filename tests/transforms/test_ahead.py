"""Work that runs ahead, and what it must not change."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import pytest
from apache_beam import pvalue
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import FixedWindows, GlobalWindow, TimestampedValue
from data.samples import record

from transforms import ahead as module
from transforms.ahead import AHEAD_PER_THREAD, StageAhead
from transforms.errors import ConfigInvalid, ImageMissing
from transforms.stage import DEAD_LETTERS

WAIT = 20


def ahead(work: Callable[[Any], Any], tags: dict[type, str] | None = None) -> StageAhead:
    module._pool.cache_clear()
    made = StageAhead("Some stage", work, tags)
    made.setup()
    made.start_bundle()
    return made


@pytest.fixture(autouse=True)
def fresh_pool() -> Iterator[None]:
    yield
    module._pool.cache_clear()


def run(made: StageAhead, count: int) -> list[Any]:
    """A bundle of records at timestamps 0, 1, …; what it gives, in order."""
    outputs = [out for n in range(count) for out in made.process(record(n), timestamp=n, window=GlobalWindow())]
    return outputs + list(made.finish_bundle())


def plain(output: Any) -> Any:
    return output.value if not isinstance(output, pvalue.TaggedOutput) else plain(output.value)


def test_later_work_runs_beside_earlier_and_leaves_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_threads", lambda: 2)
    later = threading.Event()

    def work(element: Any) -> int:
        if element.offset == 0:
            assert later.wait(WAIT), "nothing ran beside the first"
        later.set()
        return element.offset

    assert [plain(output) for output in run(ahead(work), 5)] == [0, 1, 2, 3, 4]


def test_a_bounded_number_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_threads", lambda: 1)
    gate, begun = threading.Event(), []
    made = ahead(lambda element: (gate.wait(WAIT), element.offset)[1])
    for number in range(AHEAD_PER_THREAD):
        begun += list(made.process(record(number), timestamp=number, window=GlobalWindow()))
    assert not begun  # none is done, and none was waited for
    threading.Timer(0.05, gate.set).start()
    (first,) = [*made.process(record(9), timestamp=9, window=GlobalWindow())][:1]  # room for no more: it waits
    assert plain(first) == 0


def test_each_result_has_the_time_and_window_of_its_element() -> None:
    outputs = run(ahead(lambda element: element.offset), 40)
    assert [(plain(output), output.timestamp) for output in outputs] == [(n, n) for n in range(40)]


def test_errors_become_dead_letters_in_their_place() -> None:
    def work(element: Any) -> int:
        if element.offset % 3 == 1:
            raise ImageMissing(f"file `{element.offset}` is not there; upload it again")
        return element.offset

    outputs = run(ahead(work), 6)
    assert [output.tag if isinstance(output, pvalue.TaggedOutput) else plain(output) for output in outputs] == [
        *(0, DEAD_LETTERS, 2),
        *(3, DEAD_LETTERS, 5),
    ]
    assert plain(outputs[4]).message == "file `4` is not there; upload it again"


def test_results_of_tagged_types_go_to_their_output() -> None:
    (output,) = run(ahead(lambda element: str(element.offset), {str: "texts"}), 1)
    assert (output.tag, plain(output)) == ("texts", "0")


def test_a_job_error_stops_the_bundle_and_the_next_begins_anew() -> None:
    broken = [True]

    def work(element: Any) -> int:
        if broken[0]:
            raise ConfigInvalid("file root `/x` is not a directory; mend --file-root")
        return element.offset

    made = ahead(work)
    with pytest.raises(ConfigInvalid, match="--file-root"):
        run(made, 3)
    broken[0] = False
    made.start_bundle()
    assert [plain(output) for output in run(made, 3)] == [0, 1, 2]


def test_in_a_pipeline() -> None:
    def stamped(value: Any, at: Any = beam.DoFn.TimestampParam, window: Any = beam.DoFn.WindowParam) -> Any:
        return value, float(at), float(window.start)

    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        done = (
            pipeline
            | beam.Create([record(n) for n in range(50)])
            | beam.Map(lambda found: TimestampedValue(found, found.offset))
            | beam.WindowInto(FixedWindows(10))
            | beam.ParDo(StageAhead("Some stage", lambda found: found.offset)).with_outputs(DEAD_LETTERS, main="ok")
        )
        assert_that(done.ok | beam.Map(stamped), equal_to([(n, float(n), n // 10 * 10.0) for n in range(50)]))
