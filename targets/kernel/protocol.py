"""Messages between a kernel target and its helper process: JSON in SOCK_SEQPACKET datagrams, descriptors beside them.

Standard library only, because the helper starts without site-packages.
"""

import json
import os
import socket
from collections.abc import Sequence
from typing import Any, TypeAlias

Message: TypeAlias = dict[str, Any]

# A datagram must fit into the socket's send buffer (212,992 octets by default); longer messages, such as a big
# environment, travel as the contents of a memory file.
_LARGEST_DATAGRAM = 60_000
_IN_FILE = b"@"
_MOST_DESCRIPTORS = 8


def send(control: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Send one message. Raises `OSError` when the other side is gone."""
    data = json.dumps(message).encode("ascii")
    if len(data) <= _LARGEST_DATAGRAM:
        socket.send_fds(control, [data], descriptors)
        return
    with open(os.memfd_create("message"), "w+b") as file:
        file.write(data)
        file.flush()
        socket.send_fds(control, [_IN_FILE], [file.fileno(), *descriptors])


def receive(control: socket.socket) -> tuple[Message, list[int]]:
    """Take one message and its descriptors (close-on-exec). Raises `EOFError` when the other side is gone."""
    try:
        data, descriptors, _, _ = socket.recv_fds(
            control, _LARGEST_DATAGRAM, _MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
        )
    except ConnectionError as error:
        raise EOFError from error
    if not data:
        raise EOFError
    if data == _IN_FILE:
        with open(descriptors.pop(0), "rb") as file:
            file.seek(0)
            data = file.read()
    message: Message = json.loads(data)
    return message, descriptors
