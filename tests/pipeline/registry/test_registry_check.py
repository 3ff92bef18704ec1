"""What is said of the registry's subjects at the start of a job, by `captionstream schemas`, and what is registered."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from data.registry_server import RegistryServer

from pipeline.cli import main
from pipeline.config import Config, Topics
from pipeline.kafka.positions import Uploads
from pipeline.registry.check import FAIL, OK, WARN, check_registry, with_registry
from pipeline.registry.register import register_schemas
from pipeline.registry.write import with_writer
from schemas.codec import WireFormat, schema_json
from schemas.registry import RegistryOptions
from schemas.registry.client import Registry
from schemas.registry.http import Http
from transforms.errors import SchemaUnfit

UPLOAD = schema_json("image_upload")
UPLOADS, CAPTIONS, AUDIT = "image-uploads-value", "image-captions-value", "image-captions-audit-value"
BAD = {**UPLOAD, "fields": [{**UPLOAD["fields"][0], "type": "int"}, *UPLOAD["fields"][1:]]}


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    """All is well there."""
    with RegistryServer() as made:
        made.put(UPLOADS, UPLOAD)
        made.put(CAPTIONS, schema_json("caption"))
        made.put(AUDIT, schema_json("audit"))
        made.levels = dict.fromkeys((CAPTIONS, AUDIT), "FULL_TRANSITIVE")
        yield made


def found(server: RegistryServer, uploads: Uploads = Uploads(), **topics: str) -> dict[str, tuple[str, str]]:
    options = RegistryOptions(server.url)
    return {one.subject: (one.level, one.message) for one in check_registry(options, uploads, Topics(**topics))}


def test_all_is_well_and_nothing_was_changed(server: RegistryServer) -> None:
    assert found(server) == {
        UPLOADS: (OK, f"the only version of `{UPLOADS}` can be read as uploads"),
        CAPTIONS: (OK, f"our schema `caption` is version 1 of `{CAPTIONS}`, id 102"),
        AUDIT: (OK, f"our schema `audit` is version 1 of `{AUDIT}`, id 103"),
    }
    assert not [asked for asked in server.asked if asked.startswith("POST") and asked.endswith("/versions")]


def test_a_schema_that_is_not_registered_is_named_with_the_command_that_does(server: RegistryServer) -> None:
    level, message = found(server, captions="other")["other-value"]
    assert level == FAIL
    assert message == (
        "our schema `caption` is not in subject `other-value`; register it: captionstream schemas register"
    )


def test_a_subject_of_somebody_else_is_not_to_be_registered_into(server: RegistryServer) -> None:
    server.put("other-value", {"type": "record", "name": "Other", "fields": []})
    server.incompatible["other-value"] = ["NAME_MISMATCH at /name"]
    level, message = found(server, audit="other")["other-value"]
    assert level == FAIL
    assert "which would not take it: NAME_MISMATCH at /name; give the topic another name" in message


@pytest.mark.parametrize("level", ["BACKWARD", "NONE", "FULL"])
def test_a_level_that_lets_a_consumer_break_is_a_warning(server: RegistryServer, level: str) -> None:
    server.levels[CAPTIONS] = level
    what, message = found(server)[CAPTIONS]
    assert what == WARN
    assert f"takes changes of level `{level}`: set `FULL_TRANSITIVE` in the registry" in message


def test_uploads_nobody_registered_are_a_warning(server: RegistryServer) -> None:
    what, message = found(server, Uploads(("else",)))["else-value"]
    assert what == WARN
    assert message.startswith("there is no subject `else-value`: nothing is known of what producers write")


def test_the_newest_uploads_must_be_readable_and_older_ones_are_a_warning(server: RegistryServer) -> None:
    server.put(UPLOADS, BAD)
    what, message = found(server)[UPLOADS]
    assert what == FAIL
    assert message.startswith(
        f"version 2 of `{UPLOADS}`, the newest, cannot be read as an upload: `image_id`: int is not string; mend"
    )
    server.put(UPLOADS, {**UPLOAD, "doc": "mended"})
    what, message = found(server)[UPLOADS]
    assert what == WARN
    assert message.startswith(f"version 2 of `{UPLOADS}` cannot be read as an upload: `image_id`: int is not string;")


def test_a_version_that_is_no_avro(server: RegistryServer) -> None:
    server.put(UPLOADS, "{}", schemaType="JSON")
    assert (
        "version 2 of `image-uploads-value`, the newest, cannot be read as an upload: it is JSON, not Avro"
        in (found(server)[UPLOADS][1])
    )


def test_a_pattern_looks_at_the_subjects_it_matches(server: RegistryServer) -> None:
    server.put("image-uploads-eu-value", BAD)
    server.put("image-uploads-eu-key", '"string"')
    subjects = found(server, Uploads((), "image-.*"), captions="image-captions")
    assert subjects["image-uploads-eu-value"][0] == FAIL
    assert subjects[UPLOADS][0] == OK
    assert set(subjects) == {UPLOADS, "image-uploads-eu-value", CAPTIONS, AUDIT}


def test_a_registry_that_is_away_is_a_finding_and_soon(server: RegistryServer) -> None:
    (finding,) = check_registry(RegistryOptions("http://127.0.0.1:1"), Uploads(), Topics(), 0.5)
    assert (finding.level, finding.subject) == (FAIL, "")
    assert finding.message.startswith("the registry at `127.0.0.1:1` cannot be asked")
    (finding,) = check_registry(RegistryOptions(server.url, "ann", "env:NOT_SET_ANYWHERE"), Uploads(), Topics())
    assert "secret `env:NOT_SET_ANYWHERE` is not set" in finding.message


def job(server: RegistryServer) -> Config:
    registry = RegistryOptions(server.url)
    return Config(registry=registry, uploads_wire=WireFormat("confluent", (), registry))


def test_bare_uploads_have_no_subject(server: RegistryServer) -> None:
    server.put(UPLOADS, BAD)
    config, findings = with_registry(replace(job(server), uploads_wire=WireFormat()))
    assert config.captions_wire == WireFormat("confluent", ((102, "caption"),))
    assert [one.subject for one in findings] == [CAPTIONS, AUDIT]
    assert not [asked for asked in server.asked if UPLOADS in asked]


def test_a_job_gets_the_ids_to_write_with(server: RegistryServer) -> None:
    config, findings = with_registry(job(server))
    assert config.captions_wire == WireFormat("confluent", ((102, "caption"),))
    assert config.audit_wire == WireFormat("confluent", ((103, "audit"),))
    assert {one.level for one in findings} == {OK}


def test_a_job_does_not_start_over_what_does_not_fit(server: RegistryServer) -> None:
    server.put(UPLOADS, BAD)
    with pytest.raises(SchemaUnfit, match="cannot be read as an upload") as raised:
        with_registry(job(server))
    assert raised.value.code == "schema_unfit"


def test_a_job_without_a_registry_asks_nobody() -> None:
    config = Config()
    assert with_registry(config) == (config, ())


def test_uploads_are_written_with_the_id_of_our_schema(server: RegistryServer) -> None:
    options = RegistryOptions(server.url)
    wire = WireFormat("confluent", (), options)
    with pytest.raises(SchemaUnfit, match="not in subject `new-value`; register it: captionstream schemas register"):
        with_writer(wire, "new")
    (made,) = register_schemas(Registry(Http(options)), Topics(), ("new",))
    assert with_writer(wire, "new").schemas == ((made.id, "image_upload"),)
    own = replace(wire, schemas=((7, "image_upload"),))
    asked = len(server.asked)
    assert (with_writer(own, "new"), with_writer(WireFormat(), "new")) == (own, WireFormat())
    assert len(server.asked) == asked


def test_registering_puts_there_what_is_missing_and_no_more(server: RegistryServer) -> None:
    registry = Registry(Http(RegistryOptions(server.url)))
    made = list(register_schemas(registry, Topics(captions="new"), ("new-uploads",)))
    assert [(one.subject, one.version) for one in made] == [("new-value", 1), ("new-uploads-value", 1)]
    assert list(register_schemas(registry, Topics(captions="new"), ("new-uploads",))) == []


def test_registering_is_all_or_nothing(server: RegistryServer) -> None:
    registry = Registry(Http(RegistryOptions(server.url)))
    server.put("taken-value", '"string"')
    server.incompatible["taken-value"] = ["TYPE_MISMATCH"]
    with pytest.raises(SchemaUnfit, match="would not take our schema `audit`: TYPE_MISMATCH; nothing was registered"):
        list(register_schemas(registry, Topics(captions="new", audit="taken")))
    assert registry.versions("new-value") == ()


def command(*more: str, url: str) -> int:
    return main(["schemas", *more, "--registry", url])


def test_the_command_checks(server: RegistryServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("check", url=server.url) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"ok    the only version of `{UPLOADS}` can be read as uploads"
    assert command("check", "--captions-topic", "other", "--json", url=server.url) == 1
    lines: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["subject"], line["level"], line["schema_id"]) for line in lines] == [
        (UPLOADS, "ok", None),
        ("other-value", "fail", None),
        (AUDIT, "ok", 103),
    ]


def test_the_command_registers_when_told_to(server: RegistryServer, capsys: pytest.CaptureFixture[str]) -> None:
    more = ("--captions-topic", "new", "--topic", "new-uploads", "--with-uploads")
    assert command("register", *more, url=server.url) == 0
    said = capsys.readouterr()
    assert "captionstream: registered: version 1 of new-value, id 102\n" in said.err
    assert "warn  our schema `caption` is version 1 of `new-value`, id 102; the subject takes changes of" in said.out
    assert command("check", *more[:4], url=server.url) == 0


def test_the_command_needs_a_registry(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schemas", "check"]) == 2
    assert "there is no registry to ask; add --registry URL" in capsys.readouterr().err
    assert main(["schemas", "check", "--registry-username", "ann"]) == 2
    assert "there is no registry to reach; add --registry URL" in capsys.readouterr().err


def test_a_pattern_names_no_subject_to_register_into(
    server: RegistryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("register", "--topic-pattern", "uploads-.*", "--with-uploads", url=server.url) == 2
    assert "`uploads-.*` names no topic to register a schema for; name them with --topic" in capsys.readouterr().err
    assert not [asked for asked in server.asked if asked.startswith("POST")]


def test_a_conflict_is_one_line(server: RegistryServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.put("new-value", '"string"')
    conflict = 409, {"error_code": 409, "message": "incompatible with an earlier schema"}
    server.fault = lambda number, method, path: conflict if path.endswith("/new-value/versions") else None
    assert command("register", "--captions-topic", "new", url=server.url) == 1
    said = capsys.readouterr().err
    assert "registry_refused: the registry does not take our schema into `new-value` (`409`: incompatible with" in said
    assert "Traceback" not in said


def test_run_and_replay_look_before_anything_is_read(
    server: RegistryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("run", "replay"):
        more = ["--bootstrap-servers", "127.0.0.1:1", "--captions-topic", "other", "--registry", server.url]
        assert main([name, *more]) == 1
        assert capsys.readouterr().err.startswith("captionstream: schema_unfit: our schema `caption` is not in subject")
