"""Expressions as script text."""

from collections.abc import Callable
from typing import Any

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
from packetdrill_compat.show.headers import gre_words, label_stack
from packetdrill_compat.show.words import Style, quoted


def show_expression(expression: Expression, style: Style) -> str:
    """Return the text of an expression."""
    return _FORMS[type(expression)](expression, style)


def _join(items: tuple[Expression, ...], style: Style) -> str:
    return ", ".join(show_expression(item, style) for item in items)


def _integer(node: Integer, _: Style) -> str:
    return hex(node.value) if node.hexadecimal else str(node.value)


def _string(node: String, _: Style) -> str:
    return " ".join(map(quoted, node.parts)) + ("..." if node.ellipsis else "")


def _or(node: Or, style: Style) -> str:
    return f"{show_expression(node.left, style)}|{show_expression(node.right, style)}"


def _key_value(node: KeyValue, style: Style) -> str:
    count = "" if node.count is None else f"({node.count})"
    return f"{style.word(node.key)}{count}={show_expression(node.value, style)}"


def _sockaddr(node: SockAddrExpr, style: Style) -> str:
    address = show_expression(node.address, style)
    return f"{{sa_family = {style.word(node.family)}, sin_port = htons({node.port}), sin_addr = {address}}}"


def _msghdr(node: MsgHdrExpr, style: Style) -> str:
    members = [f"msg_name(...)=..., msg_iov({node.iov_count})={show_expression(node.iov, style)}"]
    flags = f"msg_flags={show_expression(node.flags, style)}"
    if node.control is None:
        members += [flags]
    elif node.control_length is None:
        members += [flags, f"msg_control={show_expression(node.control, style)}"]
    else:
        members += [f"msg_control({node.control_length})={show_expression(node.control, style)}", flags]
    return f"{{{', '.join(members)}}}"


def _members(*names: str, prefix: str = "") -> Callable[[Any, Style], str]:
    """Return a form for a structure whose members have the names of the node's fields."""

    def show(node: object, style: Style) -> str:
        values = ((name, getattr(node, name)) for name in names)
        return "{" + ", ".join(f"{prefix}{name}={_value(value, style)}" for name, value in values) + "}"

    return show


def _value(value: Expression | int | None, style: Style) -> str:
    if value is None:
        return "..."
    return str(value) if isinstance(value, int) else show_expression(value, style)


def _cmsg(node: CmsgExpr, style: Style) -> str:
    length = "" if node.length is None else f"cmsg_len={show_expression(node.length, style)}, "
    level, kind, data = (show_expression(value, style) for value in (node.level, node.type, node.data))
    return f"{{{length}cmsg_level={level}, cmsg_type={kind}, cmsg_data={data}}}"


def _epoll_event(node: EpollEventExpr, style: Style) -> str:
    return f"{{events={show_expression(node.events, style)}, {node.member}={show_expression(node.data, style)}}}"


_FORMS: dict[type, Callable[[Any, Style], str]] = {
    Ellipsis_: lambda node, style: "...",  # noqa: ARG005
    Integer: _integer,
    Word: lambda node, style: style.word(node.name),
    String: _string,
    Or: _or,
    KeyValue: _key_value,
    ListExpr: lambda node, style: f"[{_join(node.items, style)}]",
    BraceList: lambda node, style: f"{{{_join(node.items, style)}}}",
    CallExpr: lambda node, style: f"{node.function}({show_expression(node.argument, style)})",
    SockAddrExpr: _sockaddr,
    MsgHdrExpr: _msghdr,
    CmsgExpr: _cmsg,
    ScmTimestampExpr: lambda node, style: f"{{scm_sec={node.seconds}, scm_nsec={node.nanoseconds}}}",  # noqa: ARG005
    ExtendedErrorExpr: _members("errno", "origin", "type", "code", "info", "data", prefix="ee_"),
    IovecExpr: lambda node, style: f"{{..., {node.length}}}",  # noqa: ARG005
    PollFdExpr: _members("fd", "events", "revents"),
    EpollEventExpr: _epoll_event,
    LingerExpr: _members("onoff", "linger"),
    MplsStackExpr: lambda node, style: f"{{{label_stack(node.labels)}}}",  # noqa: ARG005
    GreExpr: lambda node, style: f"{{{gre_words(node.header)}}}",  # noqa: ARG005
}
