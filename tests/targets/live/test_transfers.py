"""Real clients through the reference stack: curl and Python sockets of the kernel, every octet as it was sent."""

import os
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from targets.live.client import LiveHost
from targets.live.service import octets_of
from tests.targets.live.server import ADDRESS, HOST_ADDRESS, HTTP, Server, serving

pytestmark = [
    pytest.mark.needs_kernel,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="entering another process's network namespace needs root"),
]

OCTETS = 3_000_000
STORM = ("--loss=0.01", "--reordering=0.02", "--duplication=0.01", "--seed=7")
URL = f"http://{ADDRESS}"


def digest_of(count: int, seed: int) -> str:
    digest = sha256()
    for piece in octets_of(count, seed):
        digest.update(piece)
    return digest.hexdigest()


@pytest.fixture(
    params=[(), ("--personality=linux",), ("--personality=dragonfly",), STORM, (*STORM, "--personality=linux")],
    ids=["rfc", "linux", "dragonfly", "rfc-storm", "linux-storm"],
)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, *request.param) as running:
        yield running


def test_curl_gets_and_puts_every_octet(server: Server, tmp_path: Path) -> None:
    got = server.run("curl", "-sS", "--max-time", "60", f"{URL}/octets/{OCTETS}/5")
    assert (got.returncode, got.stderr) == (0, b"")
    assert sha256(got.stdout).hexdigest() == digest_of(OCTETS, 5)
    upload = tmp_path / "upload"
    upload.write_bytes(Random(6).randbytes(OCTETS))
    put = server.run("curl", "-sS", "--max-time", "60", "-T", str(upload), f"{URL}/x")
    assert put.stdout.decode() == f"{OCTETS} {sha256(upload.read_bytes()).hexdigest()}\n"


def test_a_python_socket_gets_and_puts_every_octet(server: Server) -> None:
    with server.kernel_socket() as client:
        client.connect((ADDRESS, HTTP))
        client.sendall(f"GET /octets/{OCTETS}/8 HTTP/1.0\r\n\r\n".encode())
        answer = b"".join(iter(lambda: client.recv(1 << 16), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200")
    assert sha256(body).hexdigest() == digest_of(OCTETS, 8)
    data = Random(9).randbytes(OCTETS)
    with server.kernel_socket() as client:
        client.connect((ADDRESS, HTTP))
        client.sendall(f"PUT / HTTP/1.0\r\nContent-Length: {OCTETS}\r\n\r\n".encode() + data)
        answer = b"".join(iter(lambda: client.recv(1 << 16), b""))
    assert answer.endswith(f"\r\n\r\n{OCTETS} {sha256(data).hexdigest()}\n".encode())


def test_sockets_of_the_stack_and_of_the_kernel_reach_each_other(server: Server) -> None:
    # Both ways of opening, driven through the control socket.
    data = Random(1).randbytes(300_000)
    with LiveHost(server.control) as host, server.kernel_socket() as listener:
        listener.bind((HOST_ADDRESS, 9000))
        listener.listen()
        with host.socket() as ours:
            ours.connect(HOST_ADDRESS, 9000)
            theirs, _ = listener.accept()
            sender = threading.Thread(target=theirs.sendall, args=(data,))
            sender.start()
            got = b""
            while len(got) < len(data):
                got += ours.recv(1 << 16)
            sender.join()
            theirs.close()
        assert got == data
        with host.socket() as passive, server.kernel_socket() as active:
            passive.bind(ADDRESS, 9001)
            passive.listen()
            active.connect((ADDRESS, 9001))
            accepted, peer = passive.accept()
            assert peer == active.getsockname()
            accepted.sendall(b"hello")
            accepted.close()
            assert b"".join(iter(lambda: active.recv(100), b"")) == b"hello"


def test_ipv6_clients_are_served_too(tmp_path: Path) -> None:
    import socket  # noqa: PLC0415  the only test that names a family

    addresses = ("--address=fd00::2", "--host-address=fd00::1", "--prefix-length=64")
    with serving(tmp_path, *addresses) as server, server.kernel_socket(socket.AF_INET6) as client:
        client.connect(("fd00::2", HTTP))
        client.sendall(b"GET /octets/10 HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(1 << 16), b""))
    assert answer.endswith(b"\r\n\r\n" + b"".join(octets_of(10)))
