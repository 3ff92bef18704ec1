"""The commands of README.md and docs/, run: on a real broker with topics of the names that the pages use.

The model is the fake captioner, and a cluster a Flink inside the command. Those of docs/deploying.md name clusters and
clouds: `tests/deploy` builds their jobs instead.
"""

import csv
import itertools
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from data.registry_server import RegistryServer
from docs.pages import PAGES, ROOT, commands
from live.shop import Shop, near_copy, product_png

from pipeline.local.kafka import LocalKafka
from schemas.codec import schema_json
from transforms.fetch import FetchLimits

pytestmark = [pytest.mark.broker, pytest.mark.flink]

LIMIT = 120
NAMES = {
    "uploads": "image-uploads",
    "captions": "image-captions",
    "dead": "image-captions-dead-letters",
    "audit": "image-captions-audit",
}
ELSEWHERE = {"deploying.md"}
PLACES = {"--bootstrap-servers", "--registry", "--model", "--device", "--checkpoint-dir", "--slots"}
"""Options whose values are another machine's."""
SAYS = {
    "audit": "every published text has its audit record",
    "duplicates": "captions  groups  copies",
    "inspect": "image-captions/",
    "redrive": "image_missing",
    "replay": "captions",
    "report": "tokens and GPU time",
    "run": "is submitted",
    "schemas": "image-captions-audit-value",
    "submit": "uploads written to topic submitted",
    "check": " 0 fail in ",
    "try": "the pictures with their captions are in ",
}
"""What each prints when it has done what it is for."""


def documented() -> list[tuple[str, ...]]:
    return list(dict.fromkeys(tuple(words) for page in PAGES if page.name not in ELSEWHERE for words in commands(page)))


@pytest.fixture(scope="module")
def shop(kafka: LocalKafka) -> Shop:
    """The topics with four uploads, captioned once."""
    kafka.create_topics({**dict.fromkeys(NAMES.values(), 2), "submitted": 1})
    made = Shop(kafka.bootstrap_servers, NAMES)
    made.upload(
        *({"image_id": f"i{n}", "image": product_png(n)} for n in range(3)),
        {"image_id": "shoe-17", "image": near_copy(product_png(0))},
    )
    made.run()
    return made


def leave_a_letter(shop: Shop, folder: Path) -> None:
    """One more upload, without a picture at its address."""
    name = uuid.uuid4().hex
    shop.upload({"image_id": name, "uri": (folder / name).as_uri()})
    shop.run(fetch=FetchLimits(str(folder)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands are typed: with the files that the pages name."""
    made = tmp_path_factory.mktemp("folder")
    (made / "photos").mkdir()
    with (made / "labels.csv").open("w", newline="") as labels:
        rows = csv.writer(labels)
        rows.writerow(("path", "product"))
        for number in range(3):
            (made / "photos" / f"{number}.png").write_bytes(product_png(number))
            (made / "photos" / f"{number}.jpg").write_bytes(near_copy(product_png(number)))
            rows.writerows((f"{number}.{kind}", number) for kind in ("png", "jpg"))
    return made


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    """Where a registry is that knows the job's schemas."""
    with RegistryServer() as server:
        for topic, schema in (("image-captions", "caption"), ("image-captions-audit", "audit")):
            server.put(f"{topic}-value", schema_json(schema))
        yield server.url


def here(words: tuple[str, ...], servers: str, registry: str, folder: Path) -> list[str]:
    """The command with this machine's places."""
    kept = [words[0]]
    for name, word in itertools.pairwise(words):
        if word not in PLACES and name not in PLACES:
            kept.append(word)
    if "--bootstrap-servers" in words:
        kept += ["--bootstrap-servers", servers]
    if "--registry" in words:
        kept += ["--registry", registry]
        if words[0] == "run":  # the topic's uploads are bare
            kept += ["--upload-format", "mixed"]
    if "--model" in words or words[0] == "run":
        kept += ["--captioner", "fake", "--model", "fake", "--prompts", "tiny"]
    if words[0] == "submit":  # the others count what is on theirs
        kept = ["submitted" if name == "--topic" else word for name, word in itertools.pairwise(["", *kept])]
    if "run" in words[:2]:
        kept += ["--checkpoint-dir", str(folder / "state"), "--job-server", "assembled", "--allow-old-runner"]
        kept += ["--rewind", "1h"]
    return [sys.executable, "-m", "pipeline.cli", *kept]


@pytest.mark.parametrize("words", documented(), ids=lambda words: " ".join(words)[:70])
def test_a_documented_command_does_what_it_is_for(
    words: tuple[str, ...], shop: Shop, registry: str, folder: Path
) -> None:
    if words[0] == "redrive":
        leave_a_letter(shop, folder)
    log = folder / "said.log"
    before = len(shop.raw("captions"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("wb") as file:
        process = subprocess.Popen(
            here(words, shop.servers, registry, folder),
            cwd=folder,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        if words[0] == "run":
            deadline = time.monotonic() + LIMIT
            while len(shop.raw("captions")) == before:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
            process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == (130 if words[0] == "run" else 0), log.read_text()
    finally:
        process.kill()
        process.wait()
    said = log.read_text()
    assert SAYS[words[0]] in said
    assert "Traceback" not in said
    if words[0] == "replay":
        assert len(shop.raw("captions")) == before + (0 if "--only-changed" in words else 4)
