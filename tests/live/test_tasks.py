"""Every task through a real broker: uploads in, records of one schema out, by a captioner that makes its answers up."""

import collections
from collections.abc import Callable
from typing import Any

import pytest
from live.shop import Shop, near_copy, product_png

from pipeline.local.kafka import LocalKafka
from transforms.captioner.prompts import Library
from transforms.fingerprint import fingerprint
from transforms.similarity import SimilarityRule
from transforms.values import Fingerprint, ModerationVerdict

pytestmark = pytest.mark.broker

ALT_TEXT = Library.load("alt_text")
TASKS = ("DESCRIBE", "MODERATE", "INDEX", "ANSWER")
GRAVENESS = ["UNKNOWN", *ModerationVerdict]


@pytest.fixture
def shop(kafka: LocalKafka, topics: Callable[..., dict[str, str]]) -> Shop:
    return Shop(kafka.bootstrap_servers, topics({"uploads": 2, "captions": 2, "dead": 1, "audit": 1}))


def dead(shop: Shop) -> dict[str, tuple[str, str]]:
    """Code and message by image id."""
    found = {}
    for record in shop.raw("dead"):
        headers = {header.name: (header.value or b"").decode() for header in record.headers}
        told = headers["caption.error.code"], headers["__connect.errors.exception.message"]
        found[(record.key or b"").decode()] = told
    return found


def pictures(count: int) -> list[bytes]:
    """Pictures whose copies are near them, and which are not near each other."""
    found: list[bytes] = []
    marks: list[Fingerprint] = []
    near = SimilarityRule().near
    for png in map(product_png, range(40)):
        pair = fingerprint(png), fingerprint(near_copy(png))
        if near(*pair) and not any(near(mark, other) for mark in pair for other in marks):
            found.append(png)
            marks.extend(pair)
    assert len(found) >= count
    return found[:count]


def test_four_tasks_of_six_pictures_and_their_copies(shop: Shop) -> None:
    for n, png in enumerate(pictures(6)):
        for task in TASKS:
            event = {"task": task, "question": "What is it?", "languages": ["zh-CN", "en-GB", "zh-TW", "en"]}
            shop.upload(
                {"image_id": f"{task}-{n}", "image": png, **event},
                {"image_id": f"{task}-{n}-same", "image": png, **event},
                {"image_id": f"{task}-{n}-near", "image": near_copy(png), **event},
            )
    counters = shop.run(prompts=ALT_TEXT)
    records = {record["image_id"]: record for record in shop.captions()}
    assert len(records) == counters["captions"] == 72
    assert dead(shop) == {}
    verdicts, asked = set(), collections.Counter[str]()
    for name, record in records.items():
        task, number, *kind = name.split("-")
        assert (record["task"], record["question"]) == (task, "What is it?" if task == "ANSWER" else None)
        assert [text["language"] for text in record["texts"]] == ["zh-Hans", "en", "zh-Hant"]
        for text in record["texts"]:
            _check_parts(task, text)
        told = [(text["moderation"] or {"verdict": "UNKNOWN"})["verdict"] for text in record["texts"]]
        assert record["moderation_verdict"] == max(told, key=GRAVENESS.index)
        verdicts.add(record["moderation_verdict"])
        asked[f"{task}-{number}"] += record["origin"] == "GENERATED"
        first = records[f"{task}-{number}"]
        is_shared = kind != ["near"] or task in ("DESCRIBE", "INDEX")
        assert (_words(record) == _words(first)) == is_shared
    assert set(asked.values()) == {1, 2}
    assert all(times == (1 if name[0] in "DI" else 2) for name, times in asked.items())
    assert verdicts == {"UNKNOWN", "SAFE", "SENSITIVE", "VIOLATION"}
    # Two tasks cost one generation a picture, the two that look closely cost another for each near copy.
    assert counters["generations"] == 6 * (2 * 1 + 2 * 2)
    assert {audit["task"] for audit in shop.audits()} == set(TASKS)


def _words(record: dict[str, Any]) -> list[str]:
    return [text["caption"] for text in record["texts"]]


def _check_parts(task: str, text: dict[str, Any]) -> None:
    assert text["caption"].startswith(("A product photo, content ", "这是一张清晰的", "這是一張清晰的"))
    assert (text["alt_text"] is not None) == (task == "DESCRIBE")
    assert bool(text["keywords"]) == (task == "INDEX")
    assert (text["moderation"] is not None) == (task == "MODERATE")
    if text["moderation"] is not None:
        moderation = text["moderation"]
        assert (moderation["verdict"] == "SAFE") == (not moderation["reasons"])
        for region in moderation["regions"]:
            assert 0 <= region["left"] < region["right"] <= 1000
            assert region["reason"] in moderation["reasons"]


def test_what_cannot_be_asked_is_a_dead_letter_that_says_why(shop: Shop) -> None:
    png = product_png(1)
    shop.upload(
        {"image_id": "mute", "image": png, "task": "ANSWER"},
        {"image_id": "blank", "image": png, "task": "ANSWER", "question": " \n"},
        {"image_id": "french", "image": png, "task": "MODERATE", "languages": ["en", "fr-CA"]},
        {"image_id": "fine", "image": png, "task": "ANSWER", "question": "What is it?", "languages": ["en-US-x-shop"]},
    )
    shop.run(prompts=Library.load("default"))
    assert dead(shop) == {
        "mute": ("event_invalid", "task `ANSWER` needs a question; set the field question"),
        "blank": ("event_invalid", "task `ANSWER` needs a question; set the field question"),
        "french": (
            "unsupported_language",
            "no prompt for MODERATE in `fr-CA`; the prompt library speaks `en`, `zh-Hans`, `zh-Hant`",
        ),
    }
    (record,) = shop.captions()
    assert (record["image_id"], record["texts"][0]["language"]) == ("fine", "en")
