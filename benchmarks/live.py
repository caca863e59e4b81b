"""The reference stack behind a TUN device: curl and sockets of this kernel move octets each way, every one checked.

Each server runs in a network namespace of its own; needs root, curl and nsenter.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from random import Random

from targets.live.service import octets_of
from tests.targets.live.server import ADDRESS, HTTP, Server, serving

STORM = ("--loss=0.01", "--reordering=0.01", "--duplication=0.01", "--seed=1")


def main(argv: Sequence[str]) -> int:
    """Print seconds and MB a second of each transfer; 1 when one arrived otherwise than it was sent."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks live", description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=100, help="million octets each way")
    parser.add_argument("--personality", action="append", help="rfc, linux, dragonfly (default: rfc and linux)")
    parser.add_argument("--client", choices=("curl", "python"), action="append", help="default: both")
    options = parser.parse_args(argv)
    count = options.megabytes * 1_000_000
    is_right = True
    for name in options.personality or ("rfc", "linux"):
        for weather, what in ((), "calm"), (STORM, "1 % loss, reordering, duplication"):
            for client in options.client or ("curl", "python"):
                for way, seconds, is_equal in _transfers(client, count, f"--personality={name}", *weather):
                    is_right = is_right and is_equal
                    speed = f"{seconds:7.2f} s {count / seconds / 1e6:6.2f} MB/s"
                    verdict = "every octet right" if is_equal else "WRONG"
                    print(f"{name:<9} {what:<33} {client:<6} {way:<4} {speed}  {verdict}", flush=True)
    return 0 if is_right else 1


def _transfers(client: str, count: int, *server_options: str) -> "list[Move]":
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(folder, *server_options) as server:
            return (_curl if client == "curl" else _python)(server, folder, count)


Move = tuple[str, float, bool]


def _curl(server: Server, folder: Path, count: int) -> list[Move]:
    wanted = sha256()
    for piece in octets_of(count):
        wanted.update(piece)
    here = folder / "octets"
    begun = time.perf_counter()
    server.run("curl", "-sS", "-o", str(here), f"http://{ADDRESS}/octets/{count}")
    down = time.perf_counter() - begun
    is_down = sha256(here.read_bytes()).digest() == wanted.digest()
    begun = time.perf_counter()
    said = server.run("curl", "-sS", "-T", str(here), f"http://{ADDRESS}/")
    is_up = said.stdout.decode() == f"{count} {wanted.hexdigest()}\n"
    return [("get", down, is_down), ("put", time.perf_counter() - begun, is_up)]


def _python(server: Server, _folder: Path, count: int) -> list[Move]:
    wanted, got = sha256(), sha256()
    for piece in octets_of(count):
        wanted.update(piece)
    begun = time.perf_counter()
    with server.kernel_socket() as client:
        client.connect((ADDRESS, HTTP))
        client.sendall(f"GET /octets/{count} HTTP/1.0\r\n\r\n".encode())
        answers = client.makefile("rb")
        while answers.readline().strip():
            pass
        while data := answers.read(1 << 16):
            got.update(data)
    moves = [("get", time.perf_counter() - begun, got.digest() == wanted.digest())]
    data, repeats = Random(2).randbytes(1_000_000), count // 1_000_000
    sent = sha256(data * repeats)
    begun = time.perf_counter()
    with server.kernel_socket() as client:
        client.connect((ADDRESS, HTTP))
        client.sendall(f"PUT / HTTP/1.0\r\nContent-Length: {count}\r\n\r\n".encode())
        for _ in range(repeats):
            client.sendall(data)
        answer = b"".join(iter(lambda: client.recv(1 << 16), b""))
    return [*moves, ("put", time.perf_counter() - begun, answer.endswith(f"{count} {sent.hexdigest()}\n".encode()))]
