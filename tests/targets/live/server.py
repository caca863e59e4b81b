"""A live stack in a process and a network namespace of its own, and sockets of the kernel beside it."""

import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from targets.kernel.helper import namespaces

ROOT = Path(__file__).parents[3]
ADDRESS, HOST_ADDRESS = "192.0.2.2", "192.0.2.1"
HTTP = 80
_LIMIT_S = 20.0


class Server:
    """A running ``python -m targets.live``."""

    def __init__(self, process: "subprocess.Popen[str]", control: str) -> None:
        self.process = process
        self.control = control

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def kernel_socket(self, family: int = socket.AF_INET) -> socket.socket:
        """Return a TCP socket of the running kernel in the server's network namespace; every wait has a limit."""
        here = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        there = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            namespaces.join_network(there)
            made = socket.socket(family, socket.SOCK_STREAM)
        finally:
            namespaces.join_network(here)
            os.close(here)
            os.close(there)
        made.settimeout(_LIMIT_S)
        return made

    def run(self, *command: str) -> "subprocess.CompletedProcess[bytes]":
        """Run a command in the server's network namespace."""
        return subprocess.run(
            ["nsenter", "-t", str(self.pid), "-n", *command], capture_output=True, timeout=120, check=False
        )

    def processor_ticks(self) -> int:
        """Return how much processor time it has taken (proc(5), utime and stime)."""
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return int(words[11]) + int(words[12])


def start(*options: str) -> "subprocess.Popen[str]":
    """Start the command; standard output and error come together."""
    return subprocess.Popen(
        [sys.executable, "-m", "targets.live", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def serving(directory: Path, *options: str) -> Iterator[Server]:
    """Start a server in a fresh namespace with a control socket and HTTP, and end it."""
    control = str(directory / "control")
    process = start("--namespace", "--control", control, "--http", str(HTTP), *options)
    try:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], _LIMIT_S)[0], "the server does not get ready"
        line = process.stdout.readline()
        assert line.startswith("ready: "), line + process.stdout.read()
        yield Server(process, control)
    finally:
        process.terminate()
        rest, _ = process.communicate(timeout=_LIMIT_S)
        assert "Traceback" not in rest, rest
