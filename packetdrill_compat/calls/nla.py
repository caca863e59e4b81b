"""The statistics of a time-stamped send (SCM_TIMESTAMPING_OPT_STATS): attributes as `linux/tcp.h` numbers them.

A script lists all attributes that the kernel gives, in its order, with ``...`` for a value that does not matter
(section 5.4).
"""

from struct import Struct
from typing import NamedTuple

from packetdrill_compat.ast import KeyValue
from packetdrill_compat.calls.arguments import ELLIPSIS, Value, bad_type, call_error, evaluate, symbol
from packetdrill_compat.calls.base import mismatch
from targets.base import Micros
from wire import abi

_HEADER = Struct("<HH")  # struct nlattr (netlink(7)): length with the header, type
_ALIGNMENT = 4

# packetdrill writes "all ones" of 32 bits for "...", into values of every size. A script that expects exactly this
# number therefore expects nothing; the table of sizes ends with TCP_NLA_SRTT as the C tool's does.
_DO_NOT_CARE = 0xFFFFFFFF

_NAMES = {
    8: "BUSY RWND_LIMITED SNDBUF_LIMITED DATA_SEGS_OUT TOTAL_RETRANS PACING_RATE DELIVERY_RATE BYTES_SENT "
    "BYTES_RETRANS",
    4: "SND_CWND REORDERING MIN_RTT SNDQ_SIZE SND_SSTHRESH DELIVERED DELIVERED_CE DSACK_DUPS REORD_SEEN SRTT",
    1: "RECUR_RETRANS DELIVERY_RATE_APP_LMT CA_STATE",
}


class _Attribute(NamedTuple):
    name: str
    size: int


# Without TCP_NLA_PAD, number 0: the C tool reads it, but then never finds it equal.
_ATTRIBUTES: dict[int, _Attribute] = {
    getattr(abi, f"TCP_NLA_{word}"): _Attribute(f"TCP_NLA_{word}", size)
    for size, words in _NAMES.items()
    for word in words.split()
}
# Times in microseconds; a zero is exact.
_TIMES = (abi.TCP_NLA_BUSY, abi.TCP_NLA_RWND_LIMITED, abi.TCP_NLA_SNDBUF_LIMITED)


def pack_attributes(items: list[Value]) -> bytes:
    """Lay out ``{KEY = value, …}`` as the kernel does."""
    return b"".join(_pack(item) for item in items)


def _pack(item: Value) -> bytes:
    if not isinstance(item, KeyValue):
        raise bad_type(item, "binary_expression")
    kind, value = symbol(item.key), evaluate(item.value)
    if value is not ELLIPSIS and not isinstance(value, int):
        raise call_error("values must be numeric or ellipsis")
    attribute = _ATTRIBUTES.get(kind)
    if attribute is None:
        raise call_error(f"bad NLA type {kind}")
    number = value if isinstance(value, int) else _DO_NOT_CARE
    size = attribute.size
    if size < 8 and isinstance(value, int) and not 0 <= number < 256**size:
        raise call_error(f"out of bound u{8 * size} value specified")
    packed = _HEADER.pack(_HEADER.size + size, kind) + (number % 256**8).to_bytes(8, "little")[:size]
    return packed + bytes(-len(packed) % _ALIGNMENT)


def compare_attributes(expected: bytes, actual: bytes, index: int, tolerance: Micros) -> None:
    """Compare two lists of one length pairwise; `index` is the control message's number."""
    at = 0
    while at + _HEADER.size <= len(expected):
        want_length, want_kind = _HEADER.unpack_from(expected, at)
        got_length, got_kind = _HEADER.unpack_from(actual, at)
        if got_kind != want_kind:
            message = f"Bad nla_type {index}: expected={want_kind} actual={got_kind}"
            raise mismatch(message, "nla_type", _name(want_kind), _name(got_kind))
        if got_length != want_length:
            message = f"Bad nla_len {index}: expected={want_length} actual={got_length}"
            raise mismatch(message, f"length of {_name(want_kind)}", want_length, got_length)
        value = slice(at + _HEADER.size, at + want_length)
        want, got = (int.from_bytes(data[value], "little") for data in (expected, actual))
        if not _is_equal(want_kind, want, got, tolerance):
            name = _name(want_kind)
            raise mismatch(f"Bad {name}: expected={want} actual={got}", name, want, got)
        at += -(-want_length // _ALIGNMENT) * _ALIGNMENT


def _is_equal(kind: int, want: int, got: int, tolerance: Micros) -> bool:
    if want == _DO_NOT_CARE % 256 ** _ATTRIBUTES[kind].size:
        return True
    if kind in _TIMES and want:
        return abs(want - got) <= tolerance
    return want == got


def _name(kind: int) -> str:
    attribute = _ATTRIBUTES.get(kind)
    return attribute.name if attribute else str(kind)
