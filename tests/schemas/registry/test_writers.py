"""Writer schemas by id: kept, bounded, and an upload is blamed only for an id that truly is unknown."""

import json
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from data.registry_server import RegistryServer

from schemas.codec import Decoder, Encoder, WireFormat, schema_json
from schemas.registry import writers as module
from schemas.registry.client import Registry
from schemas.registry.http import Http
from schemas.registry.options import RegistryOptions
from schemas.registry.writers import MOST_REFUSED, MOST_SCHEMAS, REFUSED_SECONDS, Writers
from transforms.decode import DecodeEvent
from transforms.errors import EventUndecodable, JobError, RegistryUnreachable, UnknownSchema
from transforms.stage import Stage
from transforms.values import KafkaRecord

UPLOAD = schema_json("image_upload")
LEAST = {"image_id": "img-1", "uploaded_at": 1_767_225_600_000, "uri": "file:///1.jpg"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as made:
        yield made


def writers(server: RegistryServer, clock: Clock | None = None) -> Writers:
    http = Http(RegistryOptions(server.url), 2.0, pause=lambda _: None, chance=lambda: 0.0)
    return Writers(Registry(http), clock or Clock())


def newer(**field: Any) -> dict[str, Any]:
    return {**UPLOAD, "fields": [*UPLOAD["fields"], field]}


def framed(schema_id: int, schema: dict[str, Any], value: dict[str, Any], tmp_path: Any) -> bytes:
    """As a producer's serializer writes it."""
    path = tmp_path / f"{schema_id}.avsc"
    path.write_text(json.dumps(schema))
    return Encoder("image_upload", WireFormat("confluent", ((schema_id, str(path)),))).encode(value)


@pytest.fixture
def wire(server: RegistryServer, monkeypatch: pytest.MonkeyPatch) -> WireFormat:
    made = writers(server)
    monkeypatch.setattr(module, "writers_for", lambda options: made)
    return WireFormat("confluent", (), RegistryOptions(server.url))


def test_a_schema_is_asked_for_once(server: RegistryServer) -> None:
    number, known = server.put("u-value", UPLOAD), writers(server)
    assert known.writer(number) is known.writer(number)
    assert len(server.asked) == 1


def test_an_upload_with_a_field_of_a_newer_schema_is_read(
    server: RegistryServer, wire: WireFormat, tmp_path: Any
) -> None:
    schema = newer(name="warehouse", type=["null", "string"], default=None)
    number = server.put("u-value", schema)
    value = Decoder("image_upload", wire).decode(framed(number, schema, {**LEAST, "warehouse": "north"}, tmp_path))
    assert value["image_id"] == "img-1"
    assert "warehouse" not in value
    assert value["languages"] == ["zh-Hans", "en"]


def test_an_upload_of_an_older_schema_gets_the_defaults(
    server: RegistryServer, wire: WireFormat, tmp_path: Any
) -> None:
    schema = {**UPLOAD, "fields": UPLOAD["fields"][:2]}
    number = server.put("u-value", schema)
    short = {"image_id": "img-1", "uploaded_at": 1_767_225_600_000}
    value = Decoder("image_upload", wire).decode(framed(number, schema, short, tmp_path))
    assert (value["uri"], value["task"]) == (None, "DESCRIBE")


def test_only_an_id_that_the_registry_denies_is_unknown(server: RegistryServer, wire: WireFormat) -> None:
    body = Encoder("image_upload").encode(LEAST)
    with pytest.raises(UnknownSchema) as raised:
        Decoder("image_upload", wire).decode(struct.pack(">bI", 0, 77) + body)
    assert raised.value.message.startswith(
        "schema id `77` is unknown to the registry; check that producers use the one"
    )


@pytest.mark.parametrize(
    "said",
    [(500, {"error_code": 50001}), (503, b""), (0, b""), (404, b"<html>"), (404, {"error_code": 404}), (200, b"hello")],
    ids=["500", "503", "hangs up", "another server's 404", "a 404 of no schema", "no JSON"],
)
def test_a_registry_out_of_order_fails_the_bundle_and_no_upload(
    server: RegistryServer, wire: WireFormat, said: tuple[int, object]
) -> None:
    schema_id = server.put("u-value", UPLOAD)
    value = struct.pack(">bI", 0, schema_id) + Encoder("image_upload").encode(LEAST)
    record = KafkaRecord("uploads", 0, 1, 0, b"img-1", value, ())
    stage = Stage("Decode event", DecodeEvent(wire))
    stage.setup()
    server.fault = lambda *_: said
    with pytest.raises(JobError) as raised:
        list(stage.process(record))
    assert raised.value.code in ("registry_unreachable", "registry_refused")
    server.fault = lambda *_: None
    (decoded,) = stage.process(record)  # the runner tries the bundle again
    assert decoded.upload.image_id == "img-1"


def test_faults_that_pass_are_waited_for(server: RegistryServer, wire: WireFormat) -> None:
    schema_id = server.put("u-value", UPLOAD)
    server.fault = lambda number, *_: (500, {}) if number < 3 else None
    value = struct.pack(">bI", 0, schema_id) + Encoder("image_upload").encode(LEAST)
    assert Decoder("image_upload", wire).decode(value)["image_id"] == "img-1"


def test_what_is_no_avro_is_the_uploads_fault_and_remembered(server: RegistryServer) -> None:
    number, known = server.put("u-value", "{}", schemaType="PROTOBUF"), writers(server)
    for _ in range(3):
        with pytest.raises(EventUndecodable, match=f"schema id `{number}` is of no use here: it is PROTOBUF, not Avro"):
            known.writer(number)
    assert len(server.asked) == 1


def test_an_unknown_id_is_asked_for_again_after_a_while(server: RegistryServer) -> None:
    clock = Clock()
    known = writers(server, clock)
    for clock.now in (0.0, 1.0, REFUSED_SECONDS - 1):
        with pytest.raises(UnknownSchema):
            known.writer(101)
    assert len(server.asked) == 1
    assert server.put("u-value", UPLOAD) == 101
    clock.now = REFUSED_SECONDS + 1
    assert known.writer(101)["name"] == "captionstream.ImageUpload"


def test_made_up_ids_take_no_more_than_so_much_memory(monkeypatch: pytest.MonkeyPatch, server: RegistryServer) -> None:
    monkeypatch.setattr(module, "MOST_REFUSED", 5)
    monkeypatch.setattr(module, "MOST_SCHEMAS", 3)
    assert (MOST_REFUSED, MOST_SCHEMAS) == (4096, 512)
    known = writers(server)
    for number in range(1000, 1020):
        with pytest.raises(UnknownSchema):
            known.writer(number)
    assert len(known._refused) == 5
    made = [server.put("u-value", {**UPLOAD, "doc": str(n)}) for n in range(6)]
    for number in made:
        known.writer(number)
    assert list(known._known) == made[-3:]


def test_the_process_has_one(server: RegistryServer) -> None:
    options = RegistryOptions(server.url)
    assert module.writers_for(options) is module.writers_for(RegistryOptions(server.url))


def test_a_time_out_is_not_kept(server: RegistryServer) -> None:
    number, known = server.put("u-value", UPLOAD), writers(server)
    server.fault = lambda *_: (500, {})
    with pytest.raises(RegistryUnreachable):
        known.writer(number)
    server.fault = lambda *_: None
    assert known.writer(number)["name"] == "captionstream.ImageUpload"
