"""Which addresses may be connected to: public ones, and networks that the operator names.

An address is judged when it is about to be connected to, never before: a name may lead elsewhere a moment later.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "169.254.169.254",  # AWS, Google, Azure and most others
        "169.254.170.2",  # AWS, containers
        "169.254.170.23",  # AWS, pods
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",  # Google
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure, in the middle of public addresses
        "192.0.0.192",  # Oracle
    )
)
"""Where a machine asks for its own keys: refused in a named network, too."""

_UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that was ever given out."""

_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network; 0.0.0.0 connects to this machine
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier NAT
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # IPv4-compatible, with :: and ::1
        "::ffff:0:0/96",
        "64:ff9b::/96",  # NAT64: an IPv4 address inside
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # Teredo, ORCHID and other protocols' own
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
"""Named here although `ipaddress` knows most of them: which ones differs from one Python to the next."""


def parse(address: str) -> Address | None:
    """The address, an IPv4 one inside IPv6 (``::ffff:…``) taken out; None for what is none, or has a zone."""
    if "%" in address:
        return None
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def may_connect(address: Address, networks: Sequence[Network]) -> bool:
    """Whether an address that `parse` gave is public, or in one of the named networks."""
    if address in _METADATA:
        return False
    return any(address in network for network in networks) or is_public(address)


def is_public(address: Address) -> bool:
    """Whether it is an address of one machine that everybody can reach."""
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST:
        return False
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in network for network in _NOT_PUBLIC)
