from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from data.demo_result import perfect

from pipeline.demo.script import make_script
from pipeline.demo.verify import compare


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    return perfect(make_script(0, tmp_path_factory.mktemp("files")))


@pytest.fixture
def result(pristine):
    return copy.deepcopy(pristine)


def only(findings, *words):
    """The mismatches are about one event and hold these words."""
    assert findings.mismatches, words
    text = "\n".join(findings.mismatches)
    for word in words:
        assert word in text
    return findings.mismatches


def test_a_perfect_result_has_no_mismatch_and_the_right_numbers(result):
    findings = result.compare()

    assert findings.mismatches == []
    assert findings.events == 240
    assert findings.captions == 221
    assert (findings.generated, findings.reused) == (139, 72)
    assert (findings.near_copies, findings.missed_copies) == (72, 0)
    assert findings.tombstones == 3
    assert sum(findings.dead_letters.values()) == 16
    assert findings.dead_letters["event_undecodable"] == 2
    assert findings.caption_exact_en == findings.caption_exact_zh == 1.0
    assert findings.tokens_in > findings.tokens_out > 0
    assert len(findings.groups) == 139


def test_a_missed_copy_is_counted_and_is_no_mismatch(result):
    findings = perfect(result.script, missed=5).compare()

    assert findings.mismatches == []
    assert findings.missed_copies == 5
    assert findings.generated == 144
    assert sum(len(group.missed) for group in findings.groups) == 5


def test_a_group_whose_copy_came_first_has_no_missed_copy(result):
    number = result.number("near_copy")
    image_id = result.script[number].expected.image_id
    original = result.script[number].expected.near_copy_of
    for _, value in result.captions:
        if value is None or value["image_id"] not in (image_id, original):
            continue
        own = value["image_id"] == image_id
        value["duplicate_of"] = None if own else image_id
        value["origin"] = "GENERATED" if own else "REUSED"
        for text in value["texts"]:
            text["origin"] = value["origin"]

    findings = result.compare()

    assert findings.missed_copies == 0
    assert all("no audit record" in mismatch for mismatch in findings.mismatches)


def test_a_lost_caption(result):
    number = result.number("distinct")
    lost = result.caption_of(number)
    result.captions = [(key, value) for key, value in result.captions if value is not lost]

    only(result.compare(), "distinct", f"event {number}", "lost", "neither caption nor dead letter")


def test_a_lost_dead_letter(result):
    del result.letters[0]

    mismatches = only(result.compare(), "bad_", "lost: expected dead letter")
    assert len(mismatches) == 1


def test_a_caption_written_twice(result):
    value = result.caption_of(result.number("distinct"))
    result.captions.append((value["image_id"].encode(), value))

    only(result.compare(), "doubled: expected a caption, found 2")


def test_one_event_id_with_two_contents(result):
    number = result.number("redelivered")
    value = result.caption_of(number)
    value["texts"][0]["caption"] = "A different sentence"

    only(result.compare(), value["event_id"], "doubled with different content")


def test_one_event_id_for_two_images(result):
    values = [value for _, value in result.captions if value is not None]
    first, second = values[0], next(v for v in values if v["image_id"] != values[0]["image_id"])
    second["event_id"] = first["event_id"]

    only(result.compare(), "doubled over different images", second["image_id"])


def test_a_caption_where_a_dead_letter_belongs(result):
    number = result.number("bad_svg")
    place = dict(zip(("topic", "partition", "offset"), result.coordinates[number], strict=True))
    value = {**result.caption_of(result.number("distinct")), "source": place}
    result.captions.append((b"x", value))
    result.letters = [letter for letter in result.letters if letter.key != result.script[number].key]

    only(result.compare(), "bad_svg", "expected dead letter `image_format_unsupported`, found a caption")


def test_a_dead_letter_where_a_caption_belongs(result):
    number = result.number("colour_variant")
    topic, partition, offset = result.coordinates[number]
    wrong = result.letters[0]
    headers = dict(wrong.headers) | {
        "__connect.errors.topic": topic.encode(),
        "__connect.errors.partition": str(partition).encode(),
        "__connect.errors.offset": str(offset).encode(),
    }
    result.letters.append(replace(wrong, headers=tuple(headers.items())))

    only(result.compare(), "colour_variant", "expected a caption, found dead letter")


def test_a_wrong_code(result):
    letter = result.letters[0]
    headers = dict(letter.headers) | {"caption.error.code": b"stage_failed"}
    result.letters[0] = replace(letter, headers=tuple(headers.items()))

    only(result.compare(), "expected code", "found `stage_failed`")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key": b"another"}, "key is b'another', not the original"),
        ({"value": b"short"}, "value (5 bytes) is not the original bytes"),
        ({"timestamp_ms": 1}, "timestamp is `1`, not the original"),
    ],
)
def test_a_dead_letter_that_is_not_the_original_record(result, change, words):
    result.letters[0] = replace(result.letters[0], **change)

    assert len(only(result.compare(), words)) == 1


