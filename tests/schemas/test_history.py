import copy
import json
import re
from pathlib import Path
from typing import Any

import make_golden
import pytest
from data.state_values import KEPT, state_values
from make_golden import TOPICS, plain, read, write

from schemas.codec import FOLDER
from schemas.state import HISTORY, VERSION, StateCodec, schema_of

PUBLISHED = [
    (topic, int(path.stem[1:])) for topic in TOPICS for path in sorted((FOLDER / "history" / topic).glob("v*.avsc"))
]
NEWEST = {topic: max(version for name, version in PUBLISHED if name == topic) for topic in TOPICS}


def schema(topic: str, version: int) -> Any:
    return json.loads((FOLDER / "history" / topic / f"v{version}.avsc").read_text())


def golden(topic: str, version: int) -> tuple[bytes, Any]:
    path = FOLDER / "history" / topic / f"v{version}.bin"
    return path.read_bytes(), json.loads(path.with_suffix(".json").read_text())


def nested(node: Any, kind: str) -> list[Any]:
    """Every schema of a kind inside a schema."""
    if isinstance(node, list):
        return [found for inner in node for found in nested(inner, kind)]
    if not isinstance(node, dict):
        return []
    own = [node] if node.get("type") == kind else []
    return own + [found for inner in node.values() for found in nested(inner, kind)]


def fields(node: Any) -> dict[str, Any]:
    return {f"{r['name']}.{field['name']}": field for r in nested(node, "record") for field in r["fields"]}


@pytest.mark.parametrize("topic", TOPICS)
def test_the_current_schema_is_the_newest_published_one(topic: str) -> None:
    assert json.loads((FOLDER / f"{topic}.avsc").read_text()) == schema(topic, NEWEST[topic])


@pytest.mark.parametrize(("topic", "version"), PUBLISHED)
def test_bytes_of_every_version_hold_their_value(topic: str, version: int) -> None:
    data, expected = golden(topic, version)
    writer = schema(topic, version)
    value = read(data, writer, writer)
    assert plain(value) == expected
    assert write(writer, value) == data


@pytest.mark.parametrize(("topic", "version"), PUBLISHED)
def test_old_bytes_are_read_with_the_newest_schema(topic: str, version: int) -> None:
    data, expected = golden(topic, version)
    value = plain(read(data, schema(topic, version), schema(topic, NEWEST[topic])))
    assert as_of(value, expected) == expected


def as_of(value: Any, expected: Any) -> Any:
    """The value without the fields that an older version does not have."""
    if isinstance(expected, dict):
        return {name: as_of(value[name], inner) for name, inner in expected.items() if name in value}
    if isinstance(expected, list) and len(value) == len(expected):
        return [as_of(one, inner) for one, inner in zip(value, expected, strict=True)]
    return value


def test_a_caption_of_v1_says_nothing_of_later_tasks() -> None:
    data, _ = golden("caption", 1)
    value = read(data, schema("caption", 1), schema("caption", NEWEST["caption"]))
    assert value["moderation_verdict"] == "UNKNOWN"
    assert [(text["keywords"], text["moderation"]) for text in value["texts"]] == [([], None)]


def test_a_verdict_of_the_future_is_read_as_unknown() -> None:
    words = (FOLDER / "caption.avsc").read_text().replace('"VIOLATION"]', '"VIOLATION", "ILLEGAL"]')
    future = copy.deepcopy(make_golden.TOPIC_VALUES["caption"]) | {"moderation_verdict": "ILLEGAL"}
    future["texts"][0]["moderation"]["verdict"] = "ILLEGAL"
    value = read(write(json.loads(words), future), json.loads(words), schema("caption", NEWEST["caption"]))
    assert (value["moderation_verdict"], value["texts"][0]["moderation"]["verdict"]) == ("UNKNOWN", "UNKNOWN")


@pytest.mark.parametrize(("topic", "version"), PUBLISHED)
def test_newest_bytes_are_read_with_every_old_schema(topic: str, version: int) -> None:
    data, expected = golden(topic, NEWEST[topic])
    value = plain(read(data, schema(topic, NEWEST[topic]), schema(topic, version)))
    assert value["image_id"] == expected["image_id"]
    assert set(value) == {field["name"] for field in schema(topic, version)["fields"]}


@pytest.mark.parametrize(("topic", "version"), PUBLISHED)
def test_every_enum_falls_back_to_unknown(topic: str, version: int) -> None:
    enums = nested(schema(topic, version), "enum")
    assert enums
    for enum in enums:
        assert enum["default"] == "UNKNOWN"
        assert enum["symbols"][0] == "UNKNOWN"


@pytest.mark.parametrize("topic", TOPICS)
def test_a_symbol_of_the_future_is_read_as_unknown(topic: str) -> None:
    words = (FOLDER / f"{topic}.avsc").read_text().replace('"ANSWER"]', '"ANSWER", "TRANSLATE"]')
    data = write(json.loads(words), make_golden.TOPIC_VALUES[topic] | {"task": "TRANSLATE"})
    assert read(data, json.loads(words), schema(topic, NEWEST[topic]))["task"] == "UNKNOWN"


@pytest.mark.parametrize(("topic", "version"), PUBLISHED)
def test_every_field_that_came_after_v1_has_a_default(topic: str, version: int) -> None:
    first = fields(schema(topic, 1))
    for name, field in fields(schema(topic, version)).items():
        assert name in first or "default" in field, f"{name} needs a default"


@pytest.mark.parametrize("cls", KEPT, ids=lambda cls: cls.__name__)
def test_the_state_schema_is_the_published_one(cls: type) -> None:
    published = (HISTORY / f"v{VERSION}" / f"{cls.__name__}.avsc").read_text()
    assert schema_of(cls) == json.loads(published)


@pytest.mark.parametrize("path", sorted(HISTORY.glob("v*/*.bin")), ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_state_of_every_version_is_read(path: Path) -> None:
    expected = {cls.__name__: (cls, value) for cls, value in state_values().items()}
    cls, value = expected[path.stem]
    data = path.read_bytes()
    assert f"v{data[0]}" == path.parent.name
    assert StateCodec(cls).decode(data) == value


@pytest.mark.parametrize("cls", KEPT, ids=lambda cls: cls.__name__)
def test_state_of_a_later_version_is_refused(cls: type) -> None:
    data = (HISTORY / f"v{VERSION}" / f"{cls.__name__}.bin").read_bytes()
    words = f"state of `{cls.__name__}` was written by version `200`"
    with pytest.raises(ValueError, match=re.escape(words)) as raised:
        StateCodec(cls).decode(b"\xc8" + data[1:])
    assert "upgrade captionstream" in str(raised.value)


def test_every_kept_class_has_golden_state() -> None:
    assert set(state_values()) == set(KEPT)
    assert {p.stem for p in (HISTORY / "v1").glob("*.bin")} >= {"KafkaRecord", "IndexEntry", "GroupState"}


def test_nothing_published_is_written_again() -> None:
    assert make_golden.missing() == {}
