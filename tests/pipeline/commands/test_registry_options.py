"""From the options to the wire formats of the topics."""

import pytest

from pipeline.cli import parser
from pipeline.commands.looking import topics
from pipeline.commands.shared import job_config
from pipeline.config import Config
from schemas.codec import WireFormat
from schemas.registry import RegistryOptions
from transforms.errors import ConfigInvalid

URL = "https://registry:8081"
REGISTRY = RegistryOptions(URL, "ann", "env:P", "/ca.pem")
OPTIONS = [
    "--registry",
    URL,
    "--registry-username",
    "ann",
    "--registry-password",
    "env:P",
    "--registry-ca-file",
    "/ca.pem",
]


def config(*more: str) -> Config:
    return job_config(parser().parse_args(["replay", *more]))


def test_uploads_are_confluents_where_there_is_a_registry() -> None:
    made = config(*OPTIONS)
    assert made.registry == REGISTRY
    assert made.uploads_wire == WireFormat("confluent", (), REGISTRY)


def test_bare_uploads_are_asked_for() -> None:
    made = config(*OPTIONS, "--upload-format", "avro")
    assert made.uploads_wire == WireFormat()
    assert made.registry == REGISTRY


def test_ids_of_ones_own_go_before_the_registry() -> None:
    made = config(*OPTIONS, "--upload-format", "mixed", "--schema-id", "7=image_upload")
    assert made.uploads_wire == WireFormat("mixed", ((7, "image_upload"),), REGISTRY)


def test_commands_that_look_into_uploads_ask_it_too() -> None:
    parsed = parser().parse_args(["inspect", "--image", "img-1", *OPTIONS])
    assert topics(parsed).uploads_wire == WireFormat("confluent", (), REGISTRY)
    assert topics(parser().parse_args(["inspect", "--image", "img-1"])).uploads_wire == WireFormat()


def test_nothing_of_it_by_default() -> None:
    made = config()
    assert (made.registry, made.uploads_wire, made.captions_wire) == (None, WireFormat(), WireFormat())


def test_a_secret_on_the_command_line_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigInvalid, match="--registry-password takes a reference") as raised:
        config("--registry", URL, "--registry-username", "ann", "--registry-password", "hunter2")
    assert "hunter2" not in raised.value.message
