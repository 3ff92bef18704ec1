"""The plain parts: ids that were seen, percentiles, the union of periods, counts by name and by time."""

import itertools
import random
import statistics

import pytest

from pipeline.report import words
from pipeline.report.busy import Busy
from pipeline.report.chart import HEIGHT, WIDTH, bars
from pipeline.report.gpu import GpuTime, cost
from pipeline.report.seen import Seen
from pipeline.report.spread import Spread
from pipeline.report.tally import OTHERS, Tally
from pipeline.report.timeline import MOST_STEPS, WIDTHS, Timeline
from pipeline.report.window import Window
from transforms.errors import ConfigInvalid

DAY = 24 * 3_600_000


def test_seen_is_exact_beyond_what_it_keeps_in_a_set() -> None:
    seen, dice = Seen(), random.Random(1)
    names = [f"event-{n}" for n in range(130_000)]
    dice.shuffle(names)
    assert all(seen.add(name) for name in names)
    assert not any(seen.add(name) for name in names[::7])
    assert len(seen) == 130_000
    assert seen.add("event-", "1")
    assert seen.add("event-1", "")
    assert not seen.add("event-", "1")


def test_percentiles_are_those_of_all_values_to_a_percent() -> None:
    spread, dice = Spread(), random.Random(2)
    values = [int(dice.lognormvariate(7, 1.5)) for _ in range(20_000)]
    for value in values:
        spread.add(value)
    exact = statistics.quantiles(values, n=100, method="inclusive")
    for share in (50, 90, 99):
        told = spread.percentile(share / 100)
        assert told == pytest.approx(exact[share - 1], rel=0.012)
    assert spread.percentile(1.0) == spread.largest == max(values)
    assert (spread.count, spread.total) == (20_000, sum(values))


def test_percentiles_of_few_and_of_none() -> None:
    spread = Spread()
    assert spread.percentile(0.5) is None
    for value in (-5, 0, 340):
        spread.add(value)
    assert [spread.percentile(share) for share in (0.1, 0.5, 0.99)] == [0, 0, 340]


def test_busy_is_the_union_whatever_the_order() -> None:
    dice = random.Random(3)
    periods = [
        (start, start + dice.randrange(0, 400)) for start in (dice.randrange(0, 3_000_000) for _ in range(70_000))
    ]
    busy = Busy()
    for period in periods:
        busy.add(*period)
    union, reach = 0, 0
    for start, stop in sorted(periods):
        union += max(0, stop - max(start, reach))
        reach = max(reach, stop)
    assert busy.milliseconds() == union
    busy.add(5_000_000, 5_000_100)
    busy.add(5_000_050, 5_000_050)
    assert busy.milliseconds() == union + 100
    assert Busy().milliseconds() == 0


def test_card_time_and_what_reuse_saved() -> None:
    four_at_once = GpuTime(requests=4, request_ms=4000, busy_ms=1000, saved_ms=2000)
    assert (four_at_once.side_by_side, four_at_once.card_ms, four_at_once.saved_card_ms) == (4.0, 1000, 500.0)
    two_cards = GpuTime(4, 4000, 1000, 2000, gpus=2)
    assert (two_cards.card_ms, two_cards.saved_card_ms) == (2000, 1000.0)
    # Eight cards cannot have worked longer than the requests took.
    assert GpuTime(4, 4000, 1000, 2000, gpus=8).card_ms == 4000
    nothing = GpuTime(0, 0, 0, 700)
    assert (nothing.side_by_side, nothing.card_ms, nothing.saved_card_ms) == (None, 0, None)
    assert cost(1_800_000, 2.5) == 1.25


def test_a_tally_keeps_ten_thousand_names_and_counts_all() -> None:
    tally = Tally()
    for n in range(10_050):
        tally.add(f"name-{n:05}")
    tally.add("name-00007", 5)
    assert tally.total() == 10_055
    assert tally.largest(2) == [("name-00007", 6), ("name-00000", 1), (OTHERS, 10_048)]
    assert tally[OTHERS] == 50
    assert tally.largest()[-1] == (OTHERS, 50)


