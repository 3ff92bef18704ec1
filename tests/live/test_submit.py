"""A folder of pictures is submitted to a real broker, captioned from there, and what cannot be written is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data.shop_folder import fill
from live.shop import Shop

from pipeline.cli import main
from pipeline.local.kafka import LocalKafka
from schemas.codec import Decoder

pytestmark = pytest.mark.broker

UPLOADS = {"uploads": 2, "captions": 1, "dead": 1, "audit": 1}


@pytest.fixture
def shop(kafka: LocalKafka, topics: Callable[..., dict[str, str]]) -> Shop:
    return Shop(kafka.bootstrap_servers, topics(UPLOADS, {"uploads": {"max.message.bytes": "40000"}}))


@pytest.fixture
def submit(shop: Shop, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*words: object) -> tuple[int, str, str]:
        where = ["--bootstrap-servers", shop.servers, "--topic", shop.names["uploads"]]
        code = main(["submit", *map(str, words), *where])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def events(shop: Shop) -> dict[str, dict[str, Any]]:
    found = {}
    for record in shop.raw("uploads"):
        value = Decoder("image_upload").decode(record.value or b"")
        assert record.key == value["image_id"].encode()
        found[f"{record.partition}/{record.offset}"] = value
    return found


def test_a_folder_is_written_and_captioned(shop: Shop, submit: Any, tmp_path: Path) -> None:
    folder = fill(tmp_path / "photos")
    code, out, err = submit(folder, "--merchant", "acme", "--attribute", "brand=A", "--language", "en", "--json")
    assert code == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    assert len(lines) == 12
    written = events(shop)
    assert {f"{line['partition']}/{line['offset']}": line["image_id"] for line in lines} == {
        place: value["image_id"] for place, value in written.items()
    }
    bag = next(value for value in written.values() if value["image_id"] == "acme/bag.png")
    assert bag["image"] == (folder / "bag.png").read_bytes()
    assert (bag["merchant"], bag["attributes"], bag["languages"]) == ("acme", {"brand": "A"}, ["en"])
    assert err.splitlines() == [
        "captionstream: left out, as they are no picture the job takes: 1, the first `notes.txt`",
        f"captionstream: 12 of 12 uploads written to topic {shop.names['uploads']}",
    ]
    shop.run()
    captions = {record["image_id"]: record for record in shop.captions()}
    assert set(captions) == {line["image_id"] for line in lines} - {"acme/torn.png"}
    assert captions["acme/bag/again.png"]["duplicate_of"] == "acme/bag.png"
    assert [letter.key for letter in shop.raw("dead")] == [b"acme/torn.png"]


def test_a_second_submission_replaces_by_id(shop: Shop, submit: Any, tmp_path: Path) -> None:
    folder = fill(tmp_path / "photos")
    assert submit(folder)[0] == submit(folder)[0] == 0
    written = [value["image_id"] for value in events(shop).values()]
    assert len(written) == 24
    assert len(set(written)) == 12


def test_a_dry_run_writes_nothing(shop: Shop, submit: Any, tmp_path: Path) -> None:
    code, out, err = submit(fill(tmp_path / "photos"), "https://a.example/1.jpg", "--dry-run")
    assert (code, shop.raw("uploads")) == (0, [])
    assert out.splitlines()[0].split() == ["image", "id", "bytes"]
    assert "a.example/1.jpg" in out
    assert err.endswith(f"captionstream: 13 of 13 uploads would be written to topic {shop.names['uploads']}\n")


def test_one_too_large_is_named_and_the_others_are_written(
    shop: Shop, submit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "photos"
    fill(folder)
    (folder / "large.png").write_bytes((folder / "bag.png").read_bytes() + bytes(50_000))
    size = (folder / "large.png").stat().st_size
    words = "is too large for topic `{}`, over its max.message.bytes of 40,000; raise that, send a smaller picture"
    for told in (True, False):  # by the topic's settings, and, where those are not told, by the broker
        if not told:
            monkeypatch.setattr("pipeline.submit.send.describe", lambda *_: {shop.names["uploads"]: _Untold()})
        code, out, err = submit(folder)
        assert code == 1
        assert out.splitlines()[0].split() == ["image", "id", "bytes", "partition", "offset"]
        assert f"captionstream: not written: {folder / 'large.png'}: the event of `{size // 1000}," in err
        assert (words if told else words.replace(", over its max.message.bytes of 40,000", "")).format(
            shop.names["uploads"]
        ) in err
        assert f"12 of 13 uploads written to topic {shop.names['uploads']}" in err
    assert len(shop.raw("uploads")) == 24
    code, out, _ = submit(folder, "--json", "--max-image-bytes", "30000")
    refused = [line for line in map(json.loads, out.splitlines()) if "error" in line]
    assert code == 1
    assert [(line["image_id"], line["code"], line["bytes"]) for line in refused] == [
        ("large.png", "image_too_large", 0)
    ]


class _Untold:
    def number(self, setting: str) -> None:
        return None


def test_a_topic_that_is_missing_is_named_and_not_made(shop: Shop, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert main(["submit", str(tmp_path), "--bootstrap-servers", shop.servers, "--topic", "no-such-topic"]) == 1
    assert capsys.readouterr().err == (
        f"captionstream: topic_missing: topic `no-such-topic` does not exist on `{shop.servers}`, or this user may not "
        "see it; create it or mend --topic\n"
    )


def test_confluent_format_and_a_table_that_is_cut(shop: Shop, submit: Any, tmp_path: Path) -> None:
    for number in range(25):
        (tmp_path / f"{number:02}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes([number]))
    code, out, _ = submit(tmp_path, "--upload-format", "confluent", "--schema-id", "7=image_upload")
    assert code == 0
    assert out.splitlines()[-1] == "… and 5 more; --json prints all"
    assert all((record.value or b"").startswith(b"\0\0\0\0\7") for record in shop.raw("uploads"))
