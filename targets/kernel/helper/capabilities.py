"""Making a descriptor with fewer capabilities than this process has (capabilities(7), capset(2))."""

import ctypes
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_VERSION_3 = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
_SETS = struct.Struct("@6I")  # effective, permitted, inheritable of capabilities 0 to 31, then of 32 to 63
_EFFECTIVE = (0, 3)
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def without(dropped: Sequence[int]) -> Iterator[None]:
    """Take the capabilities with these numbers out of the effective set for a while."""
    if not dropped:
        yield
        return
    before = _read()
    words = list(before)
    for number in dropped:
        words[_EFFECTIVE[number // 32]] &= ~(1 << number % 32)
    _write(words)
    try:
        yield
    finally:
        _write(before)


def _read() -> tuple[int, ...]:
    sets = ctypes.create_string_buffer(_SETS.size)
    _check(_libc.capget(_header(), sets))
    return _SETS.unpack(sets.raw)


def _write(words: Sequence[int]) -> None:
    _check(_libc.capset(_header(), _SETS.pack(*words)))


def _header() -> bytes:
    return struct.pack("@Ii", _VERSION_3, 0)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
