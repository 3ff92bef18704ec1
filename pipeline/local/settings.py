"""What the broker is started with: its options, its JVM's options and its ports."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from transforms.errors import ConfigInvalid

FORMAT = ("kafka.tools.StorageTool", "format", "--cluster-id", "Y2FwdGlvbnN0cmVhbS0xIQ", "--config")
SERVE = ("kafka.Kafka",)

_JVM_OPTIONS = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # a fifth off the start; a broker this short-lived never earns more
    "-XX:-UsePerfData",  # it would leave a file outside the broker's directory when killed
    "-XX:+ExitOnOutOfMemoryError",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
)
_OPTIONS = {
    "auto.create.topics.enable": "false",  # a misspelt topic is an error, as on most production brokers
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",  # a killed broker cannot come back before its last session ends
    "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.dedupe.buffer.size": str(8 << 20),  # the default takes a quarter of the heap
    "log.retention.ms": "-1",  # a replay's timestamps are old: the default would delete it within minutes
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
}


def options(default_partitions: int, overrides: Mapping[str, str]) -> dict[str, str]:
    """Merge the overrides into the broker's options; those of `placement` cannot be overridden."""
    if reserved := sorted(overrides.keys() & placement((0, 0), Path(), {}).keys()):
        raise ConfigInvalid(f"the local broker sets `{reserved[0]}` itself; leave it out of settings")
    return {**_OPTIONS, "num.partitions": str(default_partitions), **overrides}


def placement(ports: Sequence[int], home: Path, listeners: Mapping[str, str]) -> dict[str, str]:
    """Say where one broker is: its ports (for clients, for itself, for each listener) and its data.

    ``listeners`` are those for clients beside the plain one, name: security protocol.
    """
    clients, controller, *others = (f"127.0.0.1:{port}" for port in ports)
    advertised = [
        f"PLAINTEXT://{clients}",
        *(f"{name}://{place}" for name, place in zip(listeners, others, strict=True)),
    ]
    protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", **listeners}
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listeners": ",".join((*advertised, f"CONTROLLER://{controller}")),
        "advertised.listeners": ",".join(advertised),
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
        "log.dirs": str(home / "data"),
    }


def properties(values: Mapping[str, str]) -> str:
    """Write options as a Java properties file, which is Latin-1 with escapes."""
    return "".join(f"{key}={_escaped(value)}\n" for key, value in values.items())


def _escaped(value: str) -> str:
    utf16 = value.replace("\\", "\\\\").replace("\n", "\\n").encode("utf-16-be")
    units = (int.from_bytes(utf16[at : at + 2], "big") for at in range(0, len(utf16), 2))
    return "".join(chr(unit) if unit < 128 else f"\\u{unit:04x}" for unit in units)


def java_command(java: Path, jars: Iterable[Path], home: Path) -> tuple[str, ...]:
    """Build the command up to the main class; native libraries unpack into ``home``."""
    return (str(java), *_JVM_OPTIONS, f"-Djava.io.tmpdir={home}", "-cp", os.pathsep.join(map(str, jars)))


def free_ports(count: int = 2) -> tuple[int, ...]:
    """Pick ports that nothing uses now.

    They lie below the ephemeral range: a client that calls a stopped broker again and again could be given
    that very port as its own, connect to itself and keep the broker from coming back.
    """
    while True:
        ports = random.sample(range(20_000, 30_000), count)
        if all(_is_free(port) for port in ports):
            return tuple(ports)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
