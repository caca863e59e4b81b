"""Sockets of the simulated host for Python programs outside of it: a thin client of the control socket.

    with LiveHost("/tmp/live.sock") as host, host.socket() as listener:
        listener.bind("192.0.2.2", 8080)
        listener.listen(5)
        connection, address = listener.accept()
        connection.sendall(b"hello")

A call that fails raises `OSError` with the simulated errno. One call at a time for each `LiveHost`; who wants several
connects several times.
"""

import base64
import json
import os
import socket
from types import TracebackType
from typing import Any, Self

from targets.base import TargetError
from targets.calls import (
    Accept,
    Bind,
    Close,
    Connect,
    GetSockOpt,
    Listen,
    Recv,
    Send,
    SetSockOpt,
    Shutdown,
    Socket,
    SocketAddress,
    Syscall,
    call_name,
)
from targets.live.messages import encode
from wire.abi import AF_INET, AF_INET6, IPPROTO_TCP, SOCK_STREAM


class LiveHost:
    """A connection to the control socket at `path`. Raises `TargetError` when nobody listens there."""

    def __init__(self, path: str) -> None:
        self._control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._control.connect(path)
        except OSError as error:
            self._control.close()
            raise TargetError(
                f"no live stack at {path}: {error.strerror or error}",
                next_step="start one: tcprove serve --control PATH",
            ) from error
        self._answers = self._control.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Leave: the host closes what this client opened."""
        self._answers.close()
        self._control.close()

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send one request and wait for its answer. Raises `TargetError` when it is refused or the stack is gone."""
        try:
            self._control.sendall(json.dumps(message).encode() + b"\n")
            line = self._answers.readline()
        except OSError:
            line = b""
        if not line:
            raise TargetError("the live stack has gone", next_step="look at what it printed, and start it again")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise TargetError(answer["error"], next_step=answer.get("next_step", ""))
        return answer

    def call(self, syscall: Syscall) -> dict[str, Any]:
        """Make a system call and return its answer. Raises `OSError` when it fails."""
        answer = self.ask({"call": call_name(syscall), "arguments": encode(syscall)})
        if answer["errno"]:
            raise OSError(answer["errno"], os.strerror(answer["errno"]))
        return answer

    def shell(self, command: str) -> str:
        """Run a command of the simulated host and return what it printed."""
        return str(self.ask({"shell": command})["output"])

    def socket(self, family: int = AF_INET) -> "LiveSocket":
        """Return a new TCP socket."""
        return LiveSocket(self, self.call(Socket(family, SOCK_STREAM, IPPROTO_TCP))["value"])


class LiveSocket:
    """A TCP socket of the simulated host; the methods are those of `socket.socket`, with host and port apart."""

    def __init__(self, host: LiveHost, descriptor: int) -> None:
        self._host = host
        self.descriptor = descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def bind(self, address: str, port: int) -> None:
        """bind(2)."""
        self._host.call(Bind(self.descriptor, _address(address, port)))

    def listen(self, backlog: int = 5) -> None:
        """listen(2)."""
        self._host.call(Listen(self.descriptor, backlog))

    def accept(self) -> tuple["LiveSocket", tuple[str, int]]:
        """accept(2): the connection, and the peer's address and port."""
        answer = self._host.call(Accept(self.descriptor))
        peer = answer.get("address", {})
        return LiveSocket(self._host, answer["value"]), (peer.get("host", ""), peer.get("port", 0))

    def connect(self, address: str, port: int) -> None:
        """connect(2)."""
        self._host.call(Connect(self.descriptor, _address(address, port)))

    def send(self, data: bytes) -> int:
        """send(2); returns how many octets were taken."""
        return int(self._host.call(Send(self.descriptor, data, len(data), 0))["value"])

    def sendall(self, data: bytes) -> None:
        """Send everything."""
        while data:
            data = data[self.send(data) :]

    def recv(self, count: int) -> bytes:
        """recv(2); nothing at the end of the stream."""
        answer = self._host.call(Recv(self.descriptor, count, 0))
        return base64.b64decode(answer.get("data", ""))

    def getsockopt(self, level: int, name: int, size: int = 4) -> bytes:
        """getsockopt(2); returns the octets of the option."""
        answer = self._host.call(GetSockOpt(self.descriptor, level, name, size))
        return base64.b64decode(answer.get("optval", ""))

    def setsockopt(self, level: int, name: int, value: bytes) -> None:
        """setsockopt(2)."""
        self._host.call(SetSockOpt(self.descriptor, level, name, value, len(value)))

    def shutdown(self, how: int) -> None:
        """shutdown(2)."""
        self._host.call(Shutdown(self.descriptor, how))

    def close(self) -> None:
        """close(2); harmless when done before."""
        if self.descriptor >= 0:
            self._host.call(Close(self.descriptor))
            self.descriptor = -1


def _address(address: str, port: int) -> SocketAddress:
    return SocketAddress(AF_INET6 if ":" in address else AF_INET, address, port)
