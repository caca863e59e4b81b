"""What is done in the namespace under test without asking the helper process, where this user may enter it."""

import ctypes
import os

from targets.base import TargetError

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Doorway:
    """The way from this thread into a network namespace and back (setns(2)).

    A socket belongs to the namespace in which it was made. Asking the helper for one takes some 200 us, in which a
    script's time goes on; going there oneself takes a tenth of that, but needs CAP_SYS_ADMIN in both namespaces. Every
    method raises `TargetError` when there is no way back, which leaves this thread unusable.
    """

    def __init__(self, pid: int) -> None:
        self._here = self._there = -1
        try:
            self._here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            self._there = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self.close()

    def socket(self, domain: int, kind: int, protocol: int) -> tuple[int, int] | None:
        """Make a socket there; return it, or -1, and the errno. None where the namespace cannot be entered."""
        if not self._enter():
            return None
        descriptor: int = _libc.socket(domain, kind, protocol)
        number = ctypes.get_errno() if descriptor < 0 else 0
        self._return()
        return descriptor, number

    def sysctl(self, name: str) -> str | None:
        """Return a sysctl of the namespace, named as a path below /proc/sys; None where it cannot be read."""
        if not self._enter():
            return None
        try:
            with open(f"/proc/sys/{name}", encoding="ascii") as file:
                return file.read().strip()
        except OSError:
            return None
        finally:
            self._return()

    def _enter(self) -> bool:
        if self._there >= 0 and _libc.setns(self._there, _CLONE_NEWNET) != 0:
            self.close()
        return self._there >= 0

    def _return(self) -> None:
        if _libc.setns(self._here, _CLONE_NEWNET) != 0:
            raise TargetError(
                "this thread cannot return from the namespace under test", next_step="end this process and start again"
            )

    def close(self) -> None:
        """Give the descriptors back; harmless when called twice."""
        for descriptor in (self._here, self._there):
            if descriptor >= 0:
                os.close(descriptor)
        self._here = self._there = -1
