"""Control messages of sendmsg and recvmsg: laid out as octets, and compared pairwise (section 5.4)."""

from struct import Struct

from packetdrill_compat.ast import CmsgExpr, ExtendedErrorExpr, ScmTimestampExpr
from packetdrill_compat.calls.arguments import Value, as_octet, as_s32, bad_type, call_error, evaluate
from packetdrill_compat.calls.base import mismatch
from packetdrill_compat.calls.nla import compare_attributes, pack_attributes
from targets.base import Micros
from targets.calls import ControlMessage
from wire.abi import (
    IP_RECVERR,
    IPV6_RECVERR,
    SCM_TIMESTAMPING,
    SCM_TIMESTAMPING_OPT_STATS,
    SOL_IP,
    SOL_IPV6,
    SOL_SOCKET,
    cmsg_len,
    cmsg_space,
)

Messages = tuple[ControlMessage, ...]

_EXTENDED_ERROR = Struct("<IBBBxII")  # struct sock_extended_err (ip(7), IP_RECVERR)
_ERROR_MEMBERS = ("errno", "origin", "type", "code", "info", "data")
_ADDRESS_V4, _ADDRESS_V6 = 16, 28  # the address behind it: sockaddr_in, sockaddr_in6
_TIMESTAMPING = Struct("<6q")  # struct scm_timestamping: three timespecs


def pack_messages(items: Value) -> Messages:
    """Lay out the elements of ``msg_control=[…]``."""
    if not isinstance(items, list):
        raise bad_type(items, "list")
    return tuple(_pack(item) for item in items)


def _pack(item: Value) -> ControlMessage:
    if not isinstance(item, CmsgExpr):
        raise bad_type(item, "cmsg")
    level, kind = as_s32(evaluate(item.level)), as_s32(evaluate(item.type))
    return ControlMessage(level, kind, _pack_data(level, evaluate(item.data)))


def _pack_data(level: int, data: Value) -> bytes:
    match data:
        case int():
            return as_s32(data).to_bytes(4, "little", signed=True)
        case list():
            return pack_attributes(data)
        case ScmTimestampExpr(seconds=seconds, nanoseconds=nanoseconds):
            return _TIMESTAMPING.pack(seconds, nanoseconds, 0, 0, 0, 0)
        case ExtendedErrorExpr():
            return _pack_error(data) + bytes(_ADDRESS_V4 if level == SOL_IP else _ADDRESS_V6)
    raise call_error("Unrecognized type for cmsg_data")


def _pack_error(error: ExtendedErrorExpr) -> bytes:
    number = as_s32(evaluate(error.errno)) % 2**32
    octets = [as_octet(evaluate(part)) for part in (error.origin, error.type, error.code)]
    info, data = (as_s32(evaluate(part)) % 2**32 for part in (error.info, error.data))
    return _EXTENDED_ERROR.pack(number, *octets, info, data)


def buffer_size(messages: Messages) -> int:
    """Room that these messages need: as much as the C tool gives to recvmsg, and no more (trap 31)."""
    return sum(cmsg_space(len(message.data)) for message in messages)


def compare_messages(expected: Messages, actual: Messages, *, start: Micros, tolerance: Micros) -> None:
    """Compare pairwise in order. `start` is the script's time 0 on the clock of the actual time stamps."""
    for index, (want, got) in enumerate(zip(expected, actual, strict=False)):
        _compare_header(want, got, index)
        if _is_extended_error(want):
            _compare_error(want.data, got.data, index)
        elif (want.level, want.type) == (SOL_SOCKET, SCM_TIMESTAMPING):
            _compare_times(want.data, got.data, index, start, tolerance)
        elif (want.level, want.type) == (SOL_SOCKET, SCM_TIMESTAMPING_OPT_STATS):
            compare_attributes(want.data, got.data, index, tolerance)
        elif want.data != got.data:
            texts = _readable(want.data), _readable(got.data)
            raise mismatch(
                f"Bad data in cmsg {index}: expected={texts[0]} actual={texts[1]}", f"data of cmsg {index}", *texts
            )
    if len(actual) > len(expected):
        message = f"received more than {len(expected)} cmsgs"
        raise mismatch(message, "number of cmsgs", len(expected), len(actual))
    if len(actual) < len(expected):
        raise mismatch(f"received only {len(actual)} cmsgs", "number of cmsgs", len(expected), len(actual))


def check_untouched(expected: Messages, *, start: Micros) -> None:
    """Check the messages of a call that failed: what the script expects is what it finds, except for times.

    Script time is not the kernel's time of day, so the C tool refutes its own expectation (measured).
    """
    for index, message in enumerate(expected):
        if (message.level, message.type) != (SOL_SOCKET, SCM_TIMESTAMPING):
            continue
        data = message.data.ljust(_TIMESTAMPING.size, b"\0")  # also an integer, say, is read as times
        wanted = _micros(data, 0)
        if any(data):
            text = f"Bad timestamp 0 in scm_timestamping {index}: expected={start + wanted} ({wanted}) actual=none"
            raise mismatch(text, "timestamp 0 (us of script time)", wanted, "none: the call failed")


def _compare_header(want: ControlMessage, got: ControlMessage, index: int) -> None:
    for name, wanted, given in (
        ("level", want.level, got.level),
        ("type", want.type, got.type),
        ("len", cmsg_len(len(want.data)), cmsg_len(len(got.data))),
    ):
        if wanted != given:
            message = f"Bad {name} in cmsg {index}: expected={wanted} actual={given}"
            raise mismatch(message, f"{name} of cmsg {index}", wanted, given)


def _is_extended_error(message: ControlMessage) -> bool:
    kinds = ((SOL_IP, IP_RECVERR), (SOL_IPV6, IPV6_RECVERR))
    return (message.level, message.type) in kinds and len(message.data) >= _EXTENDED_ERROR.size


def _compare_error(want: bytes, got: bytes, index: int) -> None:
    """Compare the members; the address behind them is not looked at."""
    pairs = zip(_EXTENDED_ERROR.unpack_from(want), _EXTENDED_ERROR.unpack_from(got), strict=True)
    for name, (wanted, given) in zip(_ERROR_MEMBERS, pairs, strict=True):
        if wanted != given:
            message = f"Bad {name} in extended err {index}: expected={wanted} actual={given}"
            raise mismatch(message, f"ee_{name}", wanted, given)


def _compare_times(want: bytes, got: bytes, index: int, start: Micros, tolerance: Micros) -> None:
    if len(want) < _TIMESTAMPING.size:
        return  # the script wrote another form, which the kernel's length has refuted before
    for number in range(3):
        seconds, nanoseconds = _timespec(want, number)
        if not seconds and not nanoseconds:
            continue
        wanted, given = seconds * 1_000_000 + nanoseconds // 1000, _micros(got, number) - start
        if abs(wanted - given) > tolerance:
            message = (
                f"Bad timestamp {number} in scm_timestamping {index}: expected={start + wanted} ({wanted}) "
                f"actual={start + given} ({given}) start={start}"
            )
            raise mismatch(message, f"timestamp {number} (us of script time)", wanted, given)


def _timespec(data: bytes, number: int) -> tuple[int, int]:
    words = _TIMESTAMPING.unpack_from(data)
    return words[2 * number], words[2 * number + 1]


def _micros(data: bytes, number: int) -> Micros:
    seconds, nanoseconds = _timespec(data, number)
    return int(seconds * 1_000_000 + nanoseconds // 1000)


def _readable(data: bytes) -> str:
    return str(int.from_bytes(data, "little", signed=True)) if len(data) == 4 else data.hex()
