"""Where pictures may come from, how large they may be, and how long that may take."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from transforms.errors import ConfigInvalid

ANY_HOST = "*"
STANDARD_PORTS = (80, 443)
STORES = ("s3", "gs")
_BUCKET = re.compile(r"(?:s3|gs)://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", re.ASCII)
_PROXY = re.compile(r"http://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?/?", re.ASCII | re.IGNORECASE)
_ENDPOINT = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", re.ASCII | re.IGNORECASE)
_HOST = re.compile(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What may be fetched from hosts. The first field says which; without one nothing is."""

    hosts: tuple[str, ...] = ()
    """Exact names or addresses, ``.example.com`` for a domain and all below it, or ``*``."""
    allow_plain: bool = False
    """Also ``http:``, which anybody on the way can read and change."""
    ports: tuple[int, ...] = ()
    """Besides 80 and 443."""
    networks: tuple[str, ...] = ()
    """CIDRs that are no public addresses and may be connected to all the same."""
    proxy: str | None = None
    """``http://host:port``, through which hosts are asked. It looks their names up, so their addresses are not judged
    here: then hosts must be named, and ``*`` is refused."""
    ca_file: str | None = None
    """PEM file of authorities that are trusted besides the system's, read on the worker."""
    seconds: float = 20.0
    """For one picture, with all its redirects, attempts and pauses."""
    connections: int = 48
    """Pictures that a worker fetches at once."""
    connections_per_host: int = 8
    memory: int = 1 << 30
    """Bytes of a worker for pictures that are being fetched or wait to go on."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        for host in self.hosts:
            if host != ANY_HOST and not _HOST.fullmatch(host) and not _is_address(host):
                raise ConfigInvalid(
                    f"`{host}` is no host; mend --fetch-host, for example cdn.example.com, .example.com or '*'"
                )
        for network in self.networks:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                raise ConfigInvalid(
                    f"`{network}` is no network; mend --fetch-network, for example 10.2.0.0/16"
                ) from None
        for port in self.ports:
            if not 0 < port < 65536:
                raise ConfigInvalid(f"`{port}` is no port; mend --fetch-port")
        if self.proxy is not None and not _PROXY.fullmatch(self.proxy):
            raise ConfigInvalid("a proxy is `http://host:port`, without a password or a path; mend --fetch-proxy")
        if self.proxy is not None and ANY_HOST in self.hosts:
            raise ConfigInvalid(
                "behind a proxy nobody judges where a name leads, so `*` would open the proxy's own network; name the "
                "hosts with --fetch-host, or leave --fetch-proxy out"
            )
        if not self.hosts and (self.allow_plain or self.ports or self.networks or self.ca_file or self.proxy):
            raise ConfigInvalid("no host is allowed, so no picture is fetched from one; name some with --fetch-host")
        if self.ca_file is not None and not os.path.isabs(self.ca_file):
            raise ConfigInvalid(f"`{self.ca_file}` is not an absolute path; mend --fetch-ca-file")
        if not 0 < self.seconds <= 3600:
            raise ConfigInvalid(f"`{self.seconds:g}` s are not within 0 and an hour; mend --fetch-timeout")
        if self.connections < 1 or self.connections_per_host < 1:
            fewest = min(self.connections, self.connections_per_host)
            raise ConfigInvalid(
                f"`{fewest}` connections fetch nothing; mend --fetch-connections or --fetch-connections-per-host"
            )

    @property
    def proxy_place(self) -> tuple[str, int]:
        """The proxy's host and port."""
        place = urlsplit(self.proxy or "")
        return place.hostname or "", place.port or 80


@dataclass(frozen=True, slots=True)
class BucketLimits:
    """Object stores. What a worker may read there is not what an uploader may: only buckets that are named count."""

    names: tuple[str, ...] = ()
    """``s3://name`` or ``gs://name``."""
    s3_endpoint: str | None = None
    """``https://host[:port]`` of a store that speaks S3; None: Amazon's."""
    gs_endpoint: str | None = None
    """The same of one that speaks Google's JSON API."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        for name in self.names:
            if not _BUCKET.fullmatch(name):
                raise ConfigInvalid(f"`{name}` is no bucket; mend --fetch-bucket, for example s3://name or gs://name")
        self._check("s3", self.s3_endpoint, "--fetch-s3-endpoint")
        self._check("gs", self.gs_endpoint, "--fetch-gs-endpoint")

    def _check(self, store: str, endpoint: str | None, option: str) -> None:
        if endpoint is None:
            return
        if not _ENDPOINT.fullmatch(endpoint):
            raise ConfigInvalid(
                f"an endpoint is `https://host` or `https://host:port`, and nothing else; mend {option}"
            )
        if not any(name.startswith(f"{store}://") for name in self.names):
            raise ConfigInvalid(
                f"{option} `{endpoint}` serves no bucket; name one with --fetch-bucket, `{store}://name`"
            )


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Where pictures may come from, and how large they may be."""

    file_root: str | None = None
    """Absolute path of the one directory whose files are served; None serves no files at all."""
    max_bytes: int = 20 * 2**20
    """Bytes of a picture, counted while reading: a file may grow, and a host may lie."""
    http: HttpLimits = field(default_factory=HttpLimits)
    buckets: BucketLimits = field(default_factory=BucketLimits)

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        if self.max_bytes < 1:
            raise ConfigInvalid(f"the byte cap `{self.max_bytes}` is below 1; mend --max-image-bytes")
        if self.file_root is not None and not os.path.isabs(self.file_root):
            raise ConfigInvalid(f"file root `{self.file_root}` is not an absolute path; mend --file-root")
        if self.http.memory < self.max_bytes:
            raise ConfigInvalid(
                f"`{self.http.memory}` bytes for fetching hold no picture of `{self.max_bytes}`; "
                "mend --fetch-memory or --max-image-bytes"
            )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
