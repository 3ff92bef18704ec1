"""The one DoFn around every stage without state: plain work in, results and dead letters out."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import apache_beam as beam
from apache_beam import pvalue

from transforms.dead_letter import dead_letter
from transforms.errors import InputError, JobError, StageBroken, StageFailed
from transforms.outcomes import Outcomes
from transforms.values import KafkaRecord

DEAD_LETTERS = "dead_letters"


class Stage(beam.DoFn):
    """Calls ``work`` on each element; an `InputError` becomes a dead letter with the element's record.

    Anything else that ``work`` raises is a bug on this record: it becomes a dead letter too, unless most
    recent records fail alike; then the job stops. A `JobError` stops it at once.
    """

    def __init__(self, name: str, work: Callable[[Any], Any], tags: Mapping[type, str] | None = None) -> None:
        """``work`` is picklable; results of the types in ``tags`` go to that output."""
        self._name = name
        self._work = work
        self._tags = dict(tags or {})

    def setup(self) -> None:
        """Start counting outcomes."""
        self._outcomes = Outcomes(StageBroken, "Please report it, and go on after an upgrade")

    def process(self, element: Any) -> Iterator[Any]:
        """One element in, one out."""
        yield from self.outputs(element, lambda: self._work(element))

    def outputs(self, element: Any, result: Callable[[], Any]) -> Iterator[Any]:
        """What becomes of an element whose work gives or raises what ``result()`` does."""
        try:
            made = result()
        except InputError as error:
            self._outcomes.add(None)
            yield pvalue.TaggedOutput(DEAD_LETTERS, dead_letter(record_of(element), self._name, error))
            return
        except JobError:
            raise
        except Exception as error:
            kind = type(error).__name__
            # By place, not by words: those differ from record to record, and may hold a secret.
            self._outcomes.add(f"`{self._name}` raised `{kind}` at `{_place(error)}`")
            failed = StageFailed(
                f"`{self._name}` failed with an unforeseen `{kind}`; please report it, and redrive after an upgrade"
            ).with_traceback(error.__traceback__)
            yield pvalue.TaggedOutput(DEAD_LETTERS, dead_letter(record_of(element), self._name, failed))
            return
        self._outcomes.add(None)
        tag = self._tags.get(type(made))
        yield made if tag is None else pvalue.TaggedOutput(tag, made)


def _place(error: BaseException) -> str:
    """``file:line`` of the innermost frame."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else "?"


def record_of(element: Any) -> KafkaRecord:
    """The record an element came from."""
    return element if isinstance(element, KafkaRecord) else element.record
