"""The options that say how to reach the brokers. Imports nothing heavy until asked to."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pipeline.kafka.security import MECHANISMS, PROTOCOLS, Security

if TYPE_CHECKING:
    from pipeline.kafka.connection import KafkaOptions


def add_kafka(command: argparse.ArgumentParser) -> None:
    """Brokers, and how they and we know each other."""
    group = command.add_argument_group(
        "brokers", "secrets are given by reference, env:NAME or file:/absolute/path, and read where a client is made"
    )
    group.add_argument("--bootstrap-servers", default="localhost:9092", help="host:port, comma-separated")
    group.add_argument("--client-id", default="captionstream", help="name in the brokers' logs and quotas")
    group.add_argument(
        "--kafka-security-protocol", choices=PROTOCOLS, default="PLAINTEXT", help="of the brokers' listener"
    )
    group.add_argument("--kafka-sasl-mechanism", choices=MECHANISMS, help="for the SASL protocols")
    group.add_argument("--kafka-username", metavar="NAME", help="for SASL")
    group.add_argument("--kafka-password", metavar="REFERENCE", help="for SASL, for example env:KAFKA_PASSWORD")
    group.add_argument("--kafka-ca-file", metavar="PEM", help="authorities to trust (default: the system's)")
    group.add_argument("--kafka-certificate-file", metavar="PEM", help="ours, for brokers that ask for one")
    group.add_argument("--kafka-key-file", metavar="PEM", help="its key (default: in the certificate's file)")
    group.add_argument("--kafka-key-password", metavar="REFERENCE", help="of an encrypted key")
    group.add_argument(
        "--kafka-no-hostname-check", action="store_true", help="take a trusted certificate of any host's name"
    )
    group.add_argument(
        "--kafka-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="setting of kafka-python's clients, for example fetch_max_wait_ms=100; repeatable",
    )


def kafka_options(arguments: argparse.Namespace) -> KafkaOptions:
    """What `add_kafka` was told. Raises `ConfigInvalid`."""
    from pipeline.kafka.client_options import parse_client_options
    from pipeline.kafka.connection import KafkaOptions

    security = Security(
        protocol=arguments.kafka_security_protocol,
        mechanism=arguments.kafka_sasl_mechanism,
        username=arguments.kafka_username,
        password=arguments.kafka_password,
        ca_file=arguments.kafka_ca_file,
        certificate_file=arguments.kafka_certificate_file,
        key_file=arguments.kafka_key_file,
        key_password=arguments.kafka_key_password,
        check_hostname=not arguments.kafka_no_hostname_check,
    )
    return KafkaOptions(
        arguments.bootstrap_servers,
        client_id=arguments.client_id,
        security=security,
        client_options=parse_client_options(arguments.kafka_option),
    )
