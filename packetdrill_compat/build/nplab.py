"""The builder of the nplab dialect, without SCTP.

Source: the language specification, section 10.1.
"""

from dataclasses import replace

from packetdrill_compat.ast import (
    CallExpr,
    CmsgExpr,
    Echoed,
    EchoedTcp,
    EchoedUdp,
    EcnMark,
    Expression,
    Integer,
    IpInfo,
    KeyValue,
    LingerExpr,
    MsgHdrExpr,
    PacketEvent,
    SequenceRange,
    TcpSpec,
    UdpSpec,
)
from packetdrill_compat.build.base import U8, U16, U32, Parts, hexadecimal, integer, number
from packetdrill_compat.build.expressions import ExpressionBuilder
from packetdrill_compat.build.google import GoogleBuilder
from packetdrill_compat.build.nplab_options import NplabOptionBuilder
from packetdrill_compat.scanner import Token
from wire.tcp import RST

# RFC 2474, RFC 2597, RFC 3246, RFC 5865 and RFC 8622
_DSCP = (
    {f"cs{value}": value << 3 for value in range(8)}
    | {f"af{group}{drop}": group << 3 | drop << 1 for group in range(1, 5) for drop in range(1, 4)}
    | {"ef": 46, "voice-admit": 44, "le": 1}
)
_RST_DIAGNOSTIC_PAYLOAD = 8
_S32_MIN, _S32_MAX = -(2**31), 2**31 - 1


class NplabExpressionBuilder(ExpressionBuilder):
    """Expressions that only this dialect has, or writes in another way."""

    families = ("AF_INET", "AF_INET6")

    def sockaddr(self, parts: Parts) -> Expression:
        """As upstream, but other families are refused."""
        if parts[1].value not in self.families:
            self.fail("invalid address family", parts[1], next_step="write AF_INET or AF_INET6")
        return super().sockaddr(parts)

    def htonl(self, parts: Parts) -> Expression:
        """``htonl(N)``."""
        function, token = parts
        if not 0 <= number(token) <= U32:
            self.fail("number out of range", token)
        argument = self.hexadecimal([token]) if token.type == "HEX_INTEGER" else self.integer([token])
        return CallExpr(function.text, argument, position=self.position(function))

    def msghdr_with_length(self, parts: Parts) -> Expression:
        """``{msg_name(...)=..., msg_iov(N)=[…], msg_control(N)=[…], msg_flags=…}``."""
        brace, _, _, count, iov, length, control, flags = parts
        return MsgHdrExpr(integer(count), iov, flags, control, integer(length), position=self.position(brace))

    def cmsg_with_length(self, parts: Parts) -> Expression:
        """``{cmsg_len=N, cmsg_level=…, cmsg_type=…, cmsg_data=…}``."""
        brace, length, level, kind, data = parts
        self._s32(length, "cmsg_len out of range")
        for name, value in (("cmsg_level", level), ("cmsg_type", kind)):
            if isinstance(value, Integer) and not _S32_MIN <= value.value <= _S32_MAX:
                self.fail_at(f"{name} out of range", value.position)
        return CmsgExpr(level, kind, data, self.integer([length]), position=self.position(brace))

    def _s32(self, token: Token, message: str) -> int:
        value = integer(token)
        if not _S32_MIN <= value <= _S32_MAX:
            self.fail(message, token)
        return value

    def linger(self, parts: Parts) -> Expression:
        """``{onoff=…, linger=…}``; ``...`` is None."""
        brace, onoff, linger = parts
        return LingerExpr(
            None if onoff.type == "ELLIPSIS" else self._s32(onoff, "linger onoff out of range"),
            None if linger.type == "ELLIPSIS" else self._s32(linger, "linger out of range"),
            position=self.position(brace),
        )

    def unsigned_integer(self, parts: Parts) -> Expression:
        """A number of 32 bits; packetdrill's message names the wrong structure."""
        self.ranged(parts[0], U32, "linger out of range")
        return self.integer(parts)

    def unsigned_hexadecimal(self, parts: Parts) -> Expression:
        """The same in hexadecimal."""
        if hexadecimal(parts[0]) > U32:
            self.fail("linger out of range", parts[0])
        return self.hexadecimal(parts)

    def reset_code(self, parts: Parts) -> Expression:
        """``trr_code=N``."""
        return self._limited_key(parts, U16)

    def reset_enterprise(self, parts: Parts) -> Expression:
        """``trr_pen=N``."""
        return self._limited_key(parts, U32)

    def _limited_key(self, parts: Parts, limit: int) -> Expression:
        key, token = parts
        self.ranged(token, limit, f"{key.text} out of range")
        return KeyValue(key.text, self.integer([token]), position=self.position(key))

    def counted_value(self, parts: Parts) -> Expression:
        """``headers(N)=[…]``."""
        key, count, value = parts
        return KeyValue(key.text, value, integer(count), position=self.position(key))


