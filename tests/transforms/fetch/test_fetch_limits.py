"""Rules that make no sense are refused with the option that mends them."""

from typing import Any

import pytest

from transforms.errors import ConfigInvalid
from transforms.fetch import FetchLimits, HttpLimits


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"hosts": ("https://cdn.example",)}, "`https://cdn.example` is no host; mend --fetch-host, for example"),
        ({"hosts": ("cdn.example:8080",)}, "is no host"),
        ({"hosts": ("*.cdn.example",)}, "is no host"),
        ({"hosts": ("cdn.example/a",)}, "is no host"),
        ({"hosts": ("",)}, "is no host"),
        ({"hosts": ("a", "bücher.example")}, "`bücher.example` is no host"),
        ({"hosts": ("a",), "networks": ("10.0.0.1/8",)}, "`10.0.0.1/8` is no network; mend --fetch-network"),
        ({"hosts": ("a",), "networks": ("shop",)}, "`shop` is no network"),
        ({"hosts": ("a",), "ports": (0,)}, "`0` is no port; mend --fetch-port"),
        ({"hosts": ("a",), "ports": (65536,)}, "`65536` is no port"),
        ({"allow_plain": True}, "no host is allowed, so no picture is fetched from one; name some with --fetch-host"),
        ({"ports": (8080,)}, "no host is allowed"),
        ({"networks": ("10.0.0.0/8",)}, "no host is allowed"),
        ({"ca_file": "/ca.pem"}, "no host is allowed"),
        ({"hosts": ("a",), "ca_file": "ca.pem"}, "`ca.pem` is not an absolute path; mend --fetch-ca-file"),
        ({"seconds": 0.0}, "`0` s are not within 0 and an hour; mend --fetch-timeout"),
        ({"seconds": 3601.0}, "`3601` s"),
        ({"connections": 0}, "`0` connections fetch nothing; mend --fetch-connections"),
        ({"connections_per_host": -1}, "`-1` connections fetch nothing; mend --fetch-connections or"),
    ],
)
def test_what_makes_no_sense(rules: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigInvalid) as raised:
        HttpLimits(**rules)
    assert words in raised.value.message


def test_room_for_no_picture() -> None:
    with pytest.raises(ConfigInvalid, match="mend --fetch-memory or --max-image-bytes"):
        FetchLimits(max_bytes=2 << 30)
    assert FetchLimits(max_bytes=2 << 30, http=HttpLimits(memory=2 << 30)).max_bytes == 2 << 30


@pytest.mark.parametrize(
    "host", ["*", "a", "cdn.example", ".cdn.example", "xn--bcher-kva.example", "8.8.8.8", "::1", "a_b"]
)
def test_hosts_that_may_be_named(host: str) -> None:
    assert HttpLimits((host,)).hosts == (host,)


def test_nothing_is_fetched_from_hosts_unless_one_is_named() -> None:
    assert FetchLimits().http.hosts == ()
    assert HttpLimits().networks == ()
    assert not HttpLimits().allow_plain
