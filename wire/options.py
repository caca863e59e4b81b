"""TCP options: the registry of kinds and the two walks over an option area (RFC 9293, section 3.1).

An option of an unregistered kind, and one of a registered kind whose length its class does not know, is an
`UnknownOption`: kind and raw octets, nothing lost.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from struct import Struct
from typing import TypeAlias

from wire.errors import MalformedPacket
from wire.mptcp import (
    AddAddress,
    Dss,
    MpCapable,
    MpFail,
    MpFastclose,
    MpJoinAck,
    MpJoinSyn,
    MpJoinSynAck,
    MpPrio,
    MpReset,
    Mptcp,
    MptcpOption,
    RemoveAddress,
)
from wire.option_kinds import (
    EXPERIMENT_KIND,
    AccEcn,
    Ao,
    Eol,
    FastOpen,
    Md5,
    Mss,
    Nop,
    Remainder,
    Sack,
    SackPermitted,
    TcpOption,
    Timestamps,
    UnknownOption,
    UserTimeout,
    WindowScale,
)

__all__ = [
    "MAX_OPTION_OCTETS",
    "AccEcn",
    "AddAddress",
    "Ao",
    "Dss",
    "Eol",
    "FastOpen",
    "Md5",
    "MpCapable",
    "MpFail",
    "MpFastclose",
    "MpJoinAck",
    "MpJoinSyn",
    "MpJoinSynAck",
    "MpPrio",
    "MpReset",
    "Mptcp",
    "MptcpOption",
    "Mss",
    "Nop",
    "OptionParser",
    "Remainder",
    "RemoveAddress",
    "Sack",
    "SackPermitted",
    "TcpOption",
    "Timestamps",
    "UnknownOption",
    "UserTimeout",
    "WindowScale",
    "build_options",
    "parse_options",
    "register",
    "registered_kinds",
    "walk_options",
]

MAX_OPTION_OCTETS = 40  # RFC 9293, section 3.1: a data offset of 15 words, less the 5 of the fixed header
OptionParser: TypeAlias = Callable[[bytes], TcpOption | None]
_READERS: dict[int, OptionParser] = {
    2: Mss.parse,
    3: WindowScale.parse,
    4: SackPermitted.parse,
    5: Sack.parse,
    8: Timestamps.parse,
    19: Md5.parse,
    28: UserTimeout.parse,
    29: Ao.parse,
    30: Mptcp.parse,
    34: FastOpen.parse,
    172: AccEcn.parse,
    174: AccEcn.parse_order_1,
    EXPERIMENT_KIND: FastOpen.parse_experimental,
}
_EOL, _NOP = Eol(), Nop()
_unpack_timestamps = Struct("!II").unpack_from


def register(kind: int, parser: OptionParser) -> None:
    """Read options of `kind` with `parser` from now on, a known kind too.

    `parser` gets the octets behind kind and length, and returns None to leave an option unknown.
    """
    _READERS[kind] = parser
    _read_short.cache_clear()


def registered_kinds() -> frozenset[int]:
    """Return the kinds that have a class; end of list and no-operation are not among them."""
    return frozenset(_READERS)


def build_options(options: Iterable[TcpOption], *, pad: bool = False) -> bytes:
    """Return the octets of `options` in order; `pad` fills up to a multiple of four with zeros.

    Raises `WireError` when a field is out of its range. The limit of 40 octets is checked where a segment is built.
    """
    area = b"".join([option.build() for option in options])
    # RFC 9293, section 3.1: "The padding is composed of zeros."
    return area + bytes(-len(area) % 4) if pad else area


def parse_options(data: bytes, *, tolerant: bool = False) -> tuple[TcpOption, ...]:
    """Read an option area; the walk stops at the end of the option list (RFC 9293, section 3.1).

    Zeros behind the end of the list are `Eol` each, so that building gives the same octets again; anything else there
    is one `Remainder`. A length octet that is missing, below 2, or reaches beyond the area raises `MalformedPacket`
    with its offset in `data`; with `tolerant` the rest of the area from that option on is a `Remainder` (RFC 9293,
    section 3.1, MUST-7: an implementation has to cope with such an option).
    """
    options: list[TcpOption] = []
    at, end = 0, len(data)
    while at < end:
        kind = data[at]
        if kind > 1:
            length = data[at + 1] if at + 1 < end else 0
            behind = at + length
            if length < 2 or behind > end:
                if not tolerant:
                    raise MalformedPacket(_bad_length(kind, at, length, end), min(at + 1, end))
                options.append(Remainder(data[at:]))
                break
            if length <= _SHORT:
                options.append(_read_short(data[at:behind]))
            elif kind == 8 and length == 10:
                # What most segments have (RFC 7323, section 3.2), and no two alike: past registry and memory.
                options.append(Timestamps(*_unpack_timestamps(data, at + 2)))
            else:
                options.append(_read(data[at:behind]))
            at = behind
        elif kind:
            options.append(_NOP)
            at += 1
        else:
            options += _behind_the_list(data[at:])
            break
    return tuple(options)


def _read(octets: bytes) -> TcpOption:
    kind, body = octets[0], octets[2:]
    parser = _READERS.get(kind)
    return (parser(body) if parser else None) or UnknownOption(kind, body)


# The few short options that connections begin with, over and over: each is read once.
_SHORT = 4
_read_short = lru_cache(maxsize=1024)(_read)


def _behind_the_list(rest: bytes) -> list[TcpOption]:
    if any(rest):
        return [_EOL, Remainder(rest[1:])]
    return [_EOL] * len(rest)


def _bad_length(kind: int, at: int, length: int, end: int) -> str:
    if at + 1 >= end:
        return f"TCP option of kind {kind} without its length octet"
    if length < 2:
        return f"TCP option of kind {kind} with length {length}"
    return f"TCP option of kind {kind} with length {length} where {end - at} octets are left"


def walk_options(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield kind, offset and all octets of each option, straight on to the end of `data`.

    This walk reads nothing into kinds: the end of the list is an option of one octet like no-operation and does not
    stop it, and no length is compared with what the kind should have. Raises `MalformedPacket` as `parse_options` does,
    after everything in front of the bad option has been yielded.
    """
    at, end = 0, len(data)
    while at < end:
        kind = data[at]
        length = 1
        if kind > 1:
            length = data[at + 1] if at + 1 < end else 0
            if length < 2 or at + length > end:
                raise MalformedPacket(_bad_length(kind, at, length, end), min(at + 1, end))
        yield kind, at, data[at : at + length]
        at += length
