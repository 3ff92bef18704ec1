"""The endpoint over real sockets: what it says, which port it takes, and that it never harms the job."""

import logging
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from data.ports import HERE, free_range

from pipeline.metrics.endpoint import Endpoint, close_endpoints, serve
from pipeline.metrics.options import PORTS, MetricsOptions
from transforms import tally
from transforms.errors import ConfigInvalid


@pytest.fixture
def first() -> Iterator[int]:
    """A port with `PORTS` free ones behind it, as far as one can know."""
    yield free_range(PORTS)
    close_endpoints()


def taken(port: int) -> socket.socket:
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((HERE, port))
    held.listen()
    return held


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://{HERE}:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def at(port: int) -> MetricsOptions:
    return MetricsOptions(port, HERE)


def no_pause(_: float) -> None:
    pass


def test_it_says_what_was_counted(first: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        endpoint = Endpoint(at(first))
        port = endpoint.ready(10)
    assert port == first
    assert f"port {first}" in caplog.text
    tally.add("generations", 3)
    counted = tally.totals()["generations"]
    said = scrape(port)
    assert f"caption_generations_total {float(counted)}\n" in said
    assert "process_resident_memory_bytes " in said
    endpoint.close()
    with pytest.raises(OSError, match="refused"):
        scrape(port)


def test_a_second_process_takes_the_next_free_port(first: int) -> None:
    with taken(first), taken(first + 1):
        endpoint = Endpoint(at(first), 1.0, no_pause)
        assert endpoint.ready(10) == first + 2
        assert "caption_images_total" in scrape(first + 2)
        endpoint.close()


def test_a_port_that_becomes_free_soon_is_waited_for(first: int) -> None:
    held = taken(first)
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            held.close()

    endpoint = Endpoint(at(first), 10.0, pause)
    assert endpoint.ready(10) == first
    assert len(waits) == 3
    endpoint.close()


def test_no_free_port_is_a_warning_and_nothing_else(first: int, caplog: pytest.LogCaptureFixture) -> None:
    held = [taken(first + n) for n in range(PORTS)]
    endpoint = Endpoint(at(first), 1.0, no_pause)
    assert endpoint.ready(10) == 0
    assert f"no port of {first} to {first + PORTS - 1} is free" in caplog.text
    assert "mend --metrics-port" in caplog.text
    for one in held:
        one.close()
    endpoint.close()


def test_an_address_that_is_not_ours_is_a_warning_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = Endpoint(MetricsOptions(9464, "192.0.2.1"), 1.0, no_pause)
    assert endpoint.ready(10) == 0
    assert "this process shows no metrics: `OSError" in caplog.text


def test_who_asks_does_not_wait_for_the_port(first: int) -> None:
    hold = threading.Event()
    with taken(first):
        endpoint = Endpoint(at(first), 10.0, lambda _: hold.wait(30))
        assert endpoint.port == 0  # here already, while it waits
        endpoint.close()
        hold.set()
        assert endpoint.ready(10) == 0


def test_a_process_has_one(first: int) -> None:
    one = serve(at(first))
    assert one is not None
    assert one.ready(10) == first
    assert serve(at(first)) is one


def test_off_is_the_default() -> None:
    assert serve(MetricsOptions()) is None


@pytest.mark.parametrize("port", [-1, 80, 1023, 65521, 99999])
def test_ports_that_cannot_be(port: int) -> None:
    with pytest.raises(ConfigInvalid, match=f"metrics port `{port}` is not 1024 to 65520.*mend --metrics-port"):
        MetricsOptions(port)


@pytest.mark.parametrize("path", ["/", "/anything"])
def test_many_scrapes_at_once(first: int, path: str) -> None:
    endpoint = Endpoint(at(first))
    endpoint.ready(10)
    said: list[str] = []
    threads = [threading.Thread(target=lambda: said.append(scrape(first))) for _ in range(8)]
    run: Callable[[threading.Thread], None] = threading.Thread.start
    for thread in threads:
        run(thread)
    for thread in threads:
        thread.join(10)
    assert len(said) == 8
    endpoint.close()
