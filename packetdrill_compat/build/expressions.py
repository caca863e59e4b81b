"""Builds expressions."""

from ipaddress import AddressValueError, IPv4Address, IPv6Address

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
from packetdrill_compat.build.base import Parts, hexadecimal, integer
from packetdrill_compat.build.packets import PacketBuilder
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.scanner import Token
from packetdrill_compat.strings import unescape


class ExpressionBuilder(PacketBuilder):
    """Rules of section 1.3, ``expr``. Structures begin with the token of their opening brace."""

    def ellipsis(self, parts: Parts) -> Expression:
        """``...``."""
        return Ellipsis_(position=self.position(parts[0]))

    def integer(self, parts: Parts) -> Expression:
        """A decimal number."""
        return Integer(integer(parts[0]), position=self.position(parts[0]))

    def hexadecimal(self, parts: Parts) -> Expression:
        """A hexadecimal number."""
        return Integer(hexadecimal(parts[0]), hexadecimal=True, position=self.position(parts[0]))

    def symbol(self, parts: Parts) -> Expression:
        """A word."""
        return Word(parts[0].value, position=self.position(parts[0]))

    def strings(self, parts: Parts) -> Expression:
        """One string or several side by side."""
        return String(tuple(token.value for token in parts), position=self.position(parts[0]))

    def string_and_more(self, parts: Parts) -> Expression:
        """``"…"...``."""
        return String((parts[0].value,), ellipsis=True, position=self.position(parts[0]))

    def either(self, parts: Parts) -> Expression:
        """``left | right``."""
        left, right = parts
        return Or(left, right, position=left.position)

    def key_value(self, parts: Parts) -> Expression:
        """``WORD = value``."""
        key, value = parts
        return KeyValue(key.value, value, position=self.position(key))

    def array(self, parts: Parts) -> Expression:
        """``[…]``."""
        bracket, *items = parts
        return ListExpr(tuple(items), position=self.position(bracket))

    def brace_list(self, parts: Parts) -> Expression:
        """``{…}`` that is no known structure."""
        brace, *items = parts
        return BraceList(tuple(items), position=self.position(brace))

    def call(self, parts: Parts) -> Expression:
        """``inet_addr("…")`` and ``inet6_addr("…")``."""
        function, address = parts
        if function.text == "inet6_addr" and not self._is_address(address, 6):
            self.fail("cannot parse in6_addr", address)
        argument = String((address.value,), position=self.position(address))
        return CallExpr(function.text, argument, position=self.position(function))

    def _is_address(self, token: Token, version: int) -> bool:
        try:
            text = unescape(token.value).decode("ascii")
            IPv6Address(text) if version == 6 else IPv4Address(text)
        except (AddressValueError, ScriptError, UnicodeDecodeError):
            return False
        return True

    # ------------------------------------------------------------ structures

    def sockaddr(self, parts: Parts) -> Expression:
        """``{sa_family = …, sin_port = htons(…), sin_addr = inet_addr("…")}``."""
        brace, family, port, function, address = parts
        version = {"AF_INET": 4, "AF_INET6": 6}.get(family.value)
        if version and not self._is_address(address, version):
            self.fail(f"invalid IPv{version} address", address)
        call = CallExpr(
            function.text,
            String((address.value,), position=self.position(address)),
            position=self.position(function),
        )
        return SockAddrExpr(family.value, integer(port), call, position=self.position(brace))

    def msghdr(self, parts: Parts) -> Expression:
        """``{msg_name(...)=..., msg_iov(N)=[…], msg_flags=…, msg_control=[…]}``."""
        brace, _, _, count, iov, flags, control = parts
        return MsgHdrExpr(integer(count), iov, flags, control, position=self.position(brace))

    def msg_control(self, parts: Parts) -> Expression:
        """The list of control messages."""
        control: Expression = parts[0]
        return control

    def cmsg(self, parts: Parts) -> Expression:
        """``{cmsg_level=…, cmsg_type=…, cmsg_data=…}``."""
        brace, level, kind, data = parts
        return CmsgExpr(level, kind, data, position=self.position(brace))

    def scm_timestamp(self, parts: Parts) -> Expression:
        """``{scm_sec=N, scm_nsec=N}``."""
        brace, seconds, nanoseconds = parts
        return ScmTimestampExpr(integer(seconds), integer(nanoseconds), position=self.position(brace))

    def extended_error(self, parts: Parts) -> Expression:
        """``{ee_errno=…, …}``."""
        brace, errno, origin, kind, code, info, data = parts
        return ExtendedErrorExpr(errno, origin, kind, code, info, data, position=self.position(brace))

    def iovec(self, parts: Parts) -> Expression:
        """``{..., N}``."""
        brace, _, length = parts
        return IovecExpr(integer(length), position=self.position(brace))

    def pollfd(self, parts: Parts) -> Expression:
        """``{fd=…, events=…, revents=…}``; revents not written is 0."""
        brace, fd, events, revents = parts
        return PollFdExpr(fd, events, revents or Integer(0), position=self.position(brace))

    def revents(self, parts: Parts) -> Expression:
        """The value of revents."""
        revents: Expression = parts[0]
        return revents

    def epoll_event(self, parts: Parts) -> Expression:
        """``{events=…, MEMBER=…}``."""
        brace, events, member, data = parts
        return EpollEventExpr(events, member.text, data, position=self.position(brace))

    def epoll_member(self, parts: Parts) -> Token:
        """The name of the member that holds the data."""
        token: Token = parts[0]
        return token

    def linger(self, parts: Parts) -> Expression:
        """``{onoff=N, linger=N}``."""
        brace, onoff, linger = parts
        return LingerExpr(integer(onoff), integer(linger), position=self.position(brace))

    def mpls_stack(self, parts: Parts) -> Expression:
        """``{(label …) …}``."""
        brace, *labels = parts
        return MplsStackExpr(self.label_stack(labels), position=self.position(brace))

    def gre_value(self, parts: Parts) -> Expression:
        """``{flags …}``."""
        brace, header = parts
        return GreExpr(header, position=self.position(brace))