def test_a_timeline_has_few_steps_whatever_the_time() -> None:
    short, long = Timeline(), Timeline()
    for second in range(0, 600, 5):
        short.add("a", second * 1000)
    assert [step.counts["a"] for step in short.steps()] == [3] * 40
    assert {step.stop_ms - step.start_ms for step in short.steps()} == {15_000}
    assert all(wider % width == 0 for width, wider in itertools.pairwise(WIDTHS))
    for n in range(20_000):  # five years, every two hours
        long.add("a" if n % 2 else "b", n * DAY // 12)
    steps = long.steps()
    assert len(steps) <= MOST_STEPS
    assert len({step.stop_ms - step.start_ms for step in steps}) == 1
    assert sum(sum(step.counts.values()) for step in steps) <= 20_000
    assert all(one.stop_ms == other.start_ms for one, other in itertools.pairwise(steps))
    assert Timeline().steps() == ()


def test_bars_stand_on_each_other_and_stay_inside() -> None:
    timeline = Timeline()
    for kind, minute, count in (("a", 0, 1), ("b", 0, 1000), ("a", 2, 500)):
        for _ in range(count):
            timeline.add(kind, minute * 60_000)
    drawn = bars(timeline.steps(), ("a", "b"))
    assert [bar.kind for bar in drawn] == ["a", "b", "a"]
    assert drawn[0].height == 0.8  # a thousandth would not be seen
    assert drawn[1].y == 0
    assert all(bar.y >= 0 and bar.y + bar.height <= HEIGHT + 0.9 and bar.x + bar.width <= WIDTH for bar in drawn)
    assert bars((), ("a",)) == []


def test_figures_in_words() -> None:
    assert [words.duration(ms) for ms in (None, 0, 999, 1000, 119_900, 120_000, 7_199_000, 7_200_000, 10**9)] == [
        "–", "0 ms", "999 ms", "1 s", "120 s", "2 min", "120 min", "2 h", "278 h"
    ]  # fmt: skip
    assert [words.step(ms) for ms in (1000, 15_000, 60_000, 3_600_000, 86_400_000, 28 * 86_400_000)] == [
        "1 second", "15 seconds", "1 minute", "1 hour", "1 day", "28 days"
    ]  # fmt: skip
    assert words.money(0.000042) == "0.000042"
    assert [words.money(value) for value in (0, 0.00031415, 0.12345, 1.005, 12_345.678)] == [
        "0.00", "0.00031", "0.12", "1.00", "12,345.68"
    ]  # fmt: skip
    assert (words.percent(None), words.percent(0.12345), words.moment(None)) == ("–", "12.3 %", "–")
    assert words.moment(10**18) == "9999-12-31 23:59:59"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("2026-01-02T00:00:00+00:00", "2026-01-01T00:00:00+00:00", None), "the time of --from is not before that of"),
        (("2026-01-02T00:00:00+00:00", None, 1000), "`--since` is a window that ends now; give it without --from"),
        (("latest", None, None), "`latest` is neither earliest nor an ISO 8601 time; mend --from"),
        ((None, "2026-01-01T00:00:00", None), "has no zone; mend --to"),
    ],
)
def test_windows_that_cannot_be(arguments: tuple[str | None, str | None, int | None], message: str) -> None:
    with pytest.raises(ConfigInvalid, match=message.replace("(", "\\(")):
        Window.parse(*arguments, now_ms=1_800_000_000_000)


def test_a_window_holds_its_start_and_not_its_stop() -> None:
    day = Window.parse("1970-01-02T00:00:00+00:00", "1970-01-03T00:00:00+00:00", None, 0)
    assert [day.holds(time) for time in (DAY - 1, DAY, 2 * DAY - 1, 2 * DAY)] == [False, True, True, False]
    assert Window.parse(None, None, DAY, 3 * DAY) == Window(2 * DAY, 3 * DAY)
    assert Window.parse(None, None, None, 0) == Window()
    start, stop = day.moments
    assert (start.time_ms, stop.time_ms) == (DAY, 2 * DAY + 3_600_000)
