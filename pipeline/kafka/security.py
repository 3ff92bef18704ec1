"""SASL and TLS: who we are to the brokers and whom we take for one. Holds references to secrets, never a secret."""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transforms.errors import ConfigInvalid
from transforms.references import check_reference, read, secret

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

_TELLTALES = ("kafka.net.connection", "kafka.protocol.parser", "kafka.admin.client")
"""kafka-python's loggers that write, at DEBUG, every request or the whole configuration: passwords included."""


@dataclass(frozen=True, slots=True)
class Security:
    """How a client and a broker know each other. It may travel in a job graph: secrets are read by `settings`."""

    protocol: str = "PLAINTEXT"
    """One of `PROTOCOLS`."""
    mechanism: str | None = None
    """One of `MECHANISMS`, for the SASL protocols."""
    username: str | None = None
    password: str | None = None
    """A reference: ``env:NAME`` or ``file:/absolute/path``."""
    ca_file: str | None = None
    """PEM; without it the system's authorities are trusted."""
    certificate_file: str | None = None
    """PEM, for brokers that ask who calls (mutual TLS)."""
    key_file: str | None = None
    """PEM; without it the key is in the certificate's file."""
    key_password: str | None = None
    """A reference, for an encrypted key."""
    check_hostname: bool = True

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it, never what a password option was given."""
        if self.protocol not in PROTOCOLS:
            raise ConfigInvalid(
                f"security protocol `{self.protocol}` is none of {', '.join(PROTOCOLS)}; mend --kafka-security-protocol"
            )
        self._check_sasl()
        self._check_tls()
        check_reference(self.password, "--kafka-password")
        check_reference(self.key_password, "--kafka-key-password")

    @property
    def has_sasl(self) -> bool:
        """Whether a client says who it is by name and password."""
        return self.protocol.startswith("SASL_")

    @property
    def has_tls(self) -> bool:
        """Whether the connection is encrypted and the broker shows a certificate."""
        return self.protocol.endswith("SSL")

    def settings(self) -> dict[str, Any]:
        """Read the secrets and give kafka-python's settings: for the making of one client, not for keeping.

        Raises `ConfigInvalid` for a secret, certificate or key that cannot be read.
        """
        settings: dict[str, Any] = {"security_protocol": self.protocol}
        if self.has_tls:
            settings["ssl_context"] = self._context()
        if self.has_sasl:
            for name in _TELLTALES:
                logging.getLogger(name).addFilter(_above_debug)
            settings["sasl_mechanism"] = self.mechanism
            settings["sasl_plain_username"] = self._sasl_name()
            settings["sasl_plain_password"] = secret(self.password or "", "--kafka-password")
        return settings

    def _check_sasl(self) -> None:
        given = {
            "--kafka-sasl-mechanism": self.mechanism,
            "--kafka-username": self.username,
            "--kafka-password": self.password,
        }
        for option, value in given.items():
            if self.has_sasl and not value:
                raise ConfigInvalid(f"security protocol `{self.protocol}` needs {option}; add it")
            if not self.has_sasl and value is not None:
                raise ConfigInvalid(
                    f"security protocol `{self.protocol}` has no use for {option}; "
                    "leave it out or add --kafka-security-protocol SASL_SSL"
                )
        if self.has_sasl and self.mechanism not in MECHANISMS:
            raise ConfigInvalid(
                f"SASL mechanism `{self.mechanism}` is none of {', '.join(MECHANISMS)}; mend --kafka-sasl-mechanism"
            )

    def _check_tls(self) -> None:
        files = {
            "--kafka-ca-file": self.ca_file,
            "--kafka-certificate-file": self.certificate_file,
            "--kafka-key-file": self.key_file,
        }
        for option, path in files.items():
            if path is not None and not Path(path).is_absolute():
                raise ConfigInvalid(f"`{path}` is not an absolute path, as workers need it; mend {option}")
        given = {
            **files,
            "--kafka-key-password": self.key_password,
            "--kafka-no-hostname-check": None if self.check_hostname else "",
        }
        for option, value in given.items():
            if not self.has_tls and value is not None:
                raise ConfigInvalid(
                    f"security protocol `{self.protocol}` has no use for {option}; "
                    "leave it out or add --kafka-security-protocol SSL or SASL_SSL"
                )
        if self.certificate_file is None and (self.key_file or self.key_password):
            raise ConfigInvalid("a client key without its certificate is of no use; add --kafka-certificate-file")

    def _sasl_name(self) -> str:
        name = self.username or ""
        # RFC 5802 section 5.1; kafka-python sends the name as it is and the broker would misread it.
        return name if self.mechanism == "PLAIN" else name.replace("=", "=3D").replace(",", "=2C")

    def _context(self) -> ssl.SSLContext:
        # Made here and not by kafka-python, which takes a wrong file for a broker that is away.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = self.check_hostname
        if self.ca_file is None:
            context.load_default_certs()
        else:
            read(self.ca_file, "--kafka-ca-file")
            try:
                context.load_verify_locations(self.ca_file)
            except ssl.SSLError as error:
                raise ConfigInvalid(f"`{self.ca_file}` holds no PEM certificate; mend --kafka-ca-file") from error
        if self.certificate_file is not None:
            self._load_certificate(context, self.certificate_file)
        return context

    def _load_certificate(self, context: ssl.SSLContext, certificate: str) -> None:
        read(certificate, "--kafka-certificate-file")
        if self.key_file is not None:
            read(self.key_file, "--kafka-key-file")
        # Without a password an encrypted key would make OpenSSL ask on the terminal.
        password = secret(self.key_password, "--kafka-key-password") if self.key_password else ""
        try:
            context.load_cert_chain(certificate, self.key_file, lambda: password)
        except (ssl.SSLError, ValueError) as error:
            reason = getattr(error, "reason", None) or "not PEM, or its password is another"
            raise ConfigInvalid(
                f"client certificate `{certificate}` and its key cannot be used (`{reason}`); "
                "check --kafka-certificate-file, --kafka-key-file and --kafka-key-password"
            ) from error


def _above_debug(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG
