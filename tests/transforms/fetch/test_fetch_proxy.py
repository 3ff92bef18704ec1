"""Through a real proxy on this machine, which notes what it is asked for."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from data.samples import upload
from data.web_host import WebHost, answer, drip, picture, redirect

from transforms.errors import ConfigInvalid, ImageUnreadable, ProxyUnreachable, SourceForbidden
from transforms.fetch import Fetcher, FetchLimits, HttpLimits
from transforms.fetch.client import Client, _dial
from transforms.fetch.deadline import TimedSocket
from transforms.fetch.dial import connect
from transforms.fetch.proxy import ProxyDial


class Proxy(WebHost):
    """Forwards every request and tunnel to ``host``, whatever it is asked for; ``asked`` has the first lines."""

    def __init__(self, host: WebHost, status: str = "200 Connection established") -> None:
        self.host, self.status = host, status
        super().__init__(self._forwarded)

    @property
    def asked(self) -> list[str]:
        return [request.split("\r\n")[0] for request in self.requests]

    def _forwarded(self, request: str) -> bytes:
        if request.startswith("CONNECT"):
            return answer(self.status) if "200" not in self.status else b""
        with socket.create_connection((self.host.address, self.host.port), 10) as made:
            made.sendall(request.encode("latin-1"))
            said = b""
            while b"\r\n\r\n" not in said or len(said) < said.index(b"\r\n\r\n") + 4 + _length(said):
                said += made.recv(1 << 16)
            return said

    def _serve(self, made: socket.socket) -> None:
        """A tunnel is a pair of pipes."""
        head = made.recv(4096, socket.MSG_PEEK)
        if not head.startswith(b"CONNECT") or "200" not in self.status:
            return super()._serve(made)
        self.requests.append(made.recv(4096).decode("latin-1"))
        far = socket.create_connection((self.host.address, self.host.port), 10)
        made.sendall(f"HTTP/1.1 {self.status}\r\n\r\n".encode())
        threading.Thread(target=_pipe, args=(far, made), daemon=True).start()
        _pipe(made, far)
        return None


def _length(said: bytes) -> int:
    return int(said.partition(b"Content-Length: ")[2].split(b"\r\n")[0])


def _pipe(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def limits(proxy: str, hosts: tuple[str, ...] = ("shop.example", "10.0.0.1", "[::1]"), **rules: Any) -> FetchLimits:
    hosts = tuple(host.strip("[]") for host in hosts)
    return FetchLimits(http=HttpLimits(hosts, allow_plain=True, proxy=proxy, **rules))


def through(proxy: str, **rules: Any) -> Fetcher:
    of = limits(proxy, **rules)
    return Fetcher(of, Client(of, pause=lambda _: None))


@pytest.fixture
def shop() -> Iterator[WebHost]:
    with WebHost() as host:
        yield host


def test_plain_requests_name_the_whole_address(shop: WebHost) -> None:
    with Proxy(shop) as proxy:
        made = through(proxy.url(""))
        assert made.fetch(upload(uri="http://shop.example/a.jpg?size=2")) == b"picture"
        assert made.fetch(upload(uri="http://shop.example/b.jpg")) == b"picture"
        assert proxy.asked == [
            "GET http://shop.example/a.jpg?size=2 HTTP/1.1",
            "GET http://shop.example/b.jpg HTTP/1.1",
        ]
        assert "Host: shop.example" in proxy.requests[0]
        assert (proxy.accepted, shop.accepted) == (1, 2)


def test_no_name_is_looked_up_here(shop: WebHost) -> None:
    asked: list[str] = []

    def resolving(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with Proxy(shop) as proxy:
        of = limits(f"http://proxy.inside:{proxy.port}")
        client = Client(of, ProxyDial(("proxy.inside", proxy.port), (), resolving), pause=lambda _: None)
        assert Fetcher(of, client).fetch(upload(uri="http://shop.example/a.jpg")) == b"picture"
    assert asked == ["proxy.inside"]


def test_behind_a_tunnel_the_hosts_own_certificate_is_checked(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    for name, is_right in (("shop.example", True), ("other.example", False)):
        signed = authority.sign(name)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(signed.certificate, signed.key)
        with WebHost(context=context) as host, Proxy(host) as proxy:
            made = through(proxy.url(""), ca_file=str(authority.certificate))
            uris = [upload(uri=f"https://shop.example/{n}.jpg") for n in "ab"]
            if is_right:
                assert [made.fetch(one) for one in uris] == [b"picture"] * 2
                assert "GET /a.jpg HTTP/1.1" in host.requests[0]
            else:
                with pytest.raises(ImageUnreadable, match=r"the certificate of `shop.example` is not trusted"):
                    made.fetch(uris[0])
            assert proxy.asked == ["CONNECT shop.example:443 HTTP/1.1"]


@pytest.mark.parametrize("uri", ["http://10.0.0.1/a.jpg", "https://10.0.0.1/a.jpg", "http://[::1]/a.jpg"])
def test_addresses_that_are_written_out_are_judged_before_the_proxy_hears_of_them(shop: WebHost, uri: str) -> None:
    with Proxy(shop) as proxy:
        with pytest.raises(SourceForbidden, match="is not public; if pictures lie there, name its network"):
            through(proxy.url("")).fetch(upload(uri=uri))
        assert proxy.accepted == 0


@pytest.mark.parametrize(
    "location", ["http://10.0.0.1/", "http://[::1]/", "http://other.example/", "http://169.254.169.254/", "//0x7f.1/"]
)
def test_redirects_are_judged_as_ever(location: str) -> None:
    with WebHost(lambda _: redirect(location)) as host, Proxy(host) as proxy:
        with pytest.raises(SourceForbidden):
            through(proxy.url("")).fetch(upload(uri="http://shop.example/a.jpg"))
        assert proxy.asked == ["GET http://shop.example/a.jpg HTTP/1.1"]


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        ("403 Forbidden", SourceForbidden, "the proxy refuses `shop.example:443` (`403`); allow it there"),
        ("407 Proxy Authentication Required", ConfigInvalid, "the proxy wants a password (`407`), and none is sent"),
        ("502 Bad Gateway", ImageUnreadable, "the proxy answered `502` for `shop.example:443`, at attempt `3`"),
    ],
)
def test_what_a_proxy_says_of_a_tunnel(shop: WebHost, status: str, error: type[Exception], words: str) -> None:
    with Proxy(shop, status) as proxy:
        with pytest.raises(error) as raised:
            through(proxy.url("")).fetch(upload(uri="https://shop.example/a.jpg?t0ken"))
        assert words in str(raised.value)
        assert "t0ken" not in str(raised.value)
        assert set(proxy.asked) == {"CONNECT shop.example:443 HTTP/1.1"}
    assert shop.accepted == 0


def test_a_proxy_that_is_down_is_no_uploads_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(
        ProxyUnreachable, match=r"the proxy could not be reached \(`ConnectionRefusedError`\), at attempt `3`"
    ):
        through(f"http://127.0.0.1:{port}").fetch(upload(uri="http://shop.example/a.jpg"))


@pytest.mark.parametrize(
    ("spent", "error"), [(29.99, ImageUnreadable), (27.0, ProxyUnreachable), (0.0, ProxyUnreachable)]
)
def test_a_host_that_redirects_when_its_time_is_as_good_as_over_stops_no_job(
    spent: float, error: type[Exception]
) -> None:
    now = [0.0]

    def connecting(address: str, port: int, seconds: float) -> TimedSocket:
        made = connect(address, port, 5.0) if now[0] < spent else None
        if made is None:
            now[0] += seconds
            raise TimeoutError
        return made

    def redirecting(_: str) -> bytes:
        now[0] = spent
        return redirect("http://other.example/b.jpg")

    with WebHost(redirecting) as host, Proxy(host) as proxy:
        of = limits(proxy.url(""), ("shop.example", "other.example"), seconds=30.0)
        dial = ProxyDial(("127.0.0.1", proxy.port), connect=connecting)
        client = Client(of, dial, clock=lambda: now[0], pause=lambda _: None)
        with pytest.raises(error, match=r"took more than|proxy could not be reached"):
            Fetcher(of, client).fetch(upload(uri="http://shop.example/a.jpg"))


def test_a_proxy_that_drips_or_talks_on_is_given_up() -> None:
    with WebHost(lambda _: drip(b"HTTP/1.1 200 OK", host.closing)) as host, pytest.raises(ImageUnreadable):
        through(host.url(""), seconds=0.5).fetch(upload(uri="https://shop.example/a.jpg"))
    with WebHost(lambda _: b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 5000) as host, pytest.raises(ImageUnreadable):
        through(host.url("")).fetch(upload(uri="https://shop.example/a.jpg"))


def test_a_host_that_fails_behind_a_proxy_is_the_hosts_fault() -> None:
    with WebHost(lambda _: answer("503 Busy")) as host, Proxy(host) as proxy, pytest.raises(ImageUnreadable):
        through(proxy.url("")).fetch(upload(uri="http://shop.example/a.jpg"))


def test_it_is_taken_from_no_environment(shop: WebHost, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy(shop) as proxy, Proxy(shop) as other:
        for name in ("http_proxy", "HTTPS_PROXY", "all_proxy"):
            monkeypatch.setenv(name, other.url(""))
        monkeypatch.setenv("no_proxy", "*")
        assert through(proxy.url("")).fetch(upload(uri="http://shop.example/a.jpg")) == b"picture"
        assert (proxy.accepted, other.accepted) == (1, 0)
    assert not _dial(HttpLimits(("shop.example",))).is_forwarding


@pytest.mark.parametrize(
    "proxy",
    ["proxy:3128", "https://proxy:3128", "socks5://proxy", "http://us3r:hunter2@proxy", "http://proxy/path", "http://"],
)
def test_what_is_no_proxy(proxy: str) -> None:
    with pytest.raises(ConfigInvalid, match="a proxy is `http://host:port`, without a password") as raised:
        limits(proxy)
    assert "hunter2" not in raised.value.message


def test_any_host_and_a_proxy_do_not_go_together() -> None:
    with pytest.raises(
        ConfigInvalid, match=r"`\*` would open the proxy's own network; name the hosts with --fetch-host"
    ):
        limits("http://proxy:3128", ("*",))
    with pytest.raises(ConfigInvalid, match="no host is allowed"):
        limits("http://proxy:3128", ())
    assert limits("http://[::1]:3128").http.proxy_place == ("::1", 3128)
    assert limits("http://proxy").http.proxy_place == ("proxy", 80)


def test_pictures_come_whole(shop: WebHost) -> None:
    body = bytes(range(256)) * 100
    with WebHost(lambda _: picture(body)) as host, Proxy(host) as proxy:
        assert len(through(proxy.url("")).fetch(upload(uri="http://shop.example/a.jpg"))) == len(body)
