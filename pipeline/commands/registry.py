"""The options that say where the schema registry is. Imports nothing heavy until asked to."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pipeline.terminal import say

if TYPE_CHECKING:
    from pipeline.config import Config
    from schemas.registry.options import RegistryOptions


def add_registry(command: argparse.ArgumentParser) -> None:
    """What `registry_options` reads."""
    group = command.add_argument_group(
        "schema registry", "that speaks Confluent's API; nothing is registered but by `captionstream schemas register`"
    )
    group.add_argument(
        "--registry",
        default="",
        metavar="URL",
        help="http(s)://host:port: what is written gets a schema id (no dead letter), and uploads are read by theirs",
    )
    group.add_argument("--registry-username", metavar="NAME", help="or API key")
    group.add_argument("--registry-password", metavar="REFERENCE", help="env:NAME or file:/absolute/path")
    group.add_argument("--registry-ca-file", metavar="PEM", help="authorities to trust (default: the usual ones)")


def registry_options(arguments: argparse.Namespace) -> RegistryOptions | None:
    """What `add_registry` was told; None without a registry. Raises `ConfigInvalid`."""
    from schemas.registry.options import RegistryOptions
    from transforms.errors import ConfigInvalid

    user = arguments.registry_username, arguments.registry_password
    if arguments.registry:
        return RegistryOptions(arguments.registry, *user, arguments.registry_ca_file)
    if any((*user, arguments.registry_ca_file)):
        raise ConfigInvalid("there is no registry to reach; add --registry URL, or leave its other options out")
    return None


def with_schema_ids(config: Config) -> Config:
    """The configuration with the ids of what is written; says what is not well. Raises what `with_registry` does."""
    from pipeline.registry.check import WARN, with_registry

    config, found = with_registry(config)
    for finding in found:
        if finding.level == WARN:
            say(f"warning: {finding.message}")
    return config
