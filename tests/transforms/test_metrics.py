from concurrent.futures import ThreadPoolExecutor

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from transforms.metrics import NAMESPACE, count, tally


def _twice(element: int) -> int:
    count("test_in_a_step", 2)
    count("test_of_nothing", 0)
    return element


def test_every_step_that_counts_has_the_counter() -> None:
    pipeline = beam.Pipeline(runner=FnApiRunner())
    numbers = pipeline | beam.Create(range(5)) | "One" >> beam.Map(_twice)
    _ = numbers | beam.Reshuffle() | "Two" >> beam.Map(_twice)
    result = pipeline.run()
    result.wait_until_finish()
    found = result.metrics().query(beam.metrics.MetricsFilter().with_namespace(NAMESPACE))["counters"]
    assert {counter.key.step: counter.result for counter in found} == {"One": 10, "Two": 10}
    assert tally()["test_in_a_step"] == 20
    assert tally()["test_of_nothing"] == 0  # there before the first one, for who scrapes it


def test_the_tally_loses_nothing_to_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: [count("test_in_threads") for _ in range(500)], range(8)))
    assert tally()["test_in_threads"] == 4000
