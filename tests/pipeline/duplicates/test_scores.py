"""Precision and recall, by hand."""

import pytest
from data.samples import candidate, fingerprint

from pipeline.duplicates.grouping import group
from pipeline.duplicates.labels import Label
from pipeline.duplicates.scores import score
from transforms.similarity import PRESETS
from transforms.values import Candidate

RULE = PRESETS["balanced"]
FAR = 0xFFFF0000


def pictures(*marks: int, merchants: dict[int, str] | None = None) -> list[Candidate]:
    """One picture for each hash, named p0, p1, ..."""
    return [
        candidate(f"p{place}", b"%d" % place, fingerprint(phash), place, merchant=(merchants or {}).get(place, "shop"))
        for place, phash in enumerate(marks)
    ]


def labels(products: str) -> dict[str, Label]:
    """The product of p0, p1, ... as one letter each; ``-`` is a picture without a line, ``?`` an empty product."""
    return {f"p{place}": Label("" if one == "?" else one) for place, one in enumerate(products) if one != "-"}


def test_precision_and_recall_by_hand() -> None:
    # p1 and p2 join p0: one is right, one wrong. p3 leads although p0 and p1 are of its product. p4 leads, the first
    # of its product. p5 joins p4 rightly. Findable are p1, p3 and p5, found p1 and p5.
    grouping = group(pictures(0, 0b11, 0b1100, 0xFFFF, FAR, FAR + 0b11), RULE)
    scores = score(grouping, labels("aabacc"))
    assert [(pair.picture.upload.image_id, pair.earlier.upload.image_id) for pair in scores.wrong] == [("p2", "p0")]
    (missed,) = scores.missed
    assert (missed.pair.picture.upload.image_id, missed.pair.earlier.upload.image_id) == ("p3", "p0")
    assert missed.why == "16 bits, 6 allowed"
    assert (scores.right, scores.precision, scores.recall) == (2, pytest.approx(2 / 3), pytest.approx(2 / 3))


@pytest.mark.parametrize(("phash", "why"), [(0b1111111, "7 bits, 6 allowed"), (0b11111, "it joined another group")])
def test_a_wrong_join_may_be_a_missed_one_too(phash: int, why: str) -> None:
    # p2 is nearer to p1, which is of another product, than to its own p0.
    scores = score(group(pictures(0, 0b11111111, phash), RULE), labels("aba"))
    assert len(scores.wrong) == 1
    assert [missed.why for missed in scores.missed] == [why]
    assert (scores.precision, scores.recall) == (0.0, 0.0)


def test_the_reason_may_be_that_only_leaders_are_compared() -> None:
    # p1 joined p0 wrongly; p2 is near to p1 and not to p0.
    scores = score(group(pictures(0, 0b111111, 0b1111111111), RULE), labels("abb"))
    assert scores.missed[0].why == "the earlier one joined another group, and only leaders are compared"


def test_what_has_no_product_is_not_judged() -> None:
    # p1 has no line; p2 joins p0, whose product is empty; p4 joins p3 rightly.
    grouping = group(pictures(0, 0b11, 0b11, FAR, FAR + 0b11), RULE)
    assert len(grouping.joins) == 3
    scores = score(grouping, labels("?-abb"))
    assert (scores.right, scores.wrong, scores.missed) == (1, (), ())


def test_pictures_of_two_merchants_are_no_miss() -> None:
    scores = score(group(pictures(0, 0, merchants={1: "other"}), RULE), labels("aa"))
    assert (scores.right, scores.wrong, scores.missed) == (0, (), ())
    assert scores.precision is None
    assert scores.recall is None
