"""The descriptors that a script holds, so that closing the target closes all of them and no other."""

import os
import socket
import struct
from contextlib import suppress

from targets import calls
from targets.calls import CallResult, Syscall
from targets.kernel.libc import FUNCTIONS

_F_DUPFD = (0, 1030)  # F_DUPFD, F_DUPFD_CLOEXEC
_ABORT = struct.pack("@ii", 1, 0)


class Descriptors:
    """A set of open file descriptors, kept up to date by the calls made."""

    def __init__(self) -> None:
        self._open: set[int] = set()

    def before(self, call: Syscall) -> None:
        """Note a call that is about to be made: close(2) frees the descriptor whatever it returns."""
        if isinstance(call, calls.Close):
            self._open.discard(call.fd)

    def after(self, call: Syscall, result: CallResult) -> None:
        """Note a call that returned."""
        if result.value < 0:
            return
        self._open.update(result.fds)
        makes_one = isinstance(call, calls.Socket | calls.Accept | calls.Open | calls.EpollCreate)
        if makes_one or (isinstance(call, calls.Fcntl) and call.command in _F_DUPFD):
            self._open.add(result.value)

    def close_all(self) -> None:
        """Close everything that is left; connections end by a reset at once instead of living on as orphans."""
        for fd in self._open:
            # Fails for what is no socket, which then just closes.
            FUNCTIONS["setsockopt"](fd, socket.SOL_SOCKET, socket.SO_LINGER, _ABORT, len(_ABORT))
            with suppress(OSError):
                os.close(fd)
        self._open.clear()