class NplabBuilder(NplabOptionBuilder, NplabExpressionBuilder, GoogleBuilder):
    """All rules of ``grammar.lark`` and ``nplab.lark``."""

    dialect = "nplab"
    icmpv6_with_mtu = ((2, 0), (134, 0))  # a router advertisement, too (RFC 4861, section 4.6.4)

    # ------------------------------------------------------------ IP annotation

    def ip_info_list(self, parts: Parts) -> IpInfo:
        """The annotations one behind the other; each part of the TOS octet can be set once."""
        result: IpInfo = parts[0]
        for info in parts[1:]:
            if info.tos is not None and _has_tos(result):
                self.fail_at("tos already set", info.position)
            if info.dscp is not None and (result.tos is not None or result.dscp is not None):
                self.fail_at("can't set dscp, tos already set", info.position)
            if info.ecn is not None and (result.tos is not None or result.ecn is not None):
                what = "ECT01" if info.ecn is EcnMark.ECT01 else "ecn"
                self.fail_at(f"can't set {what}, tos already set", info.position)
            given = {name: value for name in _INFO_FIELDS if (value := getattr(info, name)) is not None}
            result = replace(result, **given)
        return result

    def ttl(self, parts: Parts) -> IpInfo:
        """``ttl N``."""
        return IpInfo(ttl=self.ranged(parts[0], U8, "ttl out of range"), position=self.position(parts[0]))

    def hop_limit(self, parts: Parts) -> IpInfo:
        """``hlim N``, which means the same as ttl."""
        return IpInfo(ttl=self.ranged(parts[0], U8, "hlim out of range"), position=self.position(parts[0]))

    def dscp(self, parts: Parts) -> IpInfo:
        """``dscp X``."""
        token: Token = parts[0]
        value = hexadecimal(token) if token.type == "HEX_INTEGER" else _DSCP[token.text]
        if value > 0x3F:
            self.fail("dscp out of range for 6 bits", token)
        return IpInfo(dscp=value, position=self.position(token))

    def check_markings(self, event: PacketEvent) -> None:
        """ECN words may stand on every packet."""

    # ------------------------------------------------------------ packets

    def outer_headers(self, event: PacketEvent) -> int:
        """UDP around TCP counts as a header, too."""
        tunnelled = isinstance(event.body, TcpSpec) and event.body.udp_ports is not None
        return len(event.encaps) + tunnelled

    def tcp(self, parts: Parts) -> TcpSpec:
        """A TCP packet with what may stand behind it."""
        ports, flags, sequence, ack, window, urgent, options, code, udp_ports = parts
        spec = TcpSpec(flags, sequence, ack, window, urgent, options, ports, udp_ports=udp_ports)
        if code is None:
            return spec
        token, numbers = code
        if numbers != (0, 0):
            if sequence.length != _RST_DIAGNOSTIC_PAYLOAD:
                self.fail(f"unexpected payload length of {sequence.length} for RST diagnostic payload", token)
            if not flags.mask & RST:
                text = "/".join(map(str, numbers))
                self.fail(f"RST diagnostic payload of code/pen = {text} for non RST segment", token)
        return replace(spec, rst_code=numbers)

    def rst_code(self, parts: Parts) -> tuple[Token, tuple[int, int]]:
        """``[code N, pen N]``."""
        code, pen = parts
        return code, (self.ranged(code, U16, "code out of range"), self.ranged(pen, U32, "pen out of range"))

    def udp_tunnel(self, parts: Parts) -> tuple[int, int]:
        """``/udp(a > b)``."""
        source, destination = parts
        return (
            self.ranged(source, U16, "UDP source port out of range"),
            self.ranged(destination, U16, "UDP destination port out of range"),
        )

    def absolute_sequence(self, parts: Parts) -> SequenceRange:
        """``start:end(length)!``."""
        return replace(self.sequence(parts), absolute=True)

    def ignored_sequence(self, parts: Parts) -> SequenceRange:
        """``...(length)``."""
        length = self.ranged(parts[1], U16, "TCP payload size out of range")
        return SequenceRange(0, length, length, ignored=True)

    def udp_lite(self, parts: Parts) -> UdpSpec:
        """``udplite (N, coverage)``."""
        ports, length, coverage = parts
        return UdpSpec(
            self.ranged(length, U16, "UDPLite payload size out of range"),
            ports,
            self.ranged(coverage, U16, "UDPLite checksum coverage out of range"),
        )

    def echoed_tcp(self, parts: Parts) -> Echoed:
        """``[start:end(length)/udp(a > b)]``."""
        sequence, udp_ports = parts
        return EchoedTcp(sequence, udp_ports)

    def echoed_udp_lite(self, parts: Parts) -> Echoed:
        """``[udplite (N, coverage)]``."""
        length, coverage = parts
        return EchoedUdp(integer(length) & U16, integer(coverage) & U16)


_INFO_FIELDS = ("ecn", "tos", "flow_label", "ttl", "dscp")


def _has_tos(info: IpInfo) -> bool:
    return info.tos is not None or info.ecn is not None or info.dscp is not None
