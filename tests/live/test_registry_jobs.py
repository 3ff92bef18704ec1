"""The whole job with a registry and a real broker: framed uploads in, framed captions out."""

import io
import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fastavro
import pytest
from data.registry_server import RegistryServer
from live.shop import Shop, product_png

from pipeline.cli import main
from pipeline.config import Config
from pipeline.kafka.offsets import resolve
from pipeline.local.kafka import LocalKafka
from pipeline.registry.check import subject_of, with_registry
from pipeline.registry.register import register_schemas
from pipeline.runners.embedded import run_embedded
from schemas.codec import Decoder, WireFormat, schema_json
from schemas.registry import RegistryOptions
from schemas.registry import writers as module
from schemas.registry.client import Registry
from schemas.registry.http import Http
from schemas.registry.writers import Writers
from transforms.errors import RegistryUnreachable, SchemaUnfit

pytestmark = pytest.mark.broker

UPLOAD = schema_json("image_upload")
NEWER = {**UPLOAD, "fields": [{"name": "warehouse", "type": "string", "default": ""}, *UPLOAD["fields"]]}
"""With a field we do not know, and that even before the others."""


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as made:
        yield made


@pytest.fixture
def shop(kafka: LocalKafka, topics: Callable[..., dict[str, str]]) -> Shop:
    return Shop(kafka.bootstrap_servers, topics({"uploads": 1, "captions": 1, "dead": 1, "audit": 1}))


@pytest.fixture
def impatient(server: RegistryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle that waits for the registry for a moment only."""
    made = Writers(Registry(Http(RegistryOptions(server.url), 0.5)))
    monkeypatch.setattr(module, "writers_for", lambda options: made)


def framed(schema_id: int, schema: dict[str, Any], image_id: str, **more: Any) -> tuple[bytes, bytes]:
    buffer = io.BytesIO(struct.pack(">bI", 0, schema_id))
    buffer.seek(0, io.SEEK_END)
    value = {"image_id": image_id, "uploaded_at": 1_700_000_000_000, "merchant": "m", **more}
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(json.loads(json.dumps(schema))), value)
    return image_id.encode(), buffer.getvalue()


def config(shop: Shop, server: RegistryServer, form: str = "confluent") -> Config:
    registry = RegistryOptions(server.url)
    wanted = shop.config(registry=registry, uploads_wire=WireFormat(form, (), registry))
    return with_registry(wanted)[0]


def run(config: Config) -> None:
    run_embedded(config, resolve(config.kafka, config.uploads))


@pytest.mark.usefixtures("impatient")
def test_uploads_of_several_schemas_and_captions_with_ids(shop: Shop, server: RegistryServer) -> None:
    first = server.put(subject_of(shop.names["uploads"]), UPLOAD)
    second = server.put(subject_of(shop.names["uploads"]), NEWER)
    with pytest.raises(SchemaUnfit, match="register it: captionstream schemas register"):
        config(shop, server)
    captions, audit = register_schemas(Registry(Http(RegistryOptions(server.url))), shop.topics)
    shop.upload(
        framed(first, UPLOAD, "first", image=product_png(1)),
        framed(second, NEWER, "second", image=product_png(2), warehouse="north"),
        framed(7, UPLOAD, "unknown", image=product_png(3)),
        (b"deleted", None),
    )
    run(config(shop, server))
    made = {record.key: record.value for record in shop.raw("captions")}
    assert set(made) == {b"first", b"second", b"deleted"}
    assert made[b"deleted"] is None
    decoder = Decoder("caption", WireFormat("confluent", ((captions.id, "caption"),)))
    for key in (b"first", b"second"):
        value = made[key] or b""
        assert value[:5] == struct.pack(">bI", 0, captions.id)
        assert decoder.decode(value)["image_id"] == key.decode()
    audits = [record.value or b"" for record in shop.raw("audit")]
    assert len(audits) == 4
    assert {value[:5] for value in audits} == {struct.pack(">bI", 0, audit.id)}
    (letter,) = shop.raw("dead")
    headers = {header.name: (header.value or b"").decode() for header in letter.headers}
    assert (letter.key, headers["caption.error.code"]) == (b"unknown", "unknown_schema")
    assert (letter.value or b"")[:5] == struct.pack(">bI", 0, 7)  # byte for byte


@pytest.mark.usefixtures("impatient")
def test_a_registry_that_breaks_stops_the_job_and_no_upload_is_lost(shop: Shop, server: RegistryServer) -> None:
    number = server.put(subject_of(shop.names["uploads"]), UPLOAD)
    list(register_schemas(Registry(Http(RegistryOptions(server.url))), shop.topics))
    shop.upload(*(framed(number, UPLOAD, f"i{n}", image=product_png(n)) for n in range(3)))
    resolved = config(shop, server)
    server.fault = lambda *_: (500, {"error_code": 50001, "message": "Error in the backend data store"})
    with pytest.raises(RegistryUnreachable, match="answered `500`"):
        run(resolved)
    assert shop.raw("dead") == shop.raw("captions") == []
    server.fault = lambda *_: None
    run(resolved)
    assert sorted(record.key or b"" for record in shop.raw("captions")) == [b"i0", b"i1", b"i2"]
    assert shop.raw("dead") == []


@pytest.mark.usefixtures("impatient")
def test_submitted_uploads_carry_the_id_of_our_schema(
    shop: Shop, server: RegistryServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.png").write_bytes(product_png(1))
    where = ("--bootstrap-servers", shop.servers, "--topic", shop.names["uploads"], "--registry", server.url)
    assert main(["submit", str(tmp_path), *where]) == 1
    assert "schema_unfit: our schema `image_upload` is not in subject" in capsys.readouterr().err
    assert shop.raw("uploads") == []
    list(register_schemas(Registry(Http(RegistryOptions(server.url))), shop.topics, (shop.names["uploads"],)))
    assert main(["submit", str(tmp_path), *where]) == 0
    (upload,) = shop.raw("uploads")
    assert (upload.value or b"")[:1] == b"\0"
    run(config(shop, server))
    assert [record.key for record in shop.raw("captions")] == [b"one.png"]


@pytest.mark.usefixtures("impatient")
def test_a_topic_whose_producers_change_over_is_read_whole(shop: Shop, server: RegistryServer) -> None:
    number = server.put(subject_of(shop.names["uploads"]), UPLOAD)
    list(register_schemas(Registry(Http(RegistryOptions(server.url))), shop.topics))
    shop.upload({"image_id": "bare", "image": product_png(1)}, framed(number, UPLOAD, "framed", image=product_png(2)))
    bare = replace(config(shop, server), captions_wire=WireFormat())
    run(replace(bare, uploads_wire=WireFormat(), uploads=shop.uploads))  # as before there was a registry
    run(config(shop, server, "mixed"))
    both = [record.value or b"" for record in shop.raw("captions")]
    decoder = Decoder("caption", WireFormat("mixed", (), RegistryOptions(server.url)))
    assert [(decoder.decode(value)["image_id"], value[:1] == b"\0") for value in both] == [
        ("bare", False),
        ("bare", True),
        ("framed", True),
    ]
    assert [record.key for record in shop.raw("dead")] == [b"framed"]
