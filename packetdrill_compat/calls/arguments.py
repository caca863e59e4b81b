"""Expressions to values, and typed access to a call's evaluated arguments (sections 1.3 and 5.1)."""

import enum
import ipaddress
from dataclasses import dataclass, fields
from typing import TypeAlias, get_args

from packetdrill_compat.ast import (
    BraceList,
    CallExpr,
    CmsgExpr,
    Ellipsis_,
    EpollEventExpr,
    Expression,
    ExtendedErrorExpr,
    GreExpr,
    Integer,
    IovecExpr,
    KeyValue,
    LingerExpr,
    ListExpr,
    MplsStackExpr,
    MsgHdrExpr,
    Or,
    PollFdExpr,
    ScmTimestampExpr,
    SockAddrExpr,
    String,
    Word,
)
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.outcome import FailureKind
from packetdrill_compat.play.errors import PlayError
from packetdrill_compat.strings import unescape
from packetdrill_compat.symbols import SYMBOLS

UINT_MAX = 2**32 - 1
INT_MIN = -(2**31)


class Dots(enum.Enum):
    """The value of ``...``."""

    ELLIPSIS = "..."


ELLIPSIS = Dots.ELLIPSIS

Value: TypeAlias = (
    Dots
    | int
    | bytes
    | list["Value"]
    | ipaddress.IPv6Address
    | KeyValue
    | SockAddrExpr
    | MsgHdrExpr
    | CmsgExpr
    | ScmTimestampExpr
    | ExtendedErrorExpr
    | IovecExpr
    | PollFdExpr
    | EpollEventExpr
    | LingerExpr
    | MplsStackExpr
    | GreExpr
)

_EXPRESSIONS = get_args(Expression)

_TYPE_NAMES: dict[type, str] = {
    Dots: "ellipsis",
    int: "integer",
    bytes: "string",
    list: "list",
    ipaddress.IPv6Address: "in6_addr",
    KeyValue: "binary_expression",
    SockAddrExpr: "sockaddr_in",
    MsgHdrExpr: "msghdr",
    CmsgExpr: "cmsg",
    ScmTimestampExpr: "scm_timestamping",
    ExtendedErrorExpr: "sock_extended_err",
    IovecExpr: "iovec",
    PollFdExpr: "pollfd",
    EpollEventExpr: "epollev",
    LingerExpr: "linger",
    MplsStackExpr: "mpls_stack",
    GreExpr: "gre",
}


def call_error(message: str, *, next_step: str = "") -> PlayError:
    """Make the error of a call whose script line is at fault."""
    return PlayError(message, kind=FailureKind.SCRIPT, next_step=next_step)


def type_name(value: Value) -> str:
    """Name a value's type as packetdrill's messages do."""
    return _TYPE_NAMES[type(value)]


def evaluate(expression: Expression) -> Value:
    """Give the value of an expression.

    A structure stays as it is, because the calls want its members one by one; but what no member may be, such as an
    unknown symbol, is an error here already.
    """
    match expression:
        case Ellipsis_():
            return ELLIPSIS
        case Integer(value=number):
            return number
        case Word(name=name):
            return symbol(name)
        case String(parts=parts):
            return b"".join(_unescaped(part) for part in parts)
        case Or(left=left, right=right):
            return _or(evaluate(left), evaluate(right))
        case ListExpr(items=items) | BraceList(items=items):
            return [evaluate(item) for item in items]
        case CallExpr():
            return _call(expression)
    _evaluate_members(expression)
    return expression


def _evaluate_members(structure: object) -> None:
    """Evaluate what stands inside a structure, in the order of its members."""
    for each in fields(structure):  # type: ignore[arg-type]
        member = getattr(structure, each.name)
        if isinstance(member, _EXPRESSIONS):
            evaluate(member)


def symbol(name: str) -> int:
    """Look a name up in the symbol table; fatal when it is not there, at the time of the event."""
    if name not in SYMBOLS:
        raise call_error(
            f"unknown symbol: '{name}'", next_step=f"define it with -D {name}=VALUE, or check its spelling"
        )
    return SYMBOLS[name]


def _unescaped(text: str) -> bytes:
    try:
        return unescape(text)
    except ScriptError as error:
        raise call_error(error.message, next_step=error.next_step) from None


