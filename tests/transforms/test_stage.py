from collections.abc import Callable
from typing import Any

import apache_beam as beam
import pytest
from apache_beam import pvalue
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from data.samples import candidate, record

from transforms.errors import ConfigInvalid, ImageMissing, JobError
from transforms.metrics import tally
from transforms.stage import DEAD_LETTERS, Stage, record_of
from transforms.values import DeadLetter, KafkaRecord


def stage(work: Callable[[Any], Any], tags: dict[type, str] | None = None) -> Stage:
    made = Stage("Some stage", work, tags)
    made.setup()
    return made


def letter(output: Any) -> DeadLetter:
    assert isinstance(output, pvalue.TaggedOutput)
    assert output.tag == DEAD_LETTERS
    assert isinstance(output.value, DeadLetter)
    return output.value


def missing(element: KafkaRecord) -> None:
    raise ImageMissing(f"file `{element.offset}` is not there; upload it again")


def bug(element: KafkaRecord) -> None:
    raise KeyError(f"img-{element.offset}?token=" + "abc")


def bug_on_odd(element: KafkaRecord) -> int:
    return bug(element) or 0 if element.offset % 2 else element.offset


def broken_on_three(element: KafkaRecord) -> int:
    if element.offset == 3:
        missing(element)
    return element.offset


def test_a_result_goes_on() -> None:
    assert list(stage(lambda element: element.offset).process(record(5))) == [5]


def test_results_of_tagged_types_go_to_their_output() -> None:
    made = stage(lambda element: element.key, {bytes: "keys"})
    (output,) = made.process(record(key=b"k"))
    assert (output.tag, output.value) == ("keys", b"k")


def test_an_input_error_becomes_a_dead_letter() -> None:
    source = record(7)
    (output,) = stage(missing).process(source)
    found = letter(output)
    assert found.record is source
    assert (found.stage, found.code, found.retryable) == ("Some stage", "image_missing", False)
    assert found.message == "file `7` is not there; upload it again"


def test_something_unforeseen_becomes_a_dead_letter_without_its_words() -> None:
    (output,) = stage(bug).process(record(7))
    found = letter(output)
    assert (found.code, found.retryable) == ("stage_failed", True)
    assert "`Some stage` failed with an unforeseen `KeyError`" in found.message
    assert "in bug" in found.stacktrace
    assert "img-7" not in found.message + found.stacktrace


def test_a_job_error_stops_the_job_at_once() -> None:
    def work(element: Any) -> None:
        raise ConfigInvalid("file root `/x` is not a directory; mend --file-root")

    with pytest.raises(ConfigInvalid, match="--file-root"):
        list(stage(work).process(record()))


def test_many_bad_inputs_stop_nothing() -> None:
    made = stage(missing)
    assert [letter(*made.process(record(n))).code for n in range(300)] == ["image_missing"] * 300


def test_twenty_unforeseen_in_a_row_stop_the_job_though_their_words_differ() -> None:
    made = stage(bug)
    for number in range(19):
        assert letter(*made.process(record(number))).code == "stage_failed"
    with pytest.raises(JobError) as raised:
        list(made.process(record(19)))
    assert "`Some stage` raised `KeyError` at `test_stage.py:" in raised.value.message
    assert "token" not in raised.value.message


def test_now_and_then_something_unforeseen_stops_nothing() -> None:
    made = stage(bug_on_odd)
    codes = [isinstance(*made.process(record(n)), int) for n in range(200)]
    assert codes.count(True) == 100


def test_dead_letters_are_counted_by_code() -> None:
    before = tally().get("dead_letters_image_missing", 0)
    list(stage(missing).process(record()))
    assert tally()["dead_letters_image_missing"] == before + 1


def test_the_record_of_every_element() -> None:
    assert record_of(record(3)) == record(3)
    assert record_of(candidate(offset=4)).offset == 4


def test_in_a_pipeline() -> None:
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        done = (
            pipeline
            | beam.Create([record(n) for n in range(5)])
            | beam.ParDo(Stage("Some stage", broken_on_three)).with_outputs(DEAD_LETTERS, main="ok")
        )
        offsets = done[DEAD_LETTERS] | beam.Map(lambda found: (found.record.offset, found.code))
        assert_that(done.ok, equal_to([0, 1, 2, 4]), label="ok")
        assert_that(offsets, equal_to([(3, "image_missing")]), label="dead")
