"""A small HTTP/1.0 server on the simulated host, for clients like curl.

- ``GET /octets/COUNT`` (also ``/octets/COUNT/SEED``) gives that many pseudo-random octets, those of `octets_of`.
- ``PUT`` or ``POST`` anywhere takes any body with a Content-Length and answers ``COUNT SHA256`` as text.
"""

from collections.abc import Generator, Iterator
from hashlib import sha256
from random import Random
from typing import Any, TypeAlias

from reference_stack.host import Result
from targets.base import TargetError
from targets.calls import SocketAddress
from targets.live.stack import LiveStack
from wire.abi import AF_INET, AF_INET6, IPPROTO_TCP, SOCK_STREAM

Job: TypeAlias = Generator[tuple[str, dict[str, Any]], Result, None]
"""Yields a call's name and arguments, gets its result."""

_CHUNK = 1 << 16
_LONGEST_HEAD = 1 << 14
_MOST_OCTETS = 1 << 40
_BACKLOG = 64


def octets_of(count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield the octets of ``/octets/COUNT/SEED`` in pieces."""
    random = Random(seed)
    while count > 0:
        piece = random.randbytes(_CHUNK)[:count]
        count -= len(piece)
        yield piece


class HttpService:
    """The server; starts to listen when it is made. Raises `TargetError` when it cannot."""

    def __init__(self, stack: LiveStack, *, address: str, port: int) -> None:
        self._stack = stack
        self._start(self._listen(address, port))

    def _start(self, job: Job) -> None:
        self._go_on(job, None)

    def _go_on(self, job: Job, result: Result | None) -> None:
        """Give a job the result that it waits for, and make the call that it asks for next."""
        try:
            name, arguments = next(job) if result is None else job.send(result)
        except StopIteration:
            return
        self._stack.call(name, arguments, lambda _number, returned: self._go_on(job, returned))

    def _listen(self, address: str, port: int) -> Job:
        family = AF_INET6 if ":" in address else AF_INET
        listener = (yield "socket", {"domain": family, "type": SOCK_STREAM, "protocol": IPPROTO_TCP}).value
        bound = yield "bind", {"fd": listener, "address": SocketAddress(family, address, port)}
        listening = yield "listen", {"fd": listener, "backlog": _BACKLOG}
        if bound.value < 0 or listening.value < 0:
            raise TargetError(f"the HTTP service cannot listen at port {port}", next_step="choose a free port")
        while True:
            accepted = yield "accept", {"fd": listener}
            if accepted.value >= 0:
                self._start(_serve(accepted.value))


def _serve(descriptor: int) -> Job:
    """Serve one connection: one request, one answer."""
    head = b""
    while b"\r\n\r\n" not in head:
        result = yield "read", {"fd": descriptor, "count": _CHUNK, "null_buffer": False}
        head += result.data
        if result.value <= 0 or len(head) > _LONGEST_HEAD + _CHUNK:
            yield "close", {"fd": descriptor}
            return
    head, _, body = head.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    method, _, rest = lines[0].partition(" ")
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if method in ("PUT", "POST"):
        yield from _take(descriptor, fields, body)
    else:
        yield from _give(descriptor, method, rest.partition(" ")[0])
    yield "shutdown", {"fd": descriptor, "how": 1}
    while (yield "read", {"fd": descriptor, "count": _CHUNK, "null_buffer": False}).value > 0:
        pass  # what a client still sends must not turn the end of our answer into a reset (RFC 9293, 3.6.1)
    yield "close", {"fd": descriptor}


def _give(descriptor: int, method: str, path: str) -> Job:
    words = path.strip("/").split("/")
    is_known = len(words) in (2, 3) and words[0] == "octets" and all(_is_number(each) for each in words[1:])
    if method != "GET" or not is_known or int(words[1]) > _MOST_OCTETS:
        yield from _say(descriptor, "404 Not Found", b"GET /octets/COUNT, or PUT something\n")
        return
    count, seed = int(words[1]), int(words[2]) if len(words) == 3 else 0
    yield from _write(descriptor, _head("200 OK", count))
    for piece in octets_of(count, seed):
        if not (yield from _write(descriptor, piece)):
            return


def _take(descriptor: int, fields: dict[str, str], body: bytes) -> Job:
    if not _is_number(fields.get("content-length", "")):
        yield from _say(descriptor, "411 Length Required", b"say how long the body is\n")
        return
    if fields.get("expect", "").lower() == "100-continue":
        yield from _write(descriptor, b"HTTP/1.1 100 Continue\r\n\r\n")
    count = int(fields["content-length"])
    left = count - len(body)
    digest = sha256(body)
    while left > 0:
        result = yield "read", {"fd": descriptor, "count": _CHUNK, "null_buffer": False}
        if result.value <= 0:
            return
        digest.update(result.data)
        left -= result.value
    yield from _say(descriptor, "200 OK", f"{count} {digest.hexdigest()}\n".encode())


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16


def _head(status: str, length: int) -> bytes:
    return f"HTTP/1.0 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n".encode()


def _say(descriptor: int, status: str, text: bytes) -> Job:
    yield from _write(descriptor, _head(status, len(text)) + text)


def _write(descriptor: int, data: bytes) -> Generator[tuple[str, dict[str, Any]], Result, bool]:
    """Write all of it; tell whether that was possible."""
    while data:
        result = yield "write", {"fd": descriptor, "data": data, "count": len(data)}
        if result.value < 0:
            return False
        data = data[result.value :]
    return True
