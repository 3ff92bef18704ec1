"""A user without rights is told which one is missing; with those of docs/deploying.md the job runs."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
from live.shop import Shop, product_png

from pipeline.cli import main
from pipeline.kafka.connection import KafkaOptions, admin
from pipeline.local.kafka import LocalKafka

pytestmark = pytest.mark.broker

NAMES = {"uploads": "uploads", "captions": "captions", "dead": "dead", "audit": "audit"}
DOC = Path(__file__).parents[2] / "docs" / "deploying.md"
USERS = " ".join(f'"user_{name}"="5ecret"' for name in ("shop", "careful", "checked"))
JAAS = f"org.apache.kafka.common.security.plain.PlainLoginModule required {USERS};"
SETTINGS = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",  # the tests themselves, without a password
    "listener.name.sasl.sasl.enabled.mechanisms": "PLAIN",
    "listener.name.sasl.plain.sasl.jaas.config": JAAS,
}


@pytest.fixture(scope="module")
def broker(kafka: LocalKafka) -> Iterator[LocalKafka]:
    """One that asks for rights; the one of the session (`kafka`) is asked for because it skips where none runs."""
    with LocalKafka(settings=SETTINGS, listeners={"SASL": "SASL_PLAINTEXT"}) as made:
        made.create_topics(dict.fromkeys(NAMES.values(), 1))
        Shop(made.bootstrap_servers, NAMES).upload({"image_id": "i", "image": product_png(1)})
        yield made


def allow(
    broker: LocalKafka,
    name: str,
    *operations: ACLOperation,
    user: str = "shop",
    kind: ResourceType = ResourceType.TOPIC,
) -> None:
    client = admin(KafkaOptions(broker.bootstrap_servers))
    pattern = ResourcePattern(kind, name)
    client.create_acls([ACL(f"User:{user}", "*", what, ACLPermissionType.ALLOW, pattern) for what in operations])
    client.close()


@pytest.fixture
def replay(broker: LocalKafka, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    (tmp_path / "password").write_text("5ecret")
    arguments = [
        *("--bootstrap-servers", broker.address_of("SASL"), "--topic", "uploads", "--captions-topic", "captions"),
        *("--dead-letters-topic", "dead", "--audit-topic", "audit", "--captioner", "fake", "--prompts", "tiny"),
        *("--kafka-security-protocol", "SASL_PLAINTEXT", "--kafka-sasl-mechanism", "PLAIN"),
        *("--kafka-password", f"file:{tmp_path / 'password'}"),
    ]

    def run(user: str = "shop") -> tuple[int, str]:
        return main(["replay", *arguments, "--kafka-username", user]), capsys.readouterr().err.splitlines()[-1]

    return run


def test_each_missing_right_is_named_until_none_is(broker: LocalKafka, replay: Callable[..., tuple[int, str]]) -> None:
    code, said = replay()
    assert (code, said.split(";")[0]) == (
        1,
        f"captionstream: topic_missing: topic `uploads` does not exist on `{broker.address_of('SASL')}`, "
        "or this user may not see it",
    )
    for topic in NAMES.values():
        allow(broker, topic, ACLOperation.DESCRIBE)
    refused = (
        "does not let this user {} (`{}AuthorizationFailedError`); give it the rights that docs/deploying.md lists"
    )
    for deed, wrong, topic, missing in (
        ("read topic `uploads`", "Topic", "uploads", ACLOperation.READ),
        ("write topic `audit`", "Cluster", "audit", ACLOperation.WRITE),  # an idempotent producer may not even begin
        ("write topic `captions`", "Topic", "captions", ACLOperation.WRITE),
    ):
        code, said = replay()
        assert code == 1
        assert said.startswith("captionstream: broker_refused: ")
        assert said.endswith(refused.format(deed, wrong))
        allow(broker, topic, missing)
    assert replay()[0] == 0


def test_the_documented_rights_are_enough(broker: LocalKafka, replay: Callable[..., tuple[int, str]]) -> None:
    rows = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", DOC.read_text("utf-8").partition("Rights of the")[2], re.M))
    for names in ("uploads", "captions, dead letters, audit"):
        for topic in names.replace("dead letters", "dead").split(", "):
            allow(broker, topic, *(ACLOperation[what.upper()] for what in rows[names].split(", ")), user="careful")
    assert replay("careful")[0] == 0


def test_the_check_tells_rights_without_using_them(
    broker: LocalKafka, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.commands.check.SECONDS", 120.0)
    (tmp_path / "password").write_text("5ecret")
    arguments = [
        *(
            "check",
            "run",
            "--bootstrap-servers",
            broker.address_of("SASL"),
            "--topic",
            "uploads",
            "--group",
            "g",
            "--json",
        ),
        *("--captions-topic", "captions", "--dead-letters-topic", "dead", "--audit-topic", "audit"),
        *(
            "--kafka-security-protocol",
            "SASL_PLAINTEXT",
            "--kafka-sasl-mechanism",
            "PLAIN",
            "--kafka-username",
            "checked",
        ),
        *("--kafka-password", f"file:{tmp_path / 'password'}", "--checkpoint-dir", str(tmp_path)),
        *("--captioner", "fake", "--prompts", "tiny"),
    ]

    def check() -> tuple[int, dict[str, list[str]]]:
        code = main(arguments)
        found: dict[str, list[str]] = {}
        for line in map(json.loads, capsys.readouterr().out.splitlines()):
            found.setdefault(line["what"], []).append(f"{line['level']}: {line['found']}")
        return code, found

    code, found = check()
    assert code == 1
    for topic in NAMES.values():
        assert found[f"topic {topic}"] == ["fail: does not exist, or this user may not see it"]
    for topic in NAMES.values():
        allow(broker, topic, ACLOperation.DESCRIBE, user="checked")
    code, found = check()
    assert code == 1
    assert "warn: its settings are not told to this user" in found["topic uploads"]
    assert found["rights"] == [
        "fail: this user may not read topic `uploads`",
        *(f"fail: this user may not write topic `{topic}`" for topic in ("captions", "dead", "audit")),
    ]
    assert "events" not in found
    allow(broker, "uploads", ACLOperation.READ, ACLOperation.DESCRIBE_CONFIGS, user="checked")
    for topic in ("captions", "dead", "audit"):
        allow(broker, topic, ACLOperation.WRITE, ACLOperation.DESCRIBE_CONFIGS, user="checked")
    code, found = check()
    assert code == 1
    assert found["rights"] == ["ok: enough on all 4 topics"]
    assert found["group g"] == ["fail: this user may not use it (`GroupAuthorizationFailedError`)"]
    allow(broker, "g", ACLOperation.READ, user="checked", kind=ResourceType.GROUP)
    code, found = check()
    assert code == 0, found
    assert found["group g"][0].startswith("ok: has no offsets")
    assert found["events"] == ["ok: the newest of 1 partition can be decoded"]
