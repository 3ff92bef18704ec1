import pytest
from data.samples import fingerprint, upload

from transforms.errors import ConfigInvalid
from transforms.similarity import PRESETS, SimilarityRule, exact_only, vetoed
from transforms.values import Task

RULE = SimilarityRule()
ORIGIN = fingerprint()


def bits(number: int) -> int:
    return (1 << number) - 1


@pytest.mark.parametrize(("preset", "limit"), [("strict", 4), ("balanced", 6), ("lenient", 8)])
def test_hash_distance_at_the_limit_of_each_preset(preset: str, limit: int) -> None:
    rule = PRESETS[preset]
    assert rule.near(ORIGIN, fingerprint(bits(limit)))
    assert not rule.near(ORIGIN, fingerprint(bits(limit + 2)))


@pytest.mark.parametrize(
    ("lab", "near"),
    [
        ((10, 0, 0), True),  # dE 10.0
        ((8, 6, 0), True),  # dE 10.0
        ((-8, 0, -6), True),
        ((10, 1, 0), False),  # dE 10.05
        ((0, 0, 7), True),  # chroma 7.0
        ((0, -5, -5), False),  # chroma 7.07
        ((0, 0, 11), False),
        ((127, 0, 0), False),
        ((-128, 0, 0), False),
    ],
)
def test_colour_distance_at_the_limit(lab: tuple[int, int, int], near: bool) -> None:
    assert RULE.near(ORIGIN, fingerprint(lab=lab)) is near
    assert RULE.near(fingerprint(lab=lab), ORIGIN) is near


def test_one_cell_of_another_colour_is_enough() -> None:
    lab = bytearray(ORIGIN.lab)
    lab[3 * 40 + 1] = 11
    spot = type(ORIGIN)(ORIGIN.phash, bytes(lab), 100, 1)
    assert not RULE.near(ORIGIN, spot)


@pytest.mark.parametrize(("a", "b", "near"), [(50, 50, True), (49, 100, False), (100, 49, False), (0, 0, False)])
def test_quality_counts_on_both_sides(a: int, b: int, near: bool) -> None:
    assert RULE.near(fingerprint(quality=a), fingerprint(quality=b)) is near


def test_versions_are_never_compared() -> None:
    assert not RULE.near(fingerprint(version=1), fingerprint(version=2))
    assert RULE.near(fingerprint(version=2), fingerprint(version=2))


@pytest.mark.parametrize(
    ("first", "second", "forbidden"),
    [
        ({}, {}, False),
        ({"colour": "red"}, {"colour": "red"}, False),
        ({"colour": "red"}, {"colour": "blue"}, True),
        ({"colour": "red"}, {}, False),
        ({"colour": "red"}, {"colour": ""}, False),
        ({"colour": "red"}, {"sku": "1"}, False),
        ({"colour": "red", "sku": "1"}, {"colour": "red", "sku": "2"}, True),
        ({"colour": "red", "sku": "1"}, {"sku": "1"}, False),
        ({"title": "a"}, {"title": "b"}, False),
        ({"colour": "a=b"}, {"colour": "a=c"}, True),
        ({"colour": "a=b"}, {"colour": "a=b", "sku": "1"}, False),
        ({"colour": "红"}, {"colour": "蓝"}, True),
        ({"colour": "red\x1f"}, {"colour": "blue"}, True),  # a separator in a value must not break the key
        ({"colour": "red\x1fsku=1"}, {"colour": "red", "sku": "2"}, True),
        ({"colour": "\x1f\x1f=\x1f"}, {"colour": "="}, True),
    ],
)
def test_the_attribute_veto(first: dict[str, str], second: dict[str, str], forbidden: bool) -> None:
    a, b = (RULE.veto_key(upload(attributes=attributes)) for attributes in (first, second))
    assert vetoed(a, b) is forbidden
    assert vetoed(b, a) is forbidden


def test_other_veto_attributes_may_be_named() -> None:
    rule = SimilarityRule(veto_attributes=("size",))
    assert rule.veto_key(upload(attributes={"size": "L", "colour": "red"})) == "size=L"


@pytest.mark.parametrize(
    ("task", "exact"),
    [(Task.DESCRIBE, False), (Task.INDEX, False), (Task.MODERATE, True), (Task.ANSWER, True)],
)
def test_tasks_that_reuse_on_equal_bytes_only(task: Task, exact: bool) -> None:
    assert exact_only(task) is exact


def test_balanced_is_the_default() -> None:
    assert PRESETS["balanced"] == SimilarityRule() == SimilarityRule(6, 10.0, 7.0, 50, False, ("colour", "sku"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_hash_distance": 17}, "hash distance `17` is outside 0 to 16; mend --max-hash-distance"),
        ({"max_hash_distance": -1}, "hash distance `-1`"),
        ({"max_colour_distance": -0.5}, "colour distance `-0.5` is negative; mend --max-colour-distance"),
        ({"max_chroma_distance": -1.0}, "chroma distance `-1.0` is negative; mend --max-chroma-distance"),
    ],
)
def test_rules_that_cannot_be(options: dict[str, float], words: str) -> None:
    with pytest.raises(ConfigInvalid) as raised:
        SimilarityRule(**options)  # type: ignore[arg-type]
    assert words in raised.value.message
