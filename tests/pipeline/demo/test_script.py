from __future__ import annotations

import io
from collections import Counter, defaultdict

import pytest
from PIL import Image, ImageOps

from pipeline.demo.script import WIRE, Outcome, make_script
from schemas.codec import Decoder
from transforms.captioner.prompts import Library
from transforms.captioner.tiny.products import Spec
from transforms.decode import DecodeEvent
from transforms.errors import InputError
from transforms.fetch import Fetcher, FetchLimits
from transforms.inspect import InspectLimits, inspect
from transforms.values import Decoded, Deletion, KafkaRecord

SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module", params=SEEDS)
def script(request, root):
    return make_script(request.param, root)


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    assert make_script(5, tmp_path) == make_script(5, tmp_path)


def test_another_seed_gives_other_events(tmp_path):
    assert make_script(5, tmp_path) != make_script(6, tmp_path)


def test_counts(script):
    names = Counter(event.name for event in script if not event.name.startswith("bad_"))

    assert len(script) == 240
    assert names == {
        "distinct": 117,
        "near_copy": 72,
        "colour_variant": 18,
        "redelivered": 10,
        "sku_veto": 4,
        "deletion": 3,
    }
    assert len({event.merchant for event in script}) == 5


def test_every_stage_before_the_model_ends_as_expected(script, root):
    decode, fetcher = DecodeEvent(WIRE, Library.load("tiny")), Fetcher(FetchLimits(str(root)))
    for number, event in enumerate(script):
        record = KafkaRecord("uploads", 0, number, event.timestamp_ms, event.key, event.value)
        expected, code = event.expected, ""
        try:
            decoded = decode(record)
            if isinstance(decoded, Decoded):
                picture = fetcher.fetch(decoded.upload)
                assert picture == event.picture
                inspect(picture, InspectLimits())
                assert decoded.upload.image_id == expected.image_id
                assert decoded.upload.languages == expected.languages
            assert isinstance(decoded, Deletion) == (expected.outcome is Outcome.TOMBSTONE)
        except InputError as error:
            code = error.code
        assert code == expected.code, event.name


def test_bad_events_have_a_code_each(script):
    codes = {event.name: event.expected.code for event in script if event.name.startswith("bad_")}

    assert codes["bad_not_avro"] == codes["bad_avro_body"] == "event_undecodable"
    assert codes["bad_schema_id"] == "unknown_schema"
    assert codes["bad_bomb"] == "image_bomb"
    assert codes["bad_60_megapixels"] == "image_too_many_pixels"
    assert codes["bad_truncated_jpeg"] == "image_corrupt"
    assert codes["bad_svg"] == "image_format_unsupported"
    assert codes["bad_missing_file"] == "image_missing"
    assert codes["bad_empty"] == "image_empty"
    assert codes["bad_task"] == "unsupported_task"
    assert codes["bad_language"] == "unsupported_language"
    assert codes["bad_outside_root"] == "source_forbidden"
    assert codes["bad_deletion"] == "event_invalid"


def test_no_shop_shows_one_spec_in_two_photos(script):
    shown: dict[tuple[str, Spec], set[str]] = defaultdict(set)
    for event in script:
        if event.expected.spec is not None:
            shown[event.merchant, event.expected.spec].add(event.expected.photo)

    assert {len(photos) for photos in shown.values()} == {1}


def test_no_two_photos_of_a_shop_share_category_and_colour(script):
    shown: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for event in script:
        if (spec := event.expected.spec) is not None:
            shown[event.merchant, spec.category, spec.colour].add(event.expected.photo)

    assert {len(photos) for photos in shown.values()} == {1}


def test_what_refers_to_an_upload_comes_after_it(script):
    first: dict[str, int] = {}
    for number, event in enumerate(script):
        if event.name in ("redelivered", "deletion"):
            assert first[event.expected.image_id] < number
        elif event.name == "near_copy":
            assert first[event.expected.near_copy_of] < number
        first.setdefault(event.expected.image_id, number)


def test_near_copies_are_of_every_kind_and_other_bytes(script):
    originals = {event.expected.image_id: event for event in script if event.name != "redelivered"}
    copies = [event for event in script if event.name == "near_copy"]
    kinds = Counter(event.how.split(",")[0] for event in copies)

    assert set(kinds) == {
        "JPEG",
        "WebP",
        "PNG",
        "half the size",
        "twice the size",
        "small watermark",
        "turned",
    }
    assert min(kinds.values()) >= 10
    for copy in copies:
        original = originals[copy.expected.near_copy_of]
        assert copy.picture != original.picture
        assert copy.expected.group == original.expected.group
        assert copy.expected.languages == original.expected.languages


def test_a_turned_copy_is_upright_the_same(script):
    originals = {event.expected.image_id: event.picture for event in script if event.picture}
    turned = [event for event in script if event.how.startswith("turned")]
    for event in turned:
        copy = ImageOps.exif_transpose(Image.open(io.BytesIO(event.picture)))
        upright = Image.open(io.BytesIO(originals[event.expected.near_copy_of]))
        assert copy.size == upright.size
        difference = sum(abs(a - b) for a, b in zip(_means(copy), _means(upright), strict=True))
        assert difference < 64 * 12, event.how


def _means(image):
    return list(image.convert("L").resize((8, 8), Image.Resampling.BOX).tobytes())


def test_colour_variants_differ_in_colour_only_and_name_no_colour(script):
    products = defaultdict(list)
    decoder = Decoder("image_upload", WIRE)
    for event in script:
        if event.name == "colour_variant":
            products[event.product].append(event)
            assert decoder.decode(event.value)["attributes"] == {}

    assert len(products) == 6
    for variants in products.values():
        assert len({event.expected.spec.colour for event in variants}) == len(variants) == 3
        assert len({event.expected.spec[1:] for event in variants}) == 1
        assert len({event.expected.group for event in variants}) == 3
        assert len({Image.open(io.BytesIO(event.picture)).size for event in variants}) == 1


def test_a_veto_splits_the_pictures_of_a_photo(script):
    decoder = Decoder("image_upload", WIRE)
    by_id = {event.expected.image_id: event for event in script if event.name != "deletion"}
    vetoes = [event for event in script if event.name == "sku_veto"]
    for veto in vetoes:
        original = by_id[veto.expected.photo]
        skus = {decoder.decode(event.value)["attributes"]["sku"] for event in (veto, original)}
        assert len(skus) == 2
        assert veto.expected.group != original.expected.group
        assert veto.expected.near_copy_of is None


def test_a_redelivered_event_is_the_very_same(script):
    for number, event in enumerate(script):
        if event.name == "redelivered":
            earlier = [(each.key, each.value) for each in script[:number]]
            assert (event.key, event.value) in earlier


def test_languages_and_places_of_pictures_vary(script):
    decoder = Decoder("image_upload", WIRE)
    values = [decoder.decode(event.value) for event in script if event.expected.outcome is Outcome.CAPTION]
    asked = {tuple(value["languages"]) for value in values}

    assert {("en",), ("zh-Hans",), ("zh-Hans", "en"), ("zh-CN", "en")} <= asked
    assert 10 < sum(value["uri"] is not None for value in values) < 60
    assert {event.expected.languages for event in script if event.expected.languages} == {
        ("en",),
        ("zh-Hans",),
        ("zh-Hans", "en"),
        ("en", "zh-Hans"),
    }
