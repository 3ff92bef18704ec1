"""What docs/consuming.md tells consumers to do, done."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from live.shop import Shop, product_png

from pipeline.local.kafka import LocalKafka

pytestmark = pytest.mark.broker

DOC = Path(__file__).parents[2] / "docs" / "consuming.md"


def blocks() -> tuple[str, str]:
    loop, setup = re.findall(r"```python\n(.*?)```", DOC.read_text("utf-8"), re.DOTALL)
    return setup, loop


def consume(servers: str, topic: str) -> dict[Any, Any]:
    """Runs the two blocks of the document on a topic, up to its present end."""
    setup, loop = blocks()
    setup = setup.replace("localhost:9092", servers).replace("image-captions", topic)
    setup = setup.replace('group_id="shop"', "group_id=None, consumer_timeout_ms=3000")
    assert servers in setup
    assert topic in setup
    scope: dict[str, Any] = {}
    exec(setup, scope)  # noqa: S102 - it is our own document
    exec(loop, scope)  # noqa: S102
    scope["consumer"].close()
    return scope["captions"]


def test_three_lines_make_repeats_one(kafka: LocalKafka, topics: Callable[..., dict[str, str]]) -> None:
    shop = Shop(kafka.bootstrap_servers, topics({"uploads": 2, "captions": 2, "dead": 1, "audit": 2}))
    shop.upload(*({"image_id": f"i{n}", "image": product_png(n), "merchant": ""} for n in range(5)))
    shop.upload((b"i3", None))
    shop.run()
    shop.run()
    raw = shop.raw("captions")
    assert len([record for record in raw if record.value is not None]) == 10  # each of five twice
    captions = consume(kafka.bootstrap_servers, shop.names["captions"])
    assert {key: value and value["image_id"] for key, value in captions.items()} == {
        **{f"i{n}".encode(): f"i{n}" for n in (0, 1, 2, 4)},
        b"i3": None,
    }


def test_the_document_says_three_lines() -> None:
    assert len(blocks()[1].splitlines()) == 3
