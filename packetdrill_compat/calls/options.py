"""Socket options, fcntl and ioctl (sections 5.2 and 5.3)."""

import ipaddress
from struct import Struct

from packetdrill_compat.ast import GreEncap, GreExpr, Integer, KeyValue, LingerExpr, MplsStackExpr
from packetdrill_compat.calls.arguments import ELLIPSIS, Arguments, Value, call_error, evaluate, type_name
from packetdrill_compat.calls.base import CallContext, Prepared, mismatch, register
from targets.calls import CallResult, Fcntl, GetSockOpt, Ioctl, SetSockOpt

_GRE = Struct(">HHHHII")  # flags and version, protocol, checksum, offset, key, sequence number (RFC 2784, RFC 2890)
_LINGER = Struct("<ii")
_FUNCTION_SET = Struct("<32sI")  # struct tcp_function_set of FreeBSD
_NATURAL_SIZES: dict[type, int] = {LingerExpr: _LINGER.size}
_GRE_VERSION, _GRE_ROUTING = 0x0007, 0x4000
_GRE_WORDS = (0x8000, 0x2000, 0x1000)  # checksum, key, sequence: each flag makes the header a word longer


@register("fcntl")
def _fcntl(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect_one_of("fcntl", 2, 3)
    fd, command = context.live_fd(args.integer(0)), args.integer(1)
    return Prepared(Fcntl(fd, command, args.integer(2) if len(args.values) == 3 else None))


@register("ioctl")
def _ioctl(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect_one_of("ioctl", 2, 3)
    fd, command = context.live_fd(args.integer(0)), args.integer(1) & 0xFFFFFFFF
    if len(args.values) == 2:
        return Prepared(Ioctl(fd, command))
    want = args.bracketed(2)

    def after(result: CallResult) -> None:
        got = _s32(result.optval)
        if got != want:
            raise mismatch(f"Bad ioctl optval: expected: {want} actual: {got}", "optval", want, got)

    return Prepared(Ioctl(fd, command, bytes(4)), after=after)


@register("setsockopt")
def _setsockopt(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(5)
    fd = context.live_fd(args.integer(0))
    level, name, size = args.integer(1), args.integer(2), args.integer(4)
    return Prepared(SetSockOpt(fd, level, name, _option_value(args), size))


def _option_value(args: Arguments) -> bytes:
    value = args.values[3]
    match value:
        case bytes():
            return value
        case [KeyValue(key="function_set_name", value=name), KeyValue(key="pcbcnt", value=Integer(value=count))]:
            text = evaluate(name)
            assert isinstance(text, bytes)
            return _FUNCTION_SET.pack(text, count)
        case list():
            return args.bracketed(3).to_bytes(4, "little", signed=True)
        case LingerExpr(onoff=int(onoff), linger=int(linger)):
            return _LINGER.pack(onoff, linger)
        case ipaddress.IPv6Address():
            return value.packed
        case MplsStackExpr(labels=labels):
            words = (e.label << 12 | e.traffic_class << 9 | e.bottom << 8 | e.ttl for e in labels)
            return b"".join(word.to_bytes(4, "big") for word in words)
        case GreExpr(header=header):
            return _gre(header)
    raise call_error(
        f"unsupported setsockopt value type: {type_name(value)}",
        next_step="write an integer value in square brackets: [1]" if isinstance(value, int) else "",
    )


def _gre(header: GreEncap) -> bytes:
    """Octets of a GRE header, 16 always. Words beyond the length that its flags say are zero, as in the C tool."""
    if header.flags & (_GRE_VERSION | _GRE_ROUTING):
        raise call_error("only GRE version 0 without routing is supported", next_step="correct flags")
    words = _GRE.pack(header.flags, 0, header.checksum, header.offset, header.key, header.sequence)
    length = 4 + 4 * sum(bool(header.flags & flag) for flag in _GRE_WORDS)
    return words[:length].ljust(_GRE.size, b"\0")


@register("getsockopt")
def _getsockopt(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(5)
    fd = context.live_fd(args.integer(0))
    level, name = args.integer(1), args.integer(2)
    if context.is_nplab:
        return _getsockopt_of_nplab(fd, level, name, args)
    size = args.bracketed(4)
    value = args.values[3]

    def after(result: CallResult) -> None:
        # A failing call leaves the length as it was given.
        length = result.optlen if result.value >= 0 or result.optlen else size
        if length != size:
            message = f"Bad getsockopt optlen: expected: {size} actual: {length}"
            raise mismatch(message, "optlen", size, length)
        # Compared also after a failure that the script expected: the buffer is zero then (trap 31).
        _check_value(args, value, size, result.optval.ljust(max(size, 0), b"\0"))

    return Prepared(GetSockOpt(fd, level, name, size), after=after)


def _getsockopt_of_nplab(fd: int, level: int, name: int, args: Arguments) -> Prepared:
    """The nplab fork: `...` for a length or a member is not compared, nor is anything after a failure."""
    value = args.values[3]
    size = _NATURAL_SIZES.get(type(value), 4) if args.is_ellipsis(4) else args.bracketed(4)

    def after(result: CallResult) -> None:
        if result.value != 0:
            return
        if not args.is_ellipsis(4) and result.optlen != size:
            message = f"Bad getsockopt optlen: expected: {size} actual: {result.optlen}"
            raise mismatch(message, "optlen", size, result.optlen)
        got = result.optval.ljust(max(size, 0), b"\0")
        if isinstance(value, LingerExpr):
            _check_linger(value, got)
        elif value is not ELLIPSIS and value != 0:
            _check_value(args, value, size, got)

    return Prepared(GetSockOpt(fd, level, name, size), after=after)


def _check_linger(want: LingerExpr, got: bytes) -> None:
    for name, wanted, given in zip(
        ("onoff", "linger"), (want.onoff, want.linger), _LINGER.unpack(got[:8]), strict=True
    ):
        if wanted is not None and wanted != given:
            message = f"Bad getsockopt linger.{name}: expected: {wanted} actual: {given}"
            raise mismatch(message, name, wanted, given)


def _check_value(args: Arguments, value: Value, size: int, got: bytes) -> None:
    match value:
        case list():
            _check_size(size, 4)
            want = args.bracketed(3)
            if _s32(got) != want:
                message = f"Bad getsockopt optval: expected: {want} actual: {_s32(got)}"
                raise mismatch(message, "optval", want, _s32(got))
        case bytes():
            _check_string(value, size, got)
        case ipaddress.IPv6Address():
            _check_size(size, 16)
            actual = ipaddress.IPv6Address(got[:16])
            if actual != value:
                raise mismatch(f"Bad getsockopt optval: expected: {value} actual: {actual} ", "optval", value, actual)
        case GreExpr(header=header):
            _check_size(size, _GRE.size)
            _check_gre(_gre(header), got)
        case _:
            raise call_error(f"unsupported getsockopt value type: {type_name(value)}")


def _check_gre(want: bytes, got: bytes) -> None:
    """Compare the words of a GRE header except the protocol, which a script cannot write."""
    names = ("flags", "protocol", "sum", "off", "key", "seq")
    for name, wanted, given in zip(names, _GRE.unpack(want), _GRE.unpack_from(got), strict=True):
        if name != "protocol" and wanted != given:
            raise mismatch("Bad getsockopt optval.", f"GRE {name}", wanted, given)


def _check_size(size: int, wanted: int) -> None:
    if size != wanted:
        raise call_error(f"Unsupported getsockopt optlen: {size}")


def _check_string(want: bytes, size: int, got: bytes) -> None:
    if len(want) != size:
        raise call_error(
            f"Bad getsockopt optval: expected optlen ({size} bytes) does not match length of expected optval string "
            f"'{_printable(want)}' ({len(want)} bytes)"
        )
    if got[:size] != want:
        message = f"Bad getsockopt optval: expected: '{_printable(want)}' actual: '{_printable(got)}'"
        raise mismatch(message, "optval", _printable(want), _printable(got))


def _printable(data: bytes) -> str:
    data = data[:-1] + data[-1:].rstrip(b"\0")  # the terminating NUL
    return "".join(chr(octet) if 32 <= octet < 127 else f"\\x{octet:02x}" for octet in data)


def _s32(data: bytes) -> int:
    return int.from_bytes(data[:4].ljust(4, b"\0"), "little", signed=True)
