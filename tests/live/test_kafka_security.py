"""SASL and TLS against a real broker: who gets in, who does not and why, and that no secret shows."""

import io
import logging
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from authority import Authority
from kafka.admin import UserScramCredentialUpsertion

from pipeline.cli import main
from pipeline.kafka.connection import KafkaOptions, admin, consumer, producer
from pipeline.kafka.consume import read_topic
from pipeline.kafka.produce import send
from pipeline.kafka.security import Security
from pipeline.local.kafka import LocalKafka
from transforms.errors import BrokerRefused
from transforms.values import Outgoing

pytestmark = pytest.mark.broker

LISTENERS = {"SASL": "SASL_PLAINTEXT", "TLS": "SSL", "BOTH": "SASL_SSL", "MUTUAL": "SSL", "ELSEWHERE": "SSL"}
PASSWORDS = {"PLAIN": "plain-5ecret", "SCRAM-SHA-256": "scram256-5ecret", "SCRAM-SHA-512": "scram512-5ecret"}
WRONG = "wrong-5ecret"
USER = "cn=shop,ou=images"


class Secured:
    """A broker with a listener of each kind, and the options of clients for them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        authority = Authority(folder)
        self.broker = authority.sign("127.0.0.1")
        self.elsewhere = authority.sign("elsewhere.example")
        self.client = authority.sign("client")
        self.trusted = str(authority.certificate)
        self.untrusted = str(Authority(folder, "stranger").certificate)
        self.kafka = LocalKafka(settings=self._settings(), listeners=LISTENERS)
        for name, password in {**PASSWORDS, "WRONG": WRONG, "KEY": WRONG[::-1]}.items():
            (folder / name).write_text(password + "\n")

    def options(self, listener: str, mechanism: str | None = None, *, entry: str | None = None, **tls) -> KafkaOptions:
        """For a client of a listener; TLS trusts our authority, ``entry`` names another password."""
        protocol = LISTENERS[listener]
        if protocol.endswith("SSL"):
            tls = {"ca_file": self.trusted, **tls}
        if mechanism:
            tls |= {"mechanism": mechanism, "username": USER, "password": self.file(entry or mechanism)}
        return KafkaOptions(self.kafka.address_of(listener), security=Security(protocol, **tls))

    def file(self, name: str) -> str:
        """The reference to a password."""
        return f"file:{self.folder / name}"

    def create_users(self) -> None:
        """The SCRAM ones; PLAIN is the broker's configuration."""
        client = admin(KafkaOptions(self.kafka.bootstrap_servers))
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
            made = client.alter_user_scram_credentials(
                [UserScramCredentialUpsertion(USER, mechanism, PASSWORDS[mechanism])]
            )
            assert made == {USER: None}
        client.close()

    def _settings(self) -> dict[str, str]:
        settings = {"listener.name.mutual.ssl.client.auth": "required"}
        for listener in ("sasl", "both"):
            start, login = f"listener.name.{listener}", "org.apache.kafka.common.security"
            settings[f"{start}.sasl.enabled.mechanisms"] = ",".join(PASSWORDS)
            settings[f"{start}.plain.sasl.jaas.config"] = (
                f'{login}.plain.PlainLoginModule required "user_{USER}"="{PASSWORDS["PLAIN"]}";'
            )
            for mechanism in ("scram-sha-256", "scram-sha-512"):
                settings[f"{start}.{mechanism}.sasl.jaas.config"] = f"{login}.scram.ScramLoginModule required;"
        for listener in ("tls", "both", "mutual", "elsewhere"):
            signed = self.elsewhere if listener == "elsewhere" else self.broker
            for store, path in (("keystore", signed.both), ("truststore", self.trusted)):
                settings[f"listener.name.{listener}.ssl.{store}.type"] = "PEM"
                settings[f"listener.name.{listener}.ssl.{store}.location"] = str(path)
        return settings


