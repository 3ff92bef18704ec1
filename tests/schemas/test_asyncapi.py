"""schemas/asyncapi.yaml says what the code does: topics, keys, headers, schemas.

The file was also checked with AsyncAPI's own parser (3.6.6), which is not part of this repository.
"""

import io
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fastavro
import pytest
from data.samples import candidate, caption, record, text
from deploy.reading import load, mappings

from pipeline.config import Topics
from pipeline.kafka.positions import Uploads
from pipeline.redrive.letters import Letter, redriven
from schemas.codec import FOLDER, load_schema
from schemas.state import VERSION
from transforms.audit import Audit
from transforms.cloudevents import MAX_TRACE
from transforms.dead_letter import dead_letter, encode
from transforms.decode import MERCHANT_HEADER
from transforms.encode import Encode
from transforms.errors import ImageMissing, InputError
from transforms.origin import Origin
from transforms.values import Finished, Outgoing, Refusal, Tombstone
from transforms.warm import cache_key, cached_texts, forgotten

PATH = FOLDER / "asyncapi.yaml"
PAGE = load(PATH)
TRACE = {"traceparent": b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": b"shop=1"}
OF = replace(candidate(), record=record(7, headers=TRACE))
ENCODE = Encode("captions", "run", False, Audit("audits", "run"))


def resolved(value: Any) -> Any:
    """The same without references into the page; those to files stay."""
    if isinstance(value, dict):
        pointer = value.get("$ref", "")
        if pointer.startswith("#/"):
            assert set(value) == {"$ref"}
            found = PAGE
            for part in pointer[2:].split("/"):
                found = found[part]
            return resolved(found)
        return {key: resolved(inner) for key, inner in value.items()}
    return [resolved(inner) for inner in value] if isinstance(value, list) else value


CHANNELS = resolved(PAGE["channels"])
MESSAGES = {name: message for channel in CHANNELS.values() for name, message in channel["messages"].items()}


def written() -> dict[str, Outgoing]:
    """One real record for each message that the job writes."""
    (made,) = ENCODE(Finished(caption=caption(OF))).records
    gone = Tombstone(OF.record, "img-1", "shop")
    (deleted,) = ENCODE(Finished(tombstone=gone)).records
    refusal = Refusal("id", OF.record, OF.upload, OF.picture, text(of=OF))
    return {
        "caption": made,
        "captionDeleted": deleted,
        "audit": Audit("audits", "run")(refusal).audits[0],
        "deadLetter": encode(dead_letter(OF.record, "Fetch image", ImageMissing("gone")), "dead", "run", 0),
        "cachedTexts": next(cached_texts(caption(OF), "cache", 0)),
        "cachedTextsDeleted": next(forgotten(gone, "cache", 0)),
    }


def header_schemas(message: dict[str, Any]) -> tuple[set[str], dict[str, list[dict[str, Any]]]]:
    """Required names, and each name's schemas, of the parts of ``allOf`` together."""
    said = message.get("headers", {})
    parts = said.get("allOf", [said])
    rules: dict[str, list[dict[str, Any]]] = {}
    for part in parts:
        for name, schema in part.get("properties", {}).items():
            rules.setdefault(name, []).append(schema)
    return {name for part in parts for name in part.get("required", [])}, rules


def fits(value: str, schema: dict[str, Any]) -> bool:
    return (
        value == schema.get("const", value)
        and value in schema.get("enum", [value])
        and bool(re.search(schema.get("pattern", ""), value))
        and len(value) <= schema.get("maxLength", len(value))
    )


def test_every_reference_leads_somewhere() -> None:
    for part in mappings(PAGE):
        if str(part.get("$ref", "")).startswith("./"):
            assert (FOLDER / part["$ref"]).is_file()
    resolved(PAGE)


def test_topics_are_the_defaults() -> None:
    addresses = {name: channel["address"] for name, channel in CHANNELS.items()}
    topics = Topics()
    assert addresses.pop("cache") == "image-captions-cache"  # no default: there is none unless one is named
    assert addresses == {
        "uploads": Uploads().topics[0],
        "captions": topics.captions,
        "deadLetters": topics.dead_letters,
        "audit": topics.audit,
    }
    assert {one["channel"]["$ref"].split("/")[-1] for one in PAGE["operations"].values()} == set(CHANNELS)


@pytest.mark.parametrize(("message", "name"), [("upload", "image_upload"), ("caption", "caption"), ("audit", "audit")])
def test_payloads_are_the_schemas_that_the_code_reads_and_writes_with(message: str, name: str) -> None:
    payload = MESSAGES[message]["payload"]
    assert payload["schemaFormat"].startswith("application/vnd.apache.avro")
    path = FOLDER / payload["schema"]["$ref"]
    assert path.resolve() == FOLDER / f"{name}.avsc"
    assert fastavro.schema.load_schema(path)["name"] == load_schema(name)["name"]


def test_the_caches_schema_is_the_current_version() -> None:
    path = f"schemas/history/state/v{VERSION}/CachedTexts.avsc"
    assert MESSAGES["cachedTexts"]["payload"]["description"] == f"Version byte {VERSION}, then Avro of {path}."
    assert (FOLDER.parent / path).is_file()
    assert (written()["cachedTexts"].value or b"")[0] == VERSION


@pytest.mark.parametrize("name", written())
def test_what_is_written_is_what_the_page_says(name: str) -> None:
    sent, message = written()[name], MESSAGES[name]
    required, rules = header_schemas(message)
    headers = {header.name: (header.value or b"").decode() for header in sent.headers}
    assert required <= set(headers)
    assert set(headers) == set(rules)
    for header, value in headers.items():
        assert all(fits(value, schema) for schema in rules[header]), (header, value)
    assert (sent.value is None) == (message["payload"].get("type") == "null")
    key = message["bindings"]["kafka"]["key"]
    assert re.search(key.get("pattern", ""), (sent.key or b"").decode())


def test_an_id_is_the_records_own() -> None:
    made, audit = written()["caption"], written()["audit"]
    ids = (
        {header.name: header.value for header in made.headers},
        {header.name: header.value for header in audit.headers},
    )
    assert ids[0]["ce_id"] == caption(OF).event_id.encode()
    value = fastavro.schemaless_reader(io.BytesIO(audit.value or b""), load_schema("audit"), None)
    assert ids[1]["ce_id"] == value["audit_id"].encode()


def test_error_codes_are_the_trees() -> None:
    assert PAGE["components"]["schemas"]["errorCode"]["enum"] == sorted({kind.code for kind in leaves(InputError)})


def leaves(kind: type[InputError]) -> Iterator[type[InputError]]:
    for child in kind.__subclasses__():
        yield from leaves(child)
        if child.__module__ == "transforms.errors":
            yield child


def test_a_redriven_upload_has_the_headers_of_an_upload() -> None:
    place = Origin("image-uploads", 0, 7)
    letter = Letter(0, 1, 0, b"img-1", place, "Fetch image", "image_missing", False, 0, "run")
    sent = redriven(record(7, headers=TRACE), letter, "image-uploads")
    _, rules = header_schemas(MESSAGES["upload"])
    assert {header.name for header in sent.headers} == set(rules)
    for header in sent.headers:
        assert all(fits((header.value or b"").decode(), schema) for schema in rules[header.name])


def test_a_deletion_names_its_merchant() -> None:
    assert MERCHANT_HEADER in header_schemas(MESSAGES["deletion"])[1]
    assert MESSAGES["deletion"]["payload"] == {"type": "null"}


def test_a_trace_is_as_long_as_it_may_be() -> None:
    for name in TRACE:
        assert PAGE["components"]["schemas"][name]["maxLength"] == MAX_TRACE


def test_keys_of_the_cache_are_digests() -> None:
    pattern = MESSAGES["cachedTexts"]["bindings"]["kafka"]["key"]["pattern"]
    assert re.fullmatch(pattern, cache_key("shop", "img-1", OF.upload.task).decode())


def test_the_wire_format_is_said() -> None:
    kafka = MESSAGES["caption"]["bindings"]["kafka"]
    assert (kafka["schemaIdLocation"], kafka["schemaLookupStrategy"]) == ("payload", "TopicNameStrategy")
    assert "one byte 0, the schema's id as 4 bytes big-endian" in PAGE["info"]["description"]


def test_the_page_is_of_this_version() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert PAGE["info"]["version"] == project["version"]
    assert PAGE["info"]["license"]["name"] == project["license"]
