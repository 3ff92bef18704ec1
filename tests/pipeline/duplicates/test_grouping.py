"""Groups are what the job's index makes; near misses are what a wider rule would add."""

import pytest
from data.samples import candidate, fingerprint

from pipeline.duplicates.grouping import Pair, group, near_misses, tenths, why_apart
from pipeline.duplicates.summary import distance
from transforms.similarity import PRESETS, SimilarityRule
from transforms.values import Candidate

RULE = PRESETS["balanced"]


def names(pairs: list[Pair] | tuple[Pair, ...]) -> list[tuple[str, str]]:
    return [(pair.picture.upload.image_id, pair.earlier.upload.image_id) for pair in pairs]


def shop() -> list[Candidate]:
    return [
        candidate("a", b"1", fingerprint(0)),
        candidate("copy", b"1", fingerprint(0), offset=1),
        candidate("near", b"2", fingerprint(0b111111, (3, 0, 0)), offset=2),
        candidate("blue", b"3", fingerprint(0b11, (8, 0, -9)), offset=3),
        candidate("edited", b"4", fingerprint(0b11111111), offset=4),
        candidate("blank", b"5", fingerprint(0, quality=20), offset=5),
        candidate("blank copy", b"5", fingerprint(0, quality=20), offset=6),
        candidate("other shop", b"1", fingerprint(0), offset=7, merchant="other"),
    ]


def test_pictures_join_the_leader_that_the_index_names() -> None:
    grouping = group(shop(), RULE)
    assert [one.upload.image_id for one in grouping.leaders] == ["a", "blue", "edited", "blank", "other shop"]
    assert names(grouping.joins) == [("copy", "a"), ("near", "a"), ("blank copy", "blank")]
    assert [names(joins) for joins in grouping.groups] == [[("copy", "a"), ("near", "a")], [("blank copy", "blank")]]
    assert grouping.exact == 2
    assert grouping.share == pytest.approx(3 / 8)
    near = grouping.joins[1]
    assert (near.is_exact, near.bits, near.colour) == (False, 6, 3.0)


def test_a_shops_own_attributes_keep_equal_bytes_apart() -> None:
    red, blue = (
        candidate(colour, b"same", fingerprint(0), offset=place, attributes={"colour": colour})
        for place, colour in enumerate(("red", "blue"))
    )
    grouping = group([red, blue], RULE)
    assert len(grouping.leaders) == 2
    assert why_apart(Pair(blue, red), RULE) == "`colour` differs: `blue` and `red`"


def test_near_misses_are_named_by_the_first_preset_that_joins_them() -> None:
    strict = group(shop(), PRESETS["strict"])
    wider = {name: group(shop(), PRESETS[name]) for name in ("balanced", "lenient")}
    misses = near_misses(strict, wider)
    assert [(name, *names([pair])) for name, pair in misses] == [
        ("balanced", ("near", "a")),
        ("lenient", ("blue", "a")),
    ]
    misses = near_misses(wider["balanced"], {"lenient": wider["lenient"]})
    assert [(name, *names([pair])) for name, pair in misses] == [
        ("lenient", ("blue", "a")),
        ("lenient", ("edited", "a")),
    ]
    assert near_misses(wider["lenient"], {}) == []


def test_reasons_name_the_value_and_what_is_allowed() -> None:
    a = candidate("a", b"1", fingerprint(0))
    far = candidate("far", b"2", fingerprint(0xFF, (0, 0, -12)))
    plain = candidate("plain", b"3", fingerprint(0, quality=31))
    assert why_apart(Pair(far, a), RULE) == "8 bits, 6 allowed; ΔE 12.0, 10 allowed; chroma 12.0, 7 allowed"
    assert why_apart(Pair(plain, a), RULE) == "too little detail (quality 31, 50 needed)"
    assert why_apart(Pair(a, a), RULE) == ""
    assert why_apart(Pair(far, a), SimilarityRule(8, 12.0, 12.0)) == ""


def test_chroma_alone_keeps_two_apart() -> None:
    a, tinted = candidate("a", b"1", fingerprint(0)), candidate("b", b"2", fingerprint(0, (0, -5, -5)), offset=1)
    assert Pair(tinted, a).colour == Pair(tinted, a).chroma == pytest.approx(50**0.5)
    assert group([a, tinted], RULE).joins == ()
    assert why_apart(Pair(tinted, a), RULE) == "chroma 7.1, 7 allowed"
    assert names(group([a, tinted], SimilarityRule(max_chroma_distance=7.1)).joins) == [("b", "a")]


def test_where_colours_are_not_compared_they_are_no_reason() -> None:
    rule = SimilarityRule(ignore_colour=True, veto_attributes=())
    a = candidate("a", b"1", fingerprint(0), attributes={"colour": "red"})
    blue = candidate("blue", b"2", fingerprint(0b11, (0, 0, -99)), offset=1, attributes={"colour": "blue"})
    far = candidate("far", b"3", fingerprint(0xFF, (0, 0, -99)), offset=2)
    assert names(group([a, blue, far], rule).joins) == [("blue", "a")]
    assert why_apart(Pair(blue, a), rule) == ""
    assert why_apart(Pair(far, a), rule) == "8 bits, 6 allowed"
    assert distance(Pair(blue, a), rule) == "2 bits"
    assert distance(Pair(blue, a), RULE) == "2 bits, ΔE 99.0, chroma 99.0"


def test_strain_is_the_larger_share_of_a_limit() -> None:
    a, b = candidate("a", b"1", fingerprint(0)), candidate("b", b"2", fingerprint(0b11, (9, 0, 0)))
    assert Pair(b, a).strain(RULE) == pytest.approx(0.9)
    assert Pair(b, a).strain(SimilarityRule(2, 90.0)) == pytest.approx(1.0)
    assert Pair(a, a).strain(RULE) == -1.0
    assert Pair(b, a).strain(SimilarityRule(0, 0.0)) == 9.0
    tinted = Pair(candidate("c", b"3", fingerprint(0b11, (0, 0, 6))), a)
    assert tinted.strain(RULE) == pytest.approx(6 / 7)
    assert tinted.strain(SimilarityRule(ignore_colour=True)) == pytest.approx(2 / 6)


@pytest.mark.parametrize(
    ("colour", "said"), [(0, "0.0"), (101**0.5, "10.1"), (10, "10.0"), (9.91, "10.0"), (0.3, "0.3")]
)
def test_a_distance_over_the_limit_never_looks_as_if_it_were_on_it(colour: float, said: str) -> None:
    assert tenths(colour) == said
