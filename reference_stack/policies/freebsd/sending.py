"""What FreeBSD sends: its order of options, and the end of the list filled up with "end of option list"."""

from typing import TYPE_CHECKING

from reference_stack.policies.dragonfly.sending import BsdTransmission, DragonflySegmentSizes
from reference_stack.policies.mss import header_octets
from reference_stack.policies.options import NOP, SegmentOptions
from wire.options import Eol, Md5, Mss, SackPermitted, TcpOption, WindowScale, build_options
from wire.tcp import ACK, FIN

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore


_REPEATED = 3
"""``rexmit_drop_options``: repetitions of a SYN after which something on the way may dislike the options."""


def filled(options: list[TcpOption]) -> tuple[TcpOption, ...]:
    """Return the options filled up to whole words (RFC 9293, 3.1: the list ends, padding is zero)."""
    return (*options, *[Eol()] * (-len(build_options(options)) % 4))


class FreebsdSegmentOptions(SegmentOptions):
    """MSS, window scale, SACK-permitted, timestamps, Fast Open, each where it stands without padding before it."""

    __slots__ = ()

    def syn(self, connection: "ConnectionCore", *, now: int) -> tuple[TcpOption, ...]:
        """Return the options of a SYN, or of a SYN-ACK: there only what the peer offered."""
        tcb, settings = connection.tcb, connection.settings
        if settings.no_options:
            return ()
        is_answer = self.is_answer(connection)
        options: list[TcpOption] = [Mss(tcb.rcv_mss)]
        if settings.rexmit_drop_options and connection.syn_retransmissions >= _REPEATED and not is_answer:
            return tuple(options)
        if tcb.has_window_scale if is_answer else settings.window_scaling:
            options += [NOP, WindowScale(tcb.rcv_wscale)]
        if tcb.has_sack if is_answer else settings.sack:
            options.append(SackPermitted())
        if tcb.has_timestamps if is_answer else self.wants_timestamps(connection):
            options += [NOP] * ((2 - len(build_options(options))) % 4)
            options.append(connection.timestamps.option(connection, now=now))
        if connection.first_syn_option is not None:
            longer = filled([*options, connection.first_syn_option])
            if len(build_options(longer)) <= 40:
                options.append(connection.first_syn_option)
        return filled(options)

    def wants_timestamps(self, connection: "ConnectionCore") -> bool:
        """Tell whether timestamps are offered: beside a signature, too."""
        return connection.settings.timestamps

    def place_signature(self, options: tuple[TcpOption, ...], signature: Md5) -> tuple[TcpOption, ...]:
        """Return the options with an MD5 signature behind the others, so that it ends with a whole word."""
        others = [option for option in options if not isinstance(option, Eol)]
        return (*others, *[NOP] * ((2 - len(build_options(others))) % 4), signature)


class FreebsdTransmission(BsdTransmission):
    """While our FIN is not acknowledged, every acknowledgment repeats it."""

    __slots__ = ()

    def acknowledgment(self, connection: "ConnectionCore") -> tuple[int, int]:
        """Return sequence number and flags of a segment that only acknowledges."""
        tcb = connection.tcb
        if tcb.is_fin_sent and not tcb.is_fin_acknowledged and tcb.snd_nxt == tcb.snd_max:
            return tcb.snd_nxt - 1, ACK | FIN
        return super().acknowledgment(connection)


class FreebsdSegmentSizes(DragonflySegmentSizes):
    """``mssdflt`` and ``v6mssdflt``; what is known of the path bounds the MSS that is announced, too."""

    __slots__ = ()

    def announced(self, connection: "ConnectionCore") -> int:
        """Return the MSS option's value."""
        mss, path_mtu = super().announced(connection), connection.settings.path_mtu
        return mss if path_mtu is None else min(mss, path_mtu - header_octets(connection))

    def default(self, connection: "ConnectionCore") -> int:
        """Return what is assumed when the peer sends no MSS option."""
        settings = connection.settings
        return settings.default_mss if connection.four_tuple.ip_version == 4 else settings.default_mss_v6
