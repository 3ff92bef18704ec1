import socket

from pipeline.local.ports import free_ports


def test_they_are_different_and_can_be_bound():
    ports = free_ports(9)
    assert len(set(ports)) == 9
    for port in ports:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