def _or(left: Value, right: Value) -> int:
    for side, value in (("left", left), ("right", right)):
        if not isinstance(value, int):
            raise call_error(f"{side} hand side of | not an integer")
    assert isinstance(left, int)
    assert isinstance(right, int)
    return left | right


def _call(expression: CallExpr) -> Value:
    argument = evaluate(expression.argument)
    if expression.function in ("htons", "htonl") and isinstance(argument, int):
        size = 2 if expression.function == "htons" else 4
        return int.from_bytes((argument % 256**size).to_bytes(size, "big"), "little")
    text = argument.decode("ascii", "replace") if isinstance(argument, bytes) else str(argument)
    try:
        if expression.function == "inet6_addr":
            return ipaddress.IPv6Address(text)
        return int.from_bytes(ipaddress.IPv4Address(text).packed, "little")
    except ValueError:
        raise call_error(f"invalid address in {expression.function}(): '{text}'") from None


@dataclass(frozen=True, slots=True)
class Arguments:
    """The evaluated arguments of one call, with packetdrill's messages for what does not fit."""

    values: tuple[Value, ...]

    def expect(self, count: int) -> None:
        """Check the number of arguments."""
        if len(self.values) != count:
            raise call_error(f"Expected {count} args but got {len(self.values)}")

    def expect_one_of(self, call: str, *counts: int) -> None:
        """Check the number of arguments of a call that takes two forms."""
        if len(self.values) not in counts:
            raise call_error(f"{call} expected {counts[0]}-{counts[-1]} args but got {len(self.values)}")

    def integer(self, index: int) -> int:
        """A 32-bit integer, signed or unsigned, as a C int."""
        return as_s32(self.values[index])

    def integer64(self, index: int) -> int:
        """An integer of any size, such as an offset."""
        return as_integer(self.values[index])

    def element(self, index: int) -> Value:
        """The one element in ``[x]``."""
        value = self.values[index]
        if not isinstance(value, list):
            raise bad_type(value, "list")
        if len(value) != 1:
            raise call_error("Expected [<element>] but got multiple elements")
        return value[0]

    def bracketed(self, index: int) -> int:
        """The one 32-bit integer in ``[N]``."""
        return as_s32(self.element(index))

    def ellipsis(self, index: int) -> None:
        """Check that ``...`` was written."""
        value = self.values[index]
        if value is not ELLIPSIS:
            raise bad_type(value, "ellipsis")

    def is_ellipsis(self, index: int) -> bool:
        """Tell whether ``...`` was written."""
        return self.values[index] is ELLIPSIS

    def is_null_buffer(self, index: int) -> bool:
        """True for NULL or 0, False for ``...``."""
        value = self.values[index]
        if value is ELLIPSIS:
            return False
        if isinstance(value, int) and value == 0:
            return True
        raise call_error("Expected ... or NULL for buffer")

    def buffer_size(self, index: int, *, is_null: bool) -> int:
        """The size of a buffer. A negative one goes with NULL only: there is no memory for as much as it means."""
        count = self.integer(index)
        if count < 0 and not is_null:
            raise call_error(
                f"no buffer has {count} octets", next_step="pass NULL as the buffer to make the call with this count"
            )
        return count


def as_s32(value: Value) -> int:
    """Check that a value is an integer of 32 bits and return it as a C int."""
    number = as_integer(value)
    if not INT_MIN <= number <= UINT_MAX:
        raise call_error(f"Value out of range for 32-bit integer: {number}")
    return number - 2**32 if number > 2**31 - 1 else number


def as_c_int(value: Value) -> int:
    """An integer of any size cut to a C int, as for descriptors that stand inside lists and structures."""
    number = as_integer(value) & UINT_MAX
    return number - 2**32 if number > 2**31 - 1 else number


def as_octet(value: Value) -> int:
    """Check that a value is an integer of 8 bits, signed or unsigned, and return it as an octet."""
    number = as_integer(value)
    if not -128 <= number <= 255:
        raise call_error(f"Value out of range for 8-bit integer: {number}")
    return number % 256


def as_integer(value: Value) -> int:
    """Check that a value is an integer."""
    if not isinstance(value, int):
        raise bad_type(value, "integer")
    return value


def bad_type(value: Value, expected: str) -> PlayError:
    """Make the error of a value of the wrong kind, in packetdrill's words."""
    return call_error(f"Bad type; actual: {type_name(value)} expected: {expected}")
