"""Certificates and names over TLS, with an authority of our own."""

import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
from authority import Authority, Signed
from data.fetching import Here
from data.web_host import WebHost, picture, redirect

from transforms.errors import ConfigInvalid, ImageUnreadable, SourceForbidden
from transforms.fetch import dial

NAME = "cdn.example"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def serving(signed: Signed, names: list[str | None] | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed.certificate, signed.key)
    if names is not None:
        context.sni_callback = lambda _, name, __: names.append(name)
    return context


def here(host: WebHost, authority: Authority | None, **rules: object) -> Here:
    ca_file = None if authority is None else str(authority.certificate)
    return Here(host.port, resolving=lambda *_: ["127.0.0.1"], ca_file=ca_file, **rules)


def test_the_name_is_told_and_checked_though_an_address_is_connected_to(authority: Authority) -> None:
    names: list[str | None] = []
    with WebHost(context=serving(authority.sign(NAME), names)) as host:
        client = here(host, authority, allow_plain=False)
        for _ in range(3):
            assert client.fetch(host.url(host=NAME)) == b"picture"
        assert names == [NAME]
        assert host.accepted == 1


def test_an_address_may_have_a_certificate_of_its_own(authority: Authority) -> None:
    with WebHost(context=serving(authority.sign("127.0.0.1"))) as host:
        assert here(host, authority).fetch(host.url()) == b"picture"


@pytest.mark.parametrize("of", ["other.example", "127.0.0.1", "cdn.example.net"])
def test_a_certificate_of_another_name_is_refused(authority: Authority, of: str) -> None:
    with WebHost(context=serving(authority.sign(of))) as host:
        client = here(host, authority)
        client.refused(
            ImageUnreadable,
            host.url("/a?s3cret", NAME),
            f"certificate of `{NAME}:{host.port}` is not trusted",
            "mismatch",
        )
        assert host.requests == []
        assert client.pauses == []


def test_an_authority_that_is_not_known_is_refused(authority: Authority, tmp_path: Path) -> None:
    with WebHost(context=serving(Authority(tmp_path, "stranger").sign(NAME))) as host:
        for trusted in (authority, None):
            here(host, trusted).refused(ImageUnreadable, host.url(host=NAME), "is not trusted", "--fetch-ca-file")
        assert host.requests == []


def test_no_redirect_leads_from_tls_to_plain_http(authority: Authority) -> None:
    with (
        WebHost() as plain,
        WebHost(lambda _: redirect(plain.url("/b?s3cret")), context=serving(authority.sign(NAME))) as tls,
    ):
        client = Here(tls.port, plain.port, resolving=lambda *_: ["127.0.0.1"], ca_file=str(authority.certificate))
        message = client.refused(SourceForbidden, tls.url(host=NAME), "redirects from https: to http:")
        assert "send the picture's own address" in message
        assert plain.accepted == 0
        assert client.fetch(plain.url()) == b"picture"  # which is allowed by itself


def test_a_handshake_that_hangs_or_drips_ends(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial, "CONNECT_SECONDS", 0.3)
    stop = threading.Event()

    def dripping(made: socket.socket) -> None:
        for byte in b"\x16\x03\x03\x40\x00" + b"\x02" * 200:  # a record that is long in coming
            made.sendall(bytes([byte]))
            if stop.wait(0.1):
                return

    for before in (lambda _: stop.wait(20), dripping):
        stop.clear()
        started = time.monotonic()
        with WebHost(context=serving(authority.sign(NAME)), before=before) as host:
            here(host, authority).refused(
                ImageUnreadable, host.url(host=NAME), "did not answer in time, at attempt `3`"
            )
            assert host.accepted == 3
            stop.set()
        assert time.monotonic() - started < 10


def test_a_picture_that_drips_through_tls_ends_with_the_deadline(authority: Authority) -> None:
    def talk(_: str):
        yield picture(b"")[:20]
        while not host.closing.wait(0.05):
            yield b"X"

    with WebHost(talk, context=serving(authority.sign(NAME))) as host:
        here(host, authority, seconds=0.6).refused(ImageUnreadable, host.url(host=NAME), "took more than `0.6` s")


def test_plain_answers_on_a_port_for_tls(authority: Authority) -> None:
    with WebHost(before=lambda made: made.sendall(picture())) as host:
        here(host, authority).refused(ImageUnreadable, f"https://{NAME}:{host.port}/", "broke (`SSLError`)")


@pytest.mark.parametrize("content", [None, "no certificate", "é"])
def test_authorities_that_cannot_be_read_stop_the_job(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigInvalid, match=r"cannot be read as certificates.*--fetch-ca-file"):
        Here(ca_file=str(path))
