"""None of these addresses is connected to: real sockets listen on all addresses of this machine, and count."""

import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import urllib3.util
from data.samples import upload
from data.web_host import WebHost, picture, redirect
from hypothesis import given
from hypothesis import strategies as st

from transforms.errors import EventInvalid, InputError, SourceForbidden
from transforms.fetch import Fetcher, FetchLimits, HttpLimits
from transforms.fetch.addresses import Address, may_connect, parse
from transforms.fetch.client import Client
from transforms.fetch.deadline import TimedSocket
from transforms.fetch.dial import Dial, connect, resolve
from transforms.fetch.target import judged
from transforms.fetch.uri import split


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


HAS_IPV6 = has_ipv6()
PUBLIC = "93.184.216.34"
GATE = "127.0.0.3"
"""An allowed host, in a network that is named."""

FORBIDDEN = [
    "0.0.0.0",  # noqa: S104
    *("0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254"),
    "100.100.100.200",
    *("127.0.0.1", "127.0.0.2", "127.255.255.254", "168.63.129.16", "169.254.0.1", "169.254.169.254"),
    *("169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1"),
    *("192.168.0.1", "192.168.255.255", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255"),
    *("240.0.0.1", "255.255.255.255", "::", "::1", "::2", "::127.0.0.1", "::93.184.216.34", "::ffff:127.0.0.1"),
    *("::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::5db8:d822"),
    *("64:ff9b:1::a00:1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:10::1", "2001:20::1", "2001:db8::1"),
    *("2002:7f00:1::", "2002:a00:1::1", "3fff::1", "5f00::1", "fc00::1", "fd00::1", "fd00:ec2::254", "fe80::1"),
    *("febf::1", "fec0::1", "feff::1", "ff02::1", "ff0e::1", "4000::1", "8000::1"),
]
ALLOWED = [PUBLIC, "8.8.8.8", "1.1.1.1", "192.0.1.1", "100.63.255.255", "100.128.0.0", "172.32.0.0", "2606:4700::1111"]

HOSTS = [
    *(f"[{address}]" if ":" in address else address for address in FORBIDDEN),
    # other spellings of 127.0.0.1
    *("0", "127.1", "127.0.1", "2130706433", "0x7f000001", "0X7F000001", "0x7f.0.0.1", "0x7f.1", "017700000001"),
    *("0177.0.0.1", "0177.0.0.01", "127.0.0.01", "127.0.0.0x1", "00000000000000000000177.0.0.1", "4294967297"),
    *("127.0.0.1.", "127.0.0.1..", ".127.0.0.1", "127..1", "0x", "1.0x", "127.0.0.1.0"),
    *("１２７.0.0.1", "127。0。0。1", "①②⑦.⓪.⓪.①", "١٢٧.0.0.1", "𝟙𝟚𝟟.0.0.1", "127.0.0.¹"),
    *("%31%32%37.0.0.1", "127%2e0%2e0%2e1", "127.0.0.1%00", "127.0.0.1%2f", "127.0.0.1\\.good.example"),
    *("localhost", "LOCALHOST", "localhost.", "LocalHost.", "ⓛocalhost", "local%68ost", "ip6-localhost"),
    *("[0:0:0:0:0:0:0:1]", "[::0001]", "[::ffff:7f00:1]", "[::FFFF:127.0.0.1]", "[0:0:0:0:0:ffff:127.0.0.1]"),
    *("[::1%25lo]", "[::1%lo]", "[fe80::1%25eth0]", "[::ffff:127.0.0.1%251]", "[127.0.0.1]", "[v1.x]", "[]", "[::1"),
    # what one reader takes for a user and another for a host
    *("user:pass@127.0.0.1", "good.example@127.0.0.1", "127.0.0.1@good.example", "@127.0.0.1", ":@127.0.0.1"),
    *("good.example\\@127.0.0.1", "good.example:80@127.0.0.1", "good.example:80:80", "[::1]good.example", "::1"),
    *("", ":", " ", "\t127.0.0.1", "a" * 64, "a." * 127 + "aa", "-a.example", "a_.-b", "a..b", "*", "good.example,a"),
    # names that lead to this machine or into its network
    *("private.example", "metadata.google.internal", "mixed.example", "reverse.example", "mapped.example"),
    *("nat64.example", "six.example", "zone.example", "odd.example", "sixtofour.example", "ten.example"),
]
NAMES = {
    "good.example": [PUBLIC],
    "private.example": ["127.0.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "mixed.example": [PUBLIC, "127.0.0.1"],
    "reverse.example": ["127.0.0.1", PUBLIC],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "six.example": ["::1"],
    "zone.example": ["fe80::1%lo"],
    "odd.example": ["127.1"],
    "pair.example": ["127.0.0.1", "127.0.0.2"],
    "sixtofour.example": ["2002:7f00:1::"],
    "ten.example": ["10.0.0.1"],
    "ip6-localhost": ["::1"],
}
OTHERS = [
    *("good.example:0", "good.example:22", "good.example:6379", "good.example:65536", "good.example:99999999"),
    *("good.example:8080", "good.example:-1", "good.example:+80", "good.example:8０", "other.test"),
]
"""Hosts with a port, which is not one that is allowed, or a host that is on no list."""


def loosely(host: str, port: int) -> list[str]:
    """A resolver that takes every spelling for an address, as many do."""
    name = host.rstrip(".").lower()
    if name in NAMES:
        return NAMES[name]
    try:
        return [socket.inet_ntoa(socket.inet_aton(name))]
    except OSError:
        return resolve(name, port)


def own_addresses() -> list[str]:
    """Of this machine, as far as it can be listened on."""
    found = ["127.0.0.1", "127.0.0.2", *(["::1"] if HAS_IPV6 else [])]
    for family, elsewhere in ((socket.AF_INET, PUBLIC), (socket.AF_INET6, "2606:4700::1111")):
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((elsewhere, 9))  # sends nothing
            except OSError:
                continue
            found.append(probe.getsockname()[0])
    return found


@pytest.fixture(scope="module")
def trap() -> Iterator[WebHost]:
    """Listens on every address of this machine."""
    with WebHost(lambda _: picture(b"secret"), "::" if HAS_IPV6 else "0.0.0.0") as host:  # noqa: S104
        yield host


class Connects:
    """Notes what was to be connected to; only this machine is."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, address: str, port: int, seconds: float) -> TimedSocket:
        self.asked.append(address)
        if not may_connect(parse(address) or parse("::1"), ()):  # type: ignore[arg-type]
            return connect(address, port, seconds)
        raise ConnectionRefusedError


def limits(*ports: int, networks: tuple[str, ...] = (), hosts: tuple[str, ...] = ("*",)) -> FetchLimits:
    return FetchLimits(http=HttpLimits(hosts, allow_plain=True, ports=ports, networks=networks))


def fetcher(of: FetchLimits, connects: Connects, resolving=loosely) -> Fetcher:
    client = Client(of, Dial(of.http.networks, resolving, connects), pause=lambda _: None)
    return Fetcher(of, client)


def refused(made: Fetcher, uri: str) -> InputError:
    with pytest.raises((SourceForbidden, EventInvalid)) as raised:
        made.fetch(upload(uri=uri))
    assert not raised.value.retryable
    return raised.value


def test_the_listener_counts_on_every_address(trap: WebHost) -> None:
    for address in own_addresses():
        before = trap.accepted
        with socket.create_connection((address, trap.port), 5):
            trap.wait_accepted(before + 1)


def test_this_machines_own_addresses(trap: WebHost) -> None:
    connects, before = Connects(), trap.accepted
    for address in own_addresses():
        if not may_connect(parse(address), ()):  # type: ignore[arg-type]  # it may have a public one
            host = f"[{address}]" if ":" in address else address
            refused(fetcher(limits(trap.port), connects), f"http://{host}:{trap.port}/a.jpg")
    assert connects.asked == []
    assert trap.accepted == before


def test_there_are_many() -> None:
    assert len(HOSTS) + len(OTHERS) > 150
    assert len(set(HOSTS)) == len(HOSTS)


@pytest.mark.parametrize("address", FORBIDDEN)
def test_not_public(address: str) -> None:
    found = parse(address)
    assert found is not None
    assert not may_connect(found, ())


@pytest.mark.parametrize("address", ALLOWED)
def test_public(address: str) -> None:
    found = parse(address)
    assert found is not None
    assert may_connect(found, ())


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", HOSTS)
def test_addresses_in_an_event(trap: WebHost, host: str, scheme: str) -> None:
    connects, before = Connects(), trap.accepted
    refused(fetcher(limits(trap.port), connects), f"{scheme}://{host}:{trap.port}/a.jpg")
    assert connects.asked == []
    assert trap.accepted == before


@pytest.mark.parametrize("host", HOSTS)
def test_addresses_that_an_allowed_host_redirects_to(trap: WebHost, host: str) -> None:
    connects, before = Connects(), trap.accepted
    with WebHost(lambda _: redirect(f"http://{host}:{trap.port}/a.jpg"), GATE) as gate:
        refused(fetcher(limits(trap.port, gate.port, networks=(f"{GATE}/32",)), connects), gate.url())
        assert gate.accepted == 1
    assert connects.asked == [GATE]
    assert trap.accepted == before


@pytest.mark.parametrize("place", OTHERS)
def test_ports_and_hosts_that_are_not_allowed(trap: WebHost, place: str) -> None:
    connects = Connects()
    refused(fetcher(limits(trap.port, hosts=("good.example",)), connects), f"https://{place}/a.jpg")
    with WebHost(lambda _: redirect(f"http://{place}/"), GATE) as gate:
        rules = limits(trap.port, gate.port, networks=(f"{GATE}/32",), hosts=("good.example", GATE))
        refused(fetcher(rules, connects), gate.url())
    assert connects.asked == [GATE]


@pytest.mark.parametrize(
    "location",
    [
        *("ftp://127.0.0.1:{port}/", "file:///etc/passwd", "gopher://127.0.0.1:{port}/_x", "data:image/png;base64,AA"),
        *("//127.0.0.1:{port}/", "///127.0.0.1:{port}/", "\\\\127.0.0.1:{port}/", "http:\\\\127.0.0.1:{port}/"),
        *("https:127.0.0.1:{port}", "http:///127.0.0.1:{port}/", "javascript:x", "//127.0.0.1:{port}\\@good.example/"),
        *(
            "HTTP://127.0.0.1:{port}/",
            "http://127.0.0.1:{port}",
            "http://127.0.0.1:{port}?",
            "http://127.0.0.1:{port}#",
        ),
        *("ws://127.0.0.1:{port}/", "unix:///var/run/docker.sock", "http://[::1]:{port}", "http://0:{port}/"),
        *("//127.1:{port}", "//0x7f.1:{port}/a", "//2130706433:{port}/", "//[::ffff:127.0.0.1]:{port}/"),
    ],
)
def test_redirects_in_any_form(trap: WebHost, location: str) -> None:
    """One that stays on the allowed host, in a circle, is no harm."""
    connects, before = Connects(), trap.accepted
    with WebHost(lambda _: redirect(location.format(port=trap.port)), GATE) as gate, pytest.raises(InputError):
        fetcher(limits(trap.port, gate.port, networks=(f"{GATE}/32",)), connects).fetch(upload(uri=gate.url()))
    assert set(connects.asked) == {GATE}
    assert trap.accepted == before


def test_a_name_that_is_public_first_and_private_then(trap: WebHost) -> None:
    """The answer that is judged is the one that is connected to."""
    connects, answers = Connects(), iter([[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]])
    asked: list[str] = []

    def changing(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    before = trap.accepted
    error = refused(fetcher(limits(trap.port), connects, changing), f"http://good.example:{trap.port}/a.jpg")
    assert "host `good.example` has the address `127.0.0.1`, which is not public" in error.message
    assert "--fetch-network" in error.message
    assert connects.asked == [PUBLIC]  # which refused: the second attempt looked the name up again
    assert asked == ["good.example"] * 2
    assert trap.accepted == before


def test_what_is_connected_to_is_the_judged_address_and_no_name() -> None:
    with WebHost() as host:
        asked = []

        def elsewhere(address: str, port: int, seconds: float) -> TimedSocket:
            asked.append(address)
            return connect(host.address, host.port, seconds)

        rules = limits(host.port)
        client = Client(rules, Dial((), lambda *_: [PUBLIC], elsewhere))
        uri = f"http://Good.Example:{host.port}/a.jpg"
        assert [Fetcher(rules, client).fetch(upload(uri=uri)) for _ in range(3)] == [b"picture"] * 3
        assert asked == [PUBLIC]  # once: the connection is kept
        assert host.accepted == 1
        assert "Host: good.example" in host.requests[0]


def test_a_network_opens_itself_and_no_more(trap: WebHost) -> None:
    connects, before = Connects(), trap.accepted
    made = fetcher(limits(trap.port, networks=("127.0.0.1/32", "::1/128")), connects)
    six = ("[::1]", "six.example") if HAS_IPV6 else ()
    for host in ("127.0.0.1", "private.example", "[::ffff:127.0.0.1]", "mapped.example", *six):
        assert made.fetch(upload(uri=f"http://{host}:{trap.port}/a.jpg")) == b"secret"
    assert set(connects.asked) == {"127.0.0.1", *(["::1"] if HAS_IPV6 else [])}
    reached, asked = trap.accepted, len(connects.asked)
    assert reached == before + asked
    for host in ("127.0.0.2", "127.1", "ten.example", "pair.example", "[::127.0.0.1]", "[::2]", "0.1.1.1", "[::]"):
        refused(made, f"http://{host}:{trap.port}/a.jpg")
    assert (trap.accepted, len(connects.asked)) == (reached, asked)


@pytest.mark.parametrize(
    ("network", "address"),
    [
        ("169.254.0.0/16", "169.254.169.254"),
        ("fd00::/8", "fd00:ec2::254"),
        ("100.64.0.0/10", "100.100.100.200"),
        ("0.0.0.0/0", "168.63.129.16"),
        ("169.254.169.254/32", "169.254.169.254"),
    ],
)
def test_no_network_opens_what_hands_out_keys(network: str, address: str) -> None:
    connects = Connects()
    host = f"[{address}]" if ":" in address else address
    refused(fetcher(limits(80, networks=(network,)), connects), f"http://{host}/latest/meta-data")
    assert connects.asked == []


@pytest.mark.parametrize(
    ("rule", "yes", "no"),
    [
        ("cdn.example", ["cdn.example", "CDN.Example"], ["a.cdn.example", "xcdn.example", "cdn.example.net", "cdn"]),
        (".cdn.example", ["cdn.example", "a.cdn.example", "a.b.cdn.example"], ["xcdn.example", "cdn.example.net"]),
        ("CDN.example", ["cdn.example"], ["example"]),
        ("8.8.8.8", ["8.8.8.8"], ["8.8.8.80", "8.8.8"]),
        ("2606:4700:0::1111", ["[2606:4700::1111]"], ["[2606:4700::1112]"]),
    ],
)
def test_hosts_are_compared_whole(rule: str, yes: list[str], no: list[str]) -> None:
    made = fetcher(limits(hosts=(rule,)), Connects())
    for host in yes:
        assert made.target(upload(uri=f"https://{host}/a.jpg")) is not None
    for host in no:
        with pytest.raises(SourceForbidden):
            made.target(upload(uri=f"https://{host}/a.jpg"))


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("https://user:pass@good.example/a", "has a user or a password, which are never sent; leave them out"),
        ("https:///a", "no host, or one that cannot be read; send `https://host/path`"),
        ("https://bücher.example/a", "with path `/a` has a host that is no plain name; write it with `a-z"),
        ("https://good.example./a", "without a dot at its end"),
        ("https://127.1/a", "the host `127.1` is an address in an odd form; write it as `192.0.2.1`"),
        (
            "https://10.0.0.1/a",
            "`10.0.0.1` is not public; if pictures lie there, name its network with --fetch-network",
        ),
        ("https://good.example:22/a?t", "`https://good.example:22/a` is on port `22`; allow it with --fetch-port"),
    ],
)
def test_the_reason_is_told(uri: str, words: str) -> None:
    assert words in refused(fetcher(limits(), Connects()), uri).message


AWKWARD = st.text(st.sampled_from("a1.:@/\\\\[]%-_#?x0\u2024\uff0e\u3002\uff11e"), max_size=24)


@given(AWKWARD)
def test_what_is_taken_for_a_host_is_one_to_every_reader(text: str) -> None:
    """Where two readers of an address differ on its host, the one that judges may not be the one that connects."""
    uri = f"https://{text}"
    try:
        target = judged(split(uri), HttpLimits(("*",)))
    except InputError:
        return
    assert re.fullmatch(r"[a-z0-9._:-]+", target.host)
    assert str(urllib3.util.parse_url(uri).host).strip("[]") == target.host
    assert urlsplit(uri).hostname == target.host
    assert parse(target.host) is not None or not re.search(r"(^|\.)(\d+|0x[0-9a-f]*)$", target.host)


@given(st.ip_addresses())
def test_no_address_is_public_that_python_does_not_call_global(address: Address) -> None:
    found = parse(str(address))
    assert found is not None
    if may_connect(found, ()):
        assert found.is_global
        assert not any((found.is_multicast, found.is_private, found.is_loopback, found.is_link_local))


def test_plain_http_wants_its_option() -> None:
    rules = limits(hosts=("good.example",))
    rules = replace(rules, http=replace(rules.http, allow_plain=False))
    error = refused(fetcher(rules, Connects()), "http://good.example/a.jpg?t0ken")
    assert error.message == (
        "`http://good.example/a.jpg` is not encrypted; send https: or allow http: with --fetch-plain-http"
    )


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with WebHost() as proxy, WebHost() as host:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.url(""))
        rules = limits(host.port, networks=("127.0.0.0/8",))
        assert fetcher(rules, Connects()).fetch(upload(uri=host.url())) == b"picture"
        assert (proxy.accepted, host.accepted) == (0, 1)
