"""What the registry is asked, and what is made of its answers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from data.registry_server import RegistryServer

from schemas.codec import schema_json
from schemas.registry.client import MOST_REFERENCES, Registered, Registry, SchemaForeign
from schemas.registry.http import Http
from schemas.registry.options import RegistryOptions
from transforms.errors import RegistryRefused

UPLOAD = schema_json("image_upload")
SUBJECT = "shop/uploads-value"  # a name that an address must quote


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with RegistryServer() as made:
        yield made


@pytest.fixture
def registry(server: RegistryServer) -> Iterator[Registry]:
    made = Registry(Http(RegistryOptions(server.url)))
    yield made
    made.close()


def test_a_schema_by_its_id(server: RegistryServer, registry: Registry) -> None:
    schema_id = server.put(SUBJECT, UPLOAD)
    assert registry.schema(schema_id)["name"] == "captionstream.ImageUpload"
    assert registry.schema(schema_id + 1) is None


def test_subjects_and_versions(server: RegistryServer, registry: Registry) -> None:
    server.put(SUBJECT, UPLOAD)
    server.put(SUBJECT, {**UPLOAD, "doc": "newer"})
    assert registry.subjects() == (SUBJECT,)
    assert registry.versions(SUBJECT) == (1, 2)
    assert registry.versions("none-value") == ()
    assert registry.version(SUBJECT, 2)["doc"] == "newer"
    assert registry.version(SUBJECT, 3) is None
    assert registry.version("none-value", 1) is None


def test_finding_and_registering(server: RegistryServer, registry: Registry) -> None:
    assert registry.find(SUBJECT, UPLOAD) is None
    assert registry.incompatible(SUBJECT, UPLOAD) == ()
    made = registry.register(SUBJECT, UPLOAD)
    assert made == registry.find(SUBJECT, UPLOAD) == registry.register(SUBJECT, UPLOAD) == Registered(SUBJECT, 1, 101)
    assert registry.find(SUBJECT, {**UPLOAD, "doc": "other"}) is None
    assert registry.level(SUBJECT) == "BACKWARD"


def test_a_subject_that_does_not_take_it_says_why(server: RegistryServer, registry: Registry) -> None:
    server.put(SUBJECT, UPLOAD)
    server.incompatible[SUBJECT] = ["{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE',\n description:'x'}"]
    assert registry.incompatible(SUBJECT, UPLOAD) == (
        "{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'x'}",
    )
    with pytest.raises(RegistryRefused, match=rf"into `{SUBJECT}` \(`409`: Schema being registered is incompatible\)"):
        registry.register(SUBJECT, {**UPLOAD, "doc": "other"})


def test_what_is_no_avro_is_foreign(server: RegistryServer, registry: Registry) -> None:
    number = server.put("json-value", "{}", schemaType="JSON")
    with pytest.raises(SchemaForeign, match="it is JSON, not Avro"):
        registry.schema(number)
    broken = server.put("broken-value", '{"type": "record"}')
    with pytest.raises(SchemaForeign, match="it is no Avro schema"):
        registry.schema(broken)


def test_a_schema_of_several_parts_is_put_together(server: RegistryServer, registry: Registry) -> None:
    server.put("money-value", {"type": "enum", "name": "shop.Currency", "symbols": ["EUR", "CNY"]})
    price = {"type": "record", "name": "shop.Price", "fields": [{"name": "currency", "type": "shop.Currency"}]}
    money = [{"name": "shop.Currency", "subject": "money-value", "version": 1}]
    server.put("price-value", price, references=money)
    upload = {"type": "record", "name": "shop.Upload", "fields": [{"name": "price", "type": "shop.Price"}]}
    parts = [{"name": "shop.Price", "subject": "price-value", "version": 1}, *money]
    parsed = registry.schema(server.put(SUBJECT, upload, references=parts))
    assert set(parsed["__named_schemas"]) == {"shop.Currency", "shop.Price", "shop.Upload"}


def test_a_schema_of_too_many_parts_is_foreign(server: RegistryServer, registry: Registry) -> None:
    itself = [{"name": f"n{n}", "subject": "a-value", "version": 1} for n in range(MOST_REFERENCES + 1)]
    number = server.put("a-value", {"type": "record", "name": "A", "fields": []}, references=itself)
    with pytest.raises(SchemaForeign, match="refers to more than 32 schemas"):
        registry.schema(number)


ASK: dict[str, Callable[[Registry], Any]] = {
    "schema": lambda registry: registry.schema(7),
    "subjects": lambda registry: registry.subjects(),
    "versions": lambda registry: registry.versions(SUBJECT),
    "version": lambda registry: registry.version(SUBJECT, 1),
    "find": lambda registry: registry.find(SUBJECT, UPLOAD),
    "incompatible": lambda registry: registry.incompatible(SUBJECT, UPLOAD),
    "level": lambda registry: registry.level(SUBJECT),
    "register": lambda registry: registry.register(SUBJECT, UPLOAD),
}


@pytest.mark.parametrize("body", [7, "text", {"nothing": "of use"}, {"schema": 3, "version": "x", "id": None}, True])
@pytest.mark.parametrize("name", ASK)
def test_answers_of_another_shape_are_the_registrys_fault(
    server: RegistryServer, registry: Registry, name: str, body: object
) -> None:
    server.fault = lambda *_: (200, body)
    foreign = name in ("schema", "version") and isinstance(body, dict) and "schema" in body  # of a kind
    if name == "subjects" and isinstance(body, (str, dict)):  # letters and keys are names, too
        assert set(ASK[name](registry)) == set(body)
        return
    with pytest.raises(
        SchemaForeign if foreign else RegistryRefused, match="is no Avro" if foreign else "its API promises"
    ):
        ASK[name](registry)


@pytest.mark.parametrize("name", sorted(set(ASK) - {"level"}))
def test_numbers_nobody_knows_are_refused(server: RegistryServer, registry: Registry, name: str) -> None:
    server.fault = lambda *_: (422, {"error_code": 42203, "message": "no"})
    with pytest.raises(RegistryRefused, match="`422`"):
        ASK[name](registry)