@pytest.fixture(scope="module")
def secured(kafka: LocalKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """One broker for this file; the one of the session (`kafka`) is asked for because it skips where none runs."""
    made = Secured(tmp_path_factory.mktemp("secured"))
    with made.kafka:
        made.kafka.create_topics({"uploads": 1})
        made.create_users()
        yield made


@pytest.fixture(autouse=True)
def no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Of everything any logger says at its loudest, kafka-python's and traces included."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    logging.root.addHandler(handler)
    with caplog.at_level(logging.DEBUG):
        yield
    logging.root.removeHandler(handler)
    assert "Bootstrap" in said.getvalue()
    assert "5ecret" not in said.getvalue()


WAYS_IN: dict[str, Callable[[Secured], KafkaOptions]] = {
    "PLAIN": lambda s: s.options("SASL", "PLAIN"),
    "SCRAM-SHA-256": lambda s: s.options("SASL", "SCRAM-SHA-256"),
    "SCRAM-SHA-512": lambda s: s.options("SASL", "SCRAM-SHA-512"),
    "SSL": lambda s: s.options("TLS"),
    "SASL_SSL PLAIN": lambda s: s.options("BOTH", "PLAIN"),
    "SASL_SSL SCRAM": lambda s: s.options("BOTH", "SCRAM-SHA-512"),
    "mutual TLS": lambda s: s.options("MUTUAL", certificate_file=str(s.client.certificate), key_file=str(s.client.key)),
    "mutual TLS, key encrypted": lambda s: s.options(
        "MUTUAL",
        certificate_file=str(s.client.certificate),
        key_file=str(s.client.locked(WRONG[::-1])),
        key_password=s.file("KEY"),
    ),
    "hostname not checked": lambda s: s.options("ELSEWHERE", check_hostname=False),
}


@pytest.mark.parametrize("way", WAYS_IN)
def test_what_is_produced_is_consumed(secured: Secured, way: str) -> None:
    options = pickle.loads(pickle.dumps(WAYS_IN[way](secured)))  # noqa: S301
    client = producer(options)
    send(client, Outgoing("uploads", way.encode(), b"value")).get(20)
    client.close()
    assert read_topic(options, "uploads")[-1].key == way.encode()
    client = admin(options)
    assert "uploads" in client.list_topics()
    client.close()


AUTHENTICATION = "check --kafka-username, --kafka-password and --kafka-sasl-mechanism"
REFUSED: dict[str, tuple[Callable[[Secured], KafkaOptions], str]] = {
    "wrong password, PLAIN": (
        lambda s: s.options("SASL", "PLAIN", entry="WRONG"),
        f"did not let user `{USER}` in by `PLAIN` (`Invalid username or password`); {AUTHENTICATION}",
    ),
    "wrong password, SCRAM": (
        lambda s: s.options("SASL", "SCRAM-SHA-256", entry="WRONG"),
        f"did not let user `{USER}` in by `SCRAM-SHA-256` (`Authentication failed during authentication due to "
        f"invalid credentials with SASL mechanism SCRAM-SHA-256`); {AUTHENTICATION}",
    ),
    "wrong password, SASL_SSL": (
        lambda s: s.options("BOTH", "PLAIN", entry="WRONG"),
        f"did not let user `{USER}` in by `PLAIN` (`Invalid username or password`); {AUTHENTICATION}",
    ),
    "unknown authority": (
        lambda s: s.options("TLS", ca_file=s.untrusted),
        "has a certificate that is not trusted (`",
    ),
    "system's authorities": (
        lambda s: KafkaOptions(s.kafka.address_of("TLS"), security=Security("SSL")),
        "has a certificate that is not trusted (`unable to get local issuer certificate`); check --kafka-ca-file",
    ),
    "unknown authority, SASL_SSL": (
        lambda s: s.options("BOTH", "PLAIN", ca_file=s.untrusted),
        "has a certificate that is not trusted (`",
    ),
    "another host": (
        lambda s: s.options("ELSEWHERE"),
        "has a certificate that is not trusted (`IP address mismatch, certificate is not valid for '127.0.0.1'.`); "
        "check --kafka-ca-file and the host in --bootstrap-servers",
    ),
    "no certificate": (
        lambda s: s.options("MUTUAL"),
        "; check --kafka-security-protocol, --kafka-certificate-file and --kafka-key-file",
    ),
    "plain to TLS": (
        lambda s: KafkaOptions(s.kafka.address_of("TLS")),
        "closes the connection or answers what is not `PLAINTEXT`; check --kafka-security-protocol, and that the port",
    ),
    "SASL to TLS": (
        lambda s: KafkaOptions(s.kafka.address_of("TLS"), security=s.options("SASL", "PLAIN").security),
        "closes the connection or answers what is not `SASL_PLAINTEXT`; check --kafka-security-protocol",
    ),
    "SASL to plain": (
        lambda s: KafkaOptions(s.kafka.bootstrap_servers, security=s.options("SASL", "PLAIN").security),
        "does not speak `SASL_PLAINTEXT` on this port; mend --kafka-security-protocol or the port",
    ),
}


def refusal(options: KafkaOptions, make: Callable[[KafkaOptions], object], seconds: float) -> str:
    """What the client's maker says; in time, and with nothing left behind."""
    others, began = set(threading.enumerate()), time.monotonic()
    with pytest.raises(BrokerRefused) as caught:
        make(options)
    assert time.monotonic() - began < seconds
    assert not set(threading.enumerate()) - others  # some of the others, of earlier tests, may end meanwhile
    said = caught.value.message
    assert said.startswith(f"the broker at `{options.bootstrap_servers}` ")
    for error in (caught.value, caught.value.__cause__):
        assert "5ecret" not in repr(error)
    return said


@pytest.mark.parametrize("way", REFUSED)
@pytest.mark.parametrize("make", [consumer, producer, admin], ids=lambda make: make.__name__)
def test_who_is_refused_learns_why_at_once(secured: Secured, make: Callable[..., object], way: str) -> None:
    options, words = REFUSED[way]
    assert words in refusal(options(secured), make, 5)  # of the 10 that no answer would take


@pytest.mark.parametrize("port", ["plain to SASL", "TLS to plain"])
def test_a_broker_that_only_hangs_up_is_tried_until_the_time_is_over(secured: Secured, port: str) -> None:
    if port == "plain to SASL":
        options = KafkaOptions(secured.kafka.address_of("SASL"), connect_seconds=1)
    else:
        tls = secured.options("TLS").security
        options = KafkaOptions(secured.kafka.bootstrap_servers, connect_seconds=1, security=tls)
    said = refusal(options, consumer, 5)
    assert "closes the connection or answers what is not" in said


def test_a_mechanism_the_broker_does_not_offer(secured: Secured) -> None:
    settings = {"listener.name.sasl.sasl.enabled.mechanisms": "PLAIN", "listener.name.sasl.plain.sasl.jaas.config": (
        f'org.apache.kafka.common.security.plain.PlainLoginModule required user_shop="{PASSWORDS["PLAIN"]}";'
    )}  # fmt: skip
    with LocalKafka(settings=settings, listeners={"SASL": "SASL_PLAINTEXT"}) as own:
        security = secured.options("SASL", "SCRAM-SHA-512").security
        said = refusal(KafkaOptions(own.address_of("SASL"), security=security), consumer, 5)
        assert said.endswith("does not offer SASL mechanism `SCRAM-SHA-512`; mend --kafka-sasl-mechanism")


def test_the_command_line_says_it_in_a_line(secured: Secured, capsys: pytest.CaptureFixture[str]) -> None:
    said = ["replay", "--verbose", "--bootstrap-servers", secured.kafka.address_of("BOTH"), "--kafka-username", USER]
    said += ["--kafka-security-protocol", "SASL_SSL", "--kafka-sasl-mechanism", "PLAIN"]
    said += ["--kafka-ca-file", secured.trusted, "--kafka-password", secured.file("WRONG")]
    assert main(said) == 1
    words = f"did not let user `{USER}` in by `PLAIN` (`Invalid username or password`)"
    out, err = capsys.readouterr()
    assert f"captionstream: broker_refused: the broker at `{said[3]}` {words}; check --kafka-username" in err
    assert "5ecret" not in out + err
