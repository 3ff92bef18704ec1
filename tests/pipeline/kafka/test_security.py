"""Who we are to the brokers: what is refused, what is read when, and what never shows."""

import copy
import logging
import pickle
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
from authority import Authority

from pipeline.cli import main, parser
from pipeline.commands.kafka import kafka_options
from pipeline.kafka.connection import KafkaOptions, admin, client_settings, consumer, producer
from pipeline.kafka.security import Security
from transforms.errors import BrokerRefused, BrokerUnreachable, ConfigInvalid

SECRET = "hunter2-hunter2"  # noqa: S105
SCRAM = {"protocol": "SASL_SSL", "mechanism": "SCRAM-SHA-512", "username": "shop", "password": "env:KAFKA_PASSWORD"}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"protocol": "TLS"}, "security protocol `TLS` is none of PLAINTEXT, SSL, .*; mend --kafka-security-protocol"),
        ({**SCRAM, "mechanism": None}, "protocol `SASL_SSL` needs --kafka-sasl-mechanism; add it"),
        ({**SCRAM, "username": ""}, "protocol `SASL_SSL` needs --kafka-username; add it"),
        ({**SCRAM, "password": None}, "protocol `SASL_SSL` needs --kafka-password; add it"),
        ({**SCRAM, "mechanism": "MD5"}, "SASL mechanism `MD5` is none of PLAIN, .*; mend --kafka-sasl-mechanism"),
        ({"username": "shop"}, "protocol `PLAINTEXT` has no use for --kafka-username; leave it out or add"),
        ({"ca_file": "/ca.pem"}, "protocol `PLAINTEXT` has no use for --kafka-ca-file; leave it out or add"),
        ({"check_hostname": False}, "protocol `PLAINTEXT` has no use for --kafka-no-hostname-check; leave it"),
        ({"protocol": "SSL", "ca_file": "ca.pem"}, "`ca.pem` is not an absolute path, .*; mend --kafka-ca-file"),
        ({"protocol": "SSL", "key_file": "/k.pem"}, "a client key without its certificate .*--kafka-certificate-file"),
    ],
)
def test_wrong_options_are_named_with_their_remedy(options: dict, words: str) -> None:
    with pytest.raises(ConfigInvalid, match=words):
        Security(**options)


@pytest.mark.parametrize("literal", [SECRET, f"env:{SECRET}", f"file:{SECRET}", f"ENV:{SECRET}", f"env:A\n{SECRET}"])
def test_a_literal_secret_is_refused_and_not_repeated(literal: str, capsys: pytest.CaptureFixture[str]) -> None:
    for option, given in (
        ("--kafka-password", {**SCRAM, "password": literal}),
        ("--kafka-key-password", {"protocol": "SSL", "certificate_file": "/c.pem", "key_password": literal}),
    ):
        with pytest.raises(ConfigInvalid) as caught:
            Security(**given)
        assert caught.value.message == (
            f"{option} takes a reference to a secret, not the secret itself: env:NAME or file:/absolute/path"
        )
    sasl = ["--kafka-security-protocol", "SASL_SSL", "--kafka-sasl-mechanism", "PLAIN", "--kafka-username", "shop"]
    assert main(["replay", "--verbose", *sasl, "--kafka-password", literal]) == 2
    assert SECRET not in "".join(capsys.readouterr())


