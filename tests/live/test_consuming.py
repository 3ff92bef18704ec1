"""What docs/consuming.md tells consumers to do, done."""

import json
import queue
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from live.shop import Shop, product_png

from pipeline.local import jars
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


@pytest.mark.skipif(
    shutil.which("javac") is None, reason="no javac on the PATH: install a JDK to try the Java consumer"
)
def test_the_java_consumer_sees_what_was_captioned_and_withdrawn(
    kafka: LocalKafka, topics: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    shop = Shop(kafka.bootstrap_servers, topics({"uploads": 1, "captions": 1, "dead": 1, "audit": 1}))
    shop.upload({"image_id": "i0", "image": product_png(0)}, {"image_id": "i1", "image": product_png(1)})
    shop.run()
    shop.upload((b"i1", None))
    shop.run()
    expected = {caption["image_id"]: [text["caption"] for text in caption["texts"]] for caption in shop.captions()}

    [source] = re.findall(r"```java\n(.*?)```", DOC.read_text("utf-8"), re.DOTALL)
    for theirs, ours in (
        ("localhost:9092", kafka.bootstrap_servers),
        ("image-captions", shop.names["captions"]),
        ("schemas/caption.avsc", str(DOC.parents[1] / "schemas" / "caption.avsc")),
    ):
        assert theirs in source
        source = source.replace(theirs, ours)
    (tmp_path / "Captions.java").write_text(source, "utf-8")
    lock = Path(__file__).with_name("java_consumer.lock")
    path = ":".join(map(str, jars.fetch(jars.read_lock(lock))))
    subprocess.run(["javac", "-encoding", "UTF-8", "-cp", path, "-d", tmp_path, tmp_path / "Captions.java"], check=True)
    command = ["java", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-cp", f"{tmp_path}:{path}", "Captions"]
    log = (tmp_path / "java.log").open("wb")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as java:
        said: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=lambda: [said.put(line) for line in java.stdout], daemon=True).start()
        try:
            told: dict[str, str] = {}
            while told.get("i1") != "withdrawn":
                image_id, _, what = said.get(timeout=60).decode().strip().partition(" ")
                told[image_id] = what
        finally:
            java.kill()
    assert [text["caption"] for text in json.loads(told["i0"])] == expected["i0"]
    assert sorted(told) == ["i0", "i1"]
