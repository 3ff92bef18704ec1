"""Certificates for tests: an authority of their own and what it signs, as PEM files."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

LONG_AGO = datetime.datetime(2020, 1, 1)
LONG_AHEAD = datetime.datetime(2100, 1, 1)


@dataclass(frozen=True)
class Signed:
    certificate: Path
    key: Path

    @property
    def both(self) -> Path:
        """Key and certificate in one file, as Java wants a PEM key store."""
        path = self.certificate.with_suffix(".both.pem")
        path.write_bytes(self.key.read_bytes() + self.certificate.read_bytes())
        return path

    def locked(self, password: str) -> Path:
        """The key, encrypted."""
        path = self.key.with_suffix(".locked.key")
        key = serialization.load_pem_private_key(self.key.read_bytes(), None)
        path.write_bytes(_pem(key, serialization.BestAvailableEncryption(password.encode())))
        return path


class Authority:
    """Signs for hosts; ``certificate`` is what trusts them."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = folder / f"{name}.pem"
        self.certificate.write_bytes(self._signed(self._name, self._key, x509.BasicConstraints(True, None)))

    def sign(self, host: str) -> Signed:
        """A certificate for a name or an IP address, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            alternative = x509.DNSName(host)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        signed = Signed(self._folder / f"{host}.pem", self._folder / f"{host}.key")
        signed.certificate.write_bytes(self._signed(name, key, x509.SubjectAlternativeName([alternative])))
        signed.key.write_bytes(_pem(key, serialization.NoEncryption()))
        return signed

    def _signed(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType) -> bytes:
        builder = x509.CertificateBuilder(self._name, name, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(LONG_AGO).not_valid_after(LONG_AHEAD)
        signed = builder.add_extension(extension, critical=False).sign(self._key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)


def _pem(key: ec.EllipticCurvePrivateKey, lock: serialization.KeySerializationEncryption) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
