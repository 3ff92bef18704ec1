"""Makes Prometheus' samples of this process's numbers, when somebody asks and not before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from pipeline.metrics.families import COUNTER, FAMILIES, HISTOGRAM, Family
from transforms.inflight import loaded
from transforms.ledger import LEDGER
from transforms.tally import BUCKETS, Distribution, Key, Numbers, numbers

Labelled = dict[tuple[str, ...], float]
"""Values of labels → value."""


def levels() -> dict[Key, float]:
    """What is not counted but looked at: the captioners and the ledger."""
    inflights, owed = loaded(), LEDGER.overdue(0.0)
    return {
        ("inflight_requests",): sum(one.unfinished for one in inflights),
        ("slots",): sum(one.captioner.info.slots for one in inflights),
        ("uploads_owed",): owed.uploads if owed else 0,
        ("silent_seconds",): owed.silent_seconds if owed else 0.0,
    }


class TallyCollector:
    """For a registry of ``prometheus_client``."""

    def __init__(self, take: Callable[[], Numbers] = numbers, look: Callable[[], Mapping[Key, float]] = levels) -> None:
        self._take = take
        self._look = look

    def collect(self) -> Iterator[Metric]:
        """Every family, those without a value yet included."""
        taken = self._take()
        seen: dict[Key, float] = {**taken.levels, **self._look()}
        for family in FAMILIES:
            if family.kind == HISTOGRAM:
                yield _histogram(family, taken.distributions)
            elif family.kind == COUNTER:
                counter = CounterMetricFamily(family.name.removesuffix("_total"), family.help, labels=family.labels)
                for labels, value in _labelled(family, taken.counts).items():
                    counter.add_metric(labels, value)
                yield counter
            else:
                gauge = GaugeMetricFamily(family.name, family.help, labels=family.labels)
                for labels, value in _labelled(family, seen).items():
                    gauge.add_metric(labels, value)
                yield gauge

    def describe(self) -> Iterator[Metric]:
        """Nothing: a registry would collect to find the names out."""
        return iter(())


def _labelled(family: Family, values: Mapping[Key, float]) -> Labelled:
    """The family's samples. Those whose labels are known beforehand begin at 0, so that a first rise is seen."""
    is_known = family.kind == COUNTER
    found: Labelled = defaultdict(float)
    for labels in family.sources.values():
        if is_known and len(labels) == len(family.labels):
            found[labels] = 0.0
    for (name, *own), value in values.items():
        if name in family.sources:
            labels = family.sources[name] or tuple(own[: len(family.labels)])
            found[labels] += value
    return dict(found)


def _histogram(family: Family, distributions: Mapping[str, Distribution]) -> Metric:
    (source,) = family.sources
    found = distributions[source]
    bounds = (*(f"{bound:g}" for bound in BUCKETS[source]), "+Inf")
    buckets: list[tuple[str, float]] = []
    below = 0
    for bound, count in zip(bounds, found.counts, strict=True):
        below += count
        buckets.append((bound, below))
    made = HistogramMetricFamily(family.name, family.help)
    made.add_metric((), buckets, found.total)
    return made
