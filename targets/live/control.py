"""The control socket: system calls of the simulated host, asked for over a UNIX stream socket.

A request is one line of JSON, an answer too. A request has an `id` of any kind, which its answer repeats, and one of

- ``{"id": 1, "call": "socket", "arguments": {"domain": 2, "type": 1, "protocol": 6}}``: a system call with the
  arguments of its class in `targets.calls` (octets in base64). Its answer, when the call returns, has `value`, `errno`
  and the out-arguments that are not empty: ``{"id": 1, "value": 3, "errno": 0}``. Calls may overlap; answers come in
  the order in which calls return.
- ``{"id": 2, "shell": "sysctl -w net.ipv4.tcp_sack=0"}``: a command of the simulated host. The answer has `status` and
  `output`.

What cannot be done is answered by ``{"id": 1, "error": "why", "next_step": "what to do"}``, and the connection goes
on; a line longer than `LONGEST_LINE` ends it. When a client goes, its calls end and its descriptors are closed, as
those of a process are.
"""

import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from typing import Any

from reference_stack.host import NotModelled, Result
from targets.base import TargetError
from targets.calls import Accept, Close, EpollCreate, Open, Pipe, Socket, Syscall, call_name
from targets.live.messages import BadMessage, decode_call, encode_result
from targets.live.stack import LiveStack

LONGEST_LINE = 4 << 20
_READ_AT_ONCE = 1 << 18
_MOST_UNSENT = 64 << 20
"""A client that lets so many octets of answers lie is cut off."""
_MAKES_DESCRIPTOR = (Socket, Accept, EpollCreate, Open)


class ControlSocket:
    """Listens at a path and serves every client that comes. Raises `TargetError` when it cannot listen there."""

    def __init__(self, stack: LiveStack, path: str) -> None:
        self._stack = stack
        self._path = path
        self._clients: set[Client] = set()
        self._listener = _listen(path)
        stack.watch(self._listener, self._on_client)

    def _on_client(self) -> None:
        connection, _ = self._listener.accept()
        self._clients.add(Client(self._stack, connection, self._clients.discard))

    def close(self) -> None:
        """Send all clients away and remove the path."""
        for client in list(self._clients):
            client.leave()
        self._stack.unwatch(self._listener)
        self._listener.close()
        with suppress(OSError):
            os.unlink(self._path)


def _listen(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_left_over(path):
            os.unlink(path)
        listener.bind(path)
        os.chmod(path, 0o600)
        listener.listen()
    except OSError as error:
        listener.close()
        raise TargetError(
            f"no control socket at {path}: {error.strerror or error}",
            next_step="choose a path of at most 107 octets in a folder of yours, where nothing is yet",
        ) from error
    return listener


def _is_left_over(path: str) -> bool:
    """Tell whether a socket is at the path that nobody listens to any more, as after kill -9."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


class Client:
    """One client of the control socket."""

    def __init__(self, stack: LiveStack, connection: socket.socket, on_leave: "Callable[[Client], None]") -> None:
        self._stack = stack
        self._connection = connection
        self._on_leave = on_leave
        self._received = bytearray()
        self._unsent = bytearray()
        self._calls: set[int] = set()
        self._descriptors: set[int] = set()
        self._is_gone = False
        self._is_watching_room = False
        connection.setblocking(False)
        stack.watch(connection, self._on_readable)

    def leave(self) -> None:
        """End this client's calls and close its descriptors and its connection; harmless when done before."""
        if self._is_gone:
            return
        self._is_gone = True
        self._stack.unwatch(self._connection)
        self._connection.close()
        for call_id in self._calls:
            self._stack.cancel(call_id)
        for descriptor in sorted(self._descriptors):
            self._stack.call("close", {"fd": descriptor}, lambda _number, _result: None)
        self._on_leave(self)

    def _on_readable(self) -> None:
        try:
            data = self._connection.recv(_READ_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.leave()
            return
        searched = len(self._received)
        self._received += data
        while not self._is_gone and (end := self._received.find(b"\n", searched)) >= 0:
            line = bytes(self._received[:end])
            del self._received[: end + 1]
            searched = 0
            self._on_line(line)
        if len(self._received) > LONGEST_LINE:
            self._refuse(None, f"a line of more than {LONGEST_LINE} octets", "end each request with a line feed")
            self.leave()

    def _on_line(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            request = json.loads(line)
        except (ValueError, RecursionError) as error:
            self._refuse(None, f"no JSON: {error}", "send one object a line")
            return
        if not isinstance(request, dict):
            self._refuse(None, "the request is no object", 'send {"id": 1, "call": NAME, "arguments": {...}}')
            return
        identifier = request.get("id")
        try:
            self._serve(identifier, request)
        except BadMessage as error:
            self._refuse(identifier, str(error), "correct the request; targets/live/control.py describes it")
        except NotModelled as missing:
            self._refuse(identifier, f"the reference stack has no {missing.reason}", "do without it")

    def _serve(self, identifier: Any, request: dict[str, Any]) -> None:
        unknown = sorted(set(request) - {"id", "call", "arguments", "shell"})
        if unknown or ("call" in request) == ("shell" in request):
            raise BadMessage(f"unknown key {unknown[0]!r}" if unknown else "either 'call' or 'shell' has to be there")
        if "shell" in request:
            self._shell(identifier, request["shell"])
            return
        call = decode_call(request["call"], request.get("arguments", {}))
        arguments = {field.name: getattr(call, field.name) for field in fields(call)}

        def on_return(number: int, result: Result) -> None:
            self._calls.discard(number)
            self._on_return(identifier, call, result)

        self._calls.add(self._stack.call(call_name(call), arguments, on_return))

    def _shell(self, identifier: Any, command: Any) -> None:
        if not isinstance(command, str):
            raise BadMessage("shell: wants a command as text")
        outcome = self._stack.host.shell(command, now=self._stack.now())
        self._answer({"id": identifier, "status": outcome.status, "output": outcome.output})

    def _on_return(self, identifier: Any, call: Syscall, result: Result) -> None:
        if result.value >= 0:
            if isinstance(call, _MAKES_DESCRIPTOR):
                self._descriptors.add(result.value)
            elif isinstance(call, Pipe):
                self._descriptors.update(result.fds)
            elif isinstance(call, Close):
                self._descriptors.discard(call.fd)
        self._answer({"id": identifier, **encode_result(result)})

    def _refuse(self, identifier: Any, error: str, next_step: str) -> None:
        self._answer({"id": identifier, "error": error, "next_step": next_step})

    def _answer(self, message: dict[str, Any]) -> None:
        if self._is_gone:
            return
        self._unsent += json.dumps(message).encode() + b"\n"
        self._flush()

    def _flush(self) -> None:
        had_left = self._is_watching_room
        try:
            sent = self._connection.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.leave()
            return
        del self._unsent[:sent]
        if len(self._unsent) > _MOST_UNSENT:
            self.leave()
        elif bool(self._unsent) != had_left:
            self._is_watching_room = bool(self._unsent)
            self._stack.watch(self._connection, self._on_readable, self._flush if self._unsent else None)
