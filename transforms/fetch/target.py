"""What is asked of whom: an http(s) address, judged by scheme, host and port before any name is looked up."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from transforms.errors import SourceForbidden
from transforms.fetch.limits import ANY_HOST, STANDARD_PORTS, HttpLimits
from transforms.fetch.uri import SHOWN, has_controls

_DEFAULT_PORTS = {"http": 80, "https": 443}
_PLACE = re.compile(r"(\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[^:\[\]]+))(:(?P<port>[0-9]{0,5}))?", re.ASCII | re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
"""A host that ends so is an IPv4 address to some resolvers, whatever stands before it."""
_KEPT = "/?:@!$&'()*+,;=-._~%[]|"


@dataclass(frozen=True, slots=True)
class Target:
    """One request: made by `judged` only."""

    scheme: str
    host: str
    """Lower case; an IPv6 address without brackets."""
    port: int
    path: str
    """With the query, percent-encoded."""

    @property
    def place(self) -> str:
        """``host[:port]``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """For messages: without the query."""
        return f"{self.scheme}://{self.place}{self.path.partition('?')[0]}"[:SHOWN]


def judged(address: SplitResult, limits: HttpLimits) -> Target:
    """The request that an http(s) address asks for. Raises `SourceForbidden`."""
    if "@" in address.netloc:
        raise SourceForbidden("the address has a user or a password, which are never sent; leave them out")
    found = _PLACE.fullmatch(address.netloc)
    if found is None:
        raise SourceForbidden("the address has no host, or one that cannot be read; send `https://host/path`")
    shown = f"{address.scheme}://{address.netloc}{address.path}"[:SHOWN]
    if address.scheme == "http" and not limits.allow_plain:
        raise SourceForbidden(f"`{shown}` is not encrypted; send https: or allow http: with --fetch-plain-http")
    host, port = _host(found, address.path[:SHOWN]), int(found["port"] or _DEFAULT_PORTS[address.scheme])
    if not any(_matches(host, rule) for rule in limits.hosts):
        raise SourceForbidden(f"`{shown}` is on a host that is not allowed; name it with --fetch-host")
    if port not in STANDARD_PORTS and port not in limits.ports:
        raise SourceForbidden(f"`{shown}` is on port `{port}`; allow it with --fetch-port")
    path = quote(address.path or "/", safe=_KEPT) + (f"?{quote(address.query, safe=_KEPT)}" if address.query else "")
    return Target(address.scheme, host, port, path if path.startswith("/") else f"/{path}")


def redirected(target: Target, location: str, limits: HttpLimits) -> Target:
    """Where an answer sends us; judged like the first address. Raises `SourceForbidden`."""
    if has_controls(location.replace(" ", "")):
        raise SourceForbidden(f"`{target.shown}` redirects to what is no address; send the picture's own")
    try:
        address = urlsplit(urljoin(f"{target.scheme}://{target.place}{target.path}", location.replace(" ", "%20")))
    except ValueError:
        raise SourceForbidden(f"`{target.shown}` redirects to what is no address; send the picture's own") from None
    if address.scheme not in _DEFAULT_PORTS:
        raise SourceForbidden(f"`{target.shown}` redirects to scheme `{address.scheme[:20]}`; send the picture's own")
    if address.scheme == "http" and target.scheme == "https":
        raise SourceForbidden(f"`{target.shown}` redirects from https: to http:; send the picture's own address")
    try:
        return judged(address, limits)
    except SourceForbidden as error:
        raise SourceForbidden(f"`{target.shown}` redirects elsewhere: {error.message}") from None


def _host(found: re.Match[str], path: str) -> str:
    """The host's one spelling: what resolvers and libraries might read differently is refused, and not shown."""
    if found["six"]:
        try:
            return str(ipaddress.IPv6Address(found["six"]))
        except ValueError:
            raise SourceForbidden(
                f"the address with path `{path}` has no IPv6 address in its brackets; mend it"
            ) from None
    name = str(found["name"]).lower()
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise SourceForbidden(
            f"the address with path `{path}` has a host that is no plain name; write it with `a-z 0-9 - . _`, other "
            "letters as `xn--…`, and without a dot at its end"
        )
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            raise SourceForbidden(f"the host `{name}` is an address in an odd form; write it as `192.0.2.1`") from None
    return name


def _matches(host: str, rule: str) -> bool:
    rule = rule.lower()
    if rule == ANY_HOST:
        return True
    if rule.startswith("."):
        return host == rule[1:] or host.endswith(rule)
    return host == (str(ipaddress.IPv6Address(rule)) if ":" in rule else rule)
