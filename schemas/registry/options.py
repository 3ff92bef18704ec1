"""How to reach the registry. It may travel in a job graph: the password is read where a client is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from transforms.errors import ConfigInvalid
from transforms.references import check_reference


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """One registry."""

    url: str
    """``http(s)://host:port``, with a path where the registry has one."""
    username: str | None = None
    password: str | None = None
    """A reference: ``env:NAME`` or ``file:/absolute/path``."""
    ca_file: str | None = None
    """PEM; without it the usual authorities are trusted."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it, never an address that may hold a password."""
        try:
            parts = urlsplit(self.url)
            is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port that is none
            is_address = False
        if not is_address or set("@?#") & set(self.url):
            raise ConfigInvalid(
                "the registry's address is not http(s)://HOST:PORT, without a user and a query; mend --registry: "
                "a name and a password go to --registry-username and --registry-password"
            )
        check_reference(self.password, "--registry-password")
        if (self.username is None) != (self.password is None):
            raise ConfigInvalid("a registry's user has a name and a password; give --registry-username and its other")
        if self.ca_file is not None and not Path(self.ca_file).is_absolute():
            raise ConfigInvalid(
                f"`{self.ca_file}` is not an absolute path, as workers need it; mend --registry-ca-file"
            )
        if self.ca_file is not None and not self.url.startswith("https:"):
            raise ConfigInvalid(
                "an address with http: shows no certificate; leave --registry-ca-file out or mend --registry"
            )

    @property
    def place(self) -> str:
        """Host and port, for messages."""
        return urlsplit(self.url).netloc