def test_a_dead_letter_without_the_original_headers(result):
    letter = result.letters[0]
    result.letters[0] = replace(letter, headers=letter.headers[1:])

    only(result.compare(), "does not begin with the original headers")


def test_a_missing_and_an_extra_language(result):
    both = next(n for n, e in enumerate(result.script) if len(e.expected.languages) == 2)
    result.caption_of(both)["texts"].pop()
    one = next(n for n, e in enumerate(result.script) if e.expected.languages == ("en",))
    texts = result.caption_of(one)["texts"]
    texts.append({**texts[0], "language": "zh-Hans"})

    only(result.compare(), f"event {both}): missing language", f"event {one}): extra language `zh-Hans`")


def test_a_text_reused_from_another_photo(result):
    value = result.caption_of(result.number("near_copy"))
    stranger = result.caption_of(result.number("colour_variant"))
    value["duplicate_of"] = stranger["image_id"]

    only(result.compare(), "text belongs to another picture", "shows another photo")


def test_a_reused_text_that_its_source_never_said(result):
    number = result.number("near_copy")
    result.caption_of(number)["texts"][0]["caption"] = "A purple hat on a white background"

    only(result.compare(), f"event {number})", "belongs to another picture", "which says")


def test_a_colour_variant_that_shares_a_text(result):
    first, second = [n for n, e in enumerate(result.script) if e.product][:2]
    product = result.script[first].product
    second = next(
        n
        for n, e in enumerate(result.script)
        if e.product == product and e.expected.group != result.script[first].expected.group
    )
    _reuse(result.caption_of(second), result.script[first].expected.image_id)

    only(result.compare(), "shows a colour variant of the product")


def test_a_vetoed_picture_that_shares_a_text(result):
    number = result.number("sku_veto")
    _reuse(result.caption_of(number), result.script[number].expected.photo)

    only(result.compare(), "sku_veto", "which has another sku")


def test_a_text_without_audit_record(result):
    lost = result.audits.pop(0)

    only(result.compare(), lost["image_id"], f"no audit record for its `{lost['language']}` text")


def test_a_missing_tombstone(result):
    result.captions = [(key, value) for key, value in result.captions if value is not None]

    mismatches = only(result.compare(), "deletion", "no tombstone: the last record under its key")
    assert len(mismatches) == 3


def test_a_caption_after_the_tombstone(result):
    number = result.number("deletion")
    key = result.script[number].key
    at = result.captions.index((key, None))
    before = next(i for i, (k, v) in enumerate(result.captions) if k == key and v is not None)
    result.captions[at], result.captions[before] = result.captions[before], result.captions[at]

    only(result.compare(), f"event {number})", "no tombstone")


def test_a_tombstone_that_nobody_asked_for(result):
    result.captions.append((b"nobody", None))

    only(result.compare(), "tombstone under key `nobody`")


def test_a_redelivery_with_another_event_id(result):
    number = result.number("redelivered")
    result.caption_of(number)["event_id"] = "another-id"

    only(result.compare(), f"event {number})", "event_id `another-id` differs from")


def test_records_that_answer_nothing(result):
    value = copy.deepcopy(result.caption_of(result.number("distinct")))
    value["source"]["offset"] = 9_999
    result.captions.append((b"x", value))
    result.letters.append(replace(result.letters[0], headers=()))

    only(result.compare(), "9999`, where no event lies", "dead letter at partition 0")


def test_another_picture_under_the_image_id(result):
    result.caption_of(result.number("distinct"))["image"]["content_sha256"] = "f" * 64

    only(result.compare(), "expected content sha256", "found `ffff")


def test_exact_share_counts_each_record_once(result):
    number = next(n for n, e in enumerate(result.script) if "en" in e.expected.languages)
    for text in result.caption_of(number)["texts"]:
        text["caption"] = "Something else"
    findings = result.compare()

    asked = {e.expected.image_id for e in result.script if "en" in e.expected.languages}
    assert findings.caption_exact_en == pytest.approx(1 - 1 / len(asked))


def test_coordinates_must_be_complete(result):
    with pytest.raises(ValueError, match="1 coordinates for 240 events"):
        compare(result.script, result.coordinates[:1], [], [], [])


def _reuse(value, image_id):
    value["duplicate_of"], value["origin"] = image_id, "REUSED"
    for text in value["texts"]:
        text["origin"] = "REUSED"