def test_a_secret_is_read_when_a_client_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    options = KafkaOptions(security=Security(**SCRAM))
    monkeypatch.setenv("KAFKA_PASSWORD", SECRET)
    settings = client_settings(options)
    assert settings["sasl_plain_password"] == SECRET
    assert (settings["security_protocol"], settings["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    for held in (repr(options), str(options), pickle.dumps(options).decode("latin-1"), repr(copy.deepcopy(options))):
        assert SECRET not in held
        assert "env:KAFKA_PASSWORD" in held
    assert pickle.loads(pickle.dumps(options)) == options  # noqa: S301


@pytest.mark.parametrize("content", [b"%s", b"%s\n", b"%s\r\n"])
def test_a_secret_file_may_end_in_a_newline(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "password").write_bytes(content % SECRET.encode())
    security = Security("SASL_PLAINTEXT", "PLAIN", "shop", f"file:{tmp_path / 'password'}")
    assert security.settings()["sasl_plain_password"] == SECRET


def test_what_a_reference_does_not_lead_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    monkeypatch.setenv("EMPTY", "")
    (tmp_path / "binary").write_bytes(SECRET.encode() + b"\xff")
    for reference, words in (
        ("env:NOWHERE", "secret `env:NOWHERE` is not set or empty; set it where the job runs or mend --kafka-password"),
        ("env:EMPTY", "secret `env:EMPTY` is not set or empty"),
        ("file:/no/such", r"`/no/such` cannot be read \(`No such file or directory`\); mend --kafka-password"),
        (f"file:{tmp_path}", r"cannot be read \(`Is a directory`\); mend --kafka-password"),
        (f"file:{tmp_path / 'binary'}", "is not UTF-8 text; mend it or --kafka-password"),
    ):
        with pytest.raises(ConfigInvalid, match=words) as caught:
            Security("SASL_PLAINTEXT", "PLAIN", "shop", reference).settings()
        assert SECRET not in str(caught.value)


def test_a_scram_name_is_escaped_and_a_plain_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", SECRET)
    for mechanism, name in (("SCRAM-SHA-256", "cn=3Dshop=2Cou=3Dimages"), ("PLAIN", "cn=shop,ou=images")):
        security = Security("SASL_PLAINTEXT", mechanism, "cn=shop,ou=images", "env:KAFKA_PASSWORD")
        assert security.settings()["sasl_plain_username"] == name


def test_a_broker_must_show_a_trusted_certificate_of_its_host(authority: Authority) -> None:
    for check in (True, False):
        made = Security("SSL", ca_file=str(authority.certificate), check_hostname=check).settings()["ssl_context"]
        assert made.check_hostname is check
        assert made.verify_mode is ssl.CERT_REQUIRED
        assert made.minimum_version >= ssl.TLSVersion.TLSv1_2
        assert len(made.get_ca_certs()) == 1


def test_certificates_that_cannot_be_used(tmp_path: Path, authority: Authority, monkeypatch) -> None:
    monkeypatch.setenv("RIGHT", SECRET)
    monkeypatch.setenv("WRONG", SECRET[::-1])
    ours, other = authority.sign("shop"), authority.sign("other")
    (tmp_path / "empty.pem").touch()
    right = {"certificate_file": str(ours.certificate), "key_file": str(ours.locked(SECRET))}
    Security("SSL", **{**right, "key_password": "env:RIGHT"}).settings()
    Security("SSL", certificate_file=str(ours.both)).settings()
    for wrong, words in (
        ({"ca_file": "/no/such.pem"}, r"`/no/such.pem` cannot be read .*; mend --kafka-ca-file"),
        ({"ca_file": str(tmp_path / "empty.pem")}, r"empty.pem` holds no PEM certificate; mend --kafka-ca-file"),
        ({**right, "key_file": "/no/such.key"}, "`/no/such.key` cannot be read .*; mend --kafka-key-file"),
        ({**right, "key_file": str(other.key)}, "`KEY_VALUES_MISMATCH`.*; check --kafka-certificate-file"),
        (right, "cannot be used .*and --kafka-key-password"),
        ({**right, "key_password": "env:WRONG"}, "cannot be used .*and --kafka-key-password"),
        ({"certificate_file": str(ours.certificate)}, "cannot be used"),
    ):
        with pytest.raises(ConfigInvalid, match=words):
            Security("SSL", **wrong).settings()


def test_options_of_the_command_line() -> None:
    arguments = [
        "replay", "--bootstrap-servers", "broker:9093", "--client-id", "shop", "--kafka-security-protocol", "SASL_SSL",
        "--kafka-sasl-mechanism", "SCRAM-SHA-256", "--kafka-username", "shop", "--kafka-password", "file:/run/password",
        "--kafka-ca-file", "/ca.pem", "--kafka-certificate-file", "/our.pem", "--kafka-key-file", "/our.key",
        "--kafka-key-password", "env:KEY", "--kafka-no-hostname-check",
    ]  # fmt: skip
    files = ("/ca.pem", "/our.pem", "/our.key")
    security = Security("SASL_SSL", "SCRAM-SHA-256", "shop", "file:/run/password", *files, "env:KEY", False)
    made = kafka_options(parser().parse_args(arguments))
    assert made == KafkaOptions("broker:9093", client_id="shop", security=security)
    assert kafka_options(parser().parse_args(["replay"])) == KafkaOptions()


def test_the_loggers_that_would_tell_say_nothing_at_debug(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", SECRET)
    caplog.set_level(logging.DEBUG)
    options = KafkaOptions("127.0.0.1:1", connect_seconds=0.2, security=Security(**SCRAM))
    for make in (admin, consumer, producer):
        with pytest.raises(BrokerUnreachable) as caught:
            make(options)
        assert SECRET not in str(caught.value)
    assert "kafka" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("security", [Security(), Security("SSL")], ids=["plain", "tls"])
def test_a_silent_port_is_given_up_in_time(security: Security) -> None:
    others = set(threading.enumerate())
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        options = KafkaOptions(f"127.0.0.1:{silent.getsockname()[1]}", connect_seconds=0.5, security=security)
        for make in (admin, consumer, producer):
            began = time.monotonic()
            with pytest.raises(BrokerUnreachable, match=r"no broker at .* answered in 0\.5 s"):
                make(options)
            assert time.monotonic() - began < 5
    assert not set(threading.enumerate()) - others


def test_a_port_that_hangs_up_is_not_a_silent_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        options = KafkaOptions(f"127.0.0.1:{server.getsockname()[1]}", connect_seconds=1)

        def hang_up() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        with pytest.raises(BrokerRefused, match=r"closes the connection or answers what is not `PLAINTEXT`; check --k"):
            consumer(options)
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    assert not thread.is_alive()
