"""Which options a segment carries, and in which order."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wire.options import Md5, Mss, Nop, Sack, SackPermitted, TcpOption, Timestamps, WindowScale, build_options

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

NOP = Nop()
TIMESTAMP_OCTETS = 12
"""Two NOPs and the option: RFC 7323, appendix A."""
MAX_OPTION_OCTETS = 40
FEEDBACK_OCTETS = 12
"""The option of accurate ECN with all three counters, and a NOP."""


def in_front(options: tuple[TcpOption, ...], signature: Md5) -> tuple[TcpOption, ...]:
    """Return the options behind a signature, which ends with a whole word."""
    return (NOP, NOP, signature, *options)


class SegmentOptions:
    """Options of SYN segments and of all others. Nothing here decides what is negotiated, see `negotiation`."""

    __slots__ = ()

    def syn(self, connection: "ConnectionCore", *, now: int) -> tuple[TcpOption, ...]:
        """Return the options of a SYN, or of a SYN-ACK: there only what the peer offered (RFC 7323, RFC 2018)."""
        tcb, settings = connection.tcb, connection.settings
        is_answer = self.is_answer(connection)
        options: list[TcpOption] = [Mss(tcb.rcv_mss)]
        with_sack = tcb.has_sack if is_answer else settings.sack
        if tcb.has_timestamps if is_answer else self.wants_timestamps(connection):
            options += [SackPermitted()] if with_sack else [NOP, NOP]
            options.append(connection.timestamps.option(connection, now=now))
        elif with_sack:
            options += [NOP, NOP, SackPermitted()]
        if tcb.has_window_scale if is_answer else settings.window_scaling:
            options += [NOP, WindowScale(tcb.rcv_wscale)]
        options += self.announcement(connection, options)
        if is_answer and connection.ecn.is_option_due(connection, is_syn=True):
            options += self.feedback(connection, options, is_syn=True)
        if connection.first_syn_option is not None:
            extra = connection.first_syn_option
            # Filled up to whole words, as RFC 7413 (4.1.1) draws it.
            extras = [extra, *[NOP] * (-len(extra.build()) % 4)]
            if len(build_options([*options, *extras])) <= MAX_OPTION_OCTETS:
                options += extras
        return tuple(options)

    def wants_timestamps(self, connection: "ConnectionCore") -> bool:
        """Tell whether timestamps are offered, and accepted when they are offered."""
        return connection.settings.timestamps and not connection.authentication.leaves_timestamps_out(connection)

    def is_answer(self, connection: "ConnectionCore") -> bool:
        """Tell whether only what the peer offered may be offered."""
        return connection.has_peer_syn

    def other(self, connection: "ConnectionCore", *, now: int) -> tuple[TcpOption, ...]:
        """Return the options of a segment without SYN."""
        tcb = connection.tcb
        options: tuple[TcpOption, ...] = ()
        if tcb.has_timestamps:
            options = (NOP, NOP, connection.timestamps.option(connection, now=now))
        if tcb.has_sack and connection.sack.count(connection.reassembly):
            blocks = connection.sack.blocks(connection.reassembly, self.max_blocks(connection))
            if blocks:
                wire = connection.sequence.wire
                options += (NOP, NOP, Sack(tuple((wire(left), wire(right)) for left, right in blocks)))
        return options

    @staticmethod
    def announcement(connection: "ConnectionCore", options: Sequence[TcpOption]) -> tuple[TcpOption, ...]:
        """Return the user timeout option where it is due and there is room (RFC 5482, 3)."""
        if not connection.settings.announces_user_timeout:
            return ()
        option = connection.user_timeout.option(connection, room=_room_behind(connection, options))
        return () if option is None else (option,)

    @staticmethod
    def feedback(
        connection: "ConnectionCore", options: Sequence[TcpOption], *, is_syn: bool = False
    ) -> tuple[TcpOption, ...]:
        """Return the option of accurate ECN in what room there is, NOPs in front (RFC 9768, 3.2.3.3: SACK first)."""
        option = connection.ecn.option(room=_room_behind(connection, options), is_syn=is_syn)
        return () if option is None else (*(NOP,) * (-len(option.build()) % 4), option)

    def place_signature(self, options: tuple[TcpOption, ...], signature: Md5) -> tuple[TcpOption, ...]:
        """Return the options with an MD5 signature in its place: in front, as Linux has it."""
        return in_front(options, signature)

    def max_blocks(self, connection: "ConnectionCore") -> int:
        """Return how many SACK blocks fit: as many as possible (RFC 2018, section 4)."""
        return (MAX_OPTION_OCTETS - connection.tcb.option_octets - 4) // 8

    def octets_now(self, connection: "ConnectionCore") -> int:
        """Return how many option octets new data would carry beyond those of every segment."""
        feedback = FEEDBACK_OCTETS if connection.ecn.is_option_due(connection) else 0
        return self.sack_octets(connection) + feedback

    def sack_octets(self, connection: "ConnectionCore") -> int:
        """Return how many octets of SACK blocks a segment would carry."""
        known = connection.sack.count(connection.reassembly) if connection.tcb.has_sack else 0
        return 4 + 8 * min(known, self.max_blocks(connection)) if known else 0


def _room_behind(connection: "ConnectionCore", options: Sequence[TcpOption]) -> int:
    """Return how many octets of options still fit; the signature has its room."""
    return MAX_OPTION_OCTETS - connection.authentication.octets(connection) - len(build_options(options))


class TimestampClock:
    """TSval and TSecr (RFC 7323)."""

    __slots__ = ()

    TICK_US = 1000
    """One millisecond: between 1 ms and 1 s (RFC 7323, 5.4)."""

    MAX_AGE_US = 24 * 24 * 3600 * 1_000_000
    """TS.Recent is not believed any more after 24 days without traffic (RFC 7323, 5.5)."""

    def value(self, connection: "ConnectionCore", *, now: int) -> int:
        """Return TSval: a millisecond clock with a random offset for each connection (RFC 7323, 5.4 and 7.1)."""
        return (now // self.TICK_US + connection.ts_offset) & 0xFFFF_FFFF

    def echo(self, connection: "ConnectionCore") -> int:
        """Return TSecr: TS.Recent; 0 where there is no ACK (RFC 7323, 3.2)."""
        return connection.tcb.ts_recent if connection.has_peer_syn else 0

    def option(self, connection: "ConnectionCore", *, now: int) -> Timestamps:
        """Return the option for a segment that leaves now."""
        return Timestamps(self.value(connection, now=now), self.echo(connection))

    def delay_of(self, connection: "ConnectionCore", echoed: int, *, now: int) -> int | None:
        """Return how long ago the echoed TSval was sent, in microseconds; None when it lies in the future."""
        ticks = (self.value(connection, now=now) - echoed) & 0xFFFF_FFFF
        return None if ticks >= 1 << 31 else ticks * self.TICK_US

    def is_recent_valid(self, connection: "ConnectionCore", *, now: int) -> bool:
        """Tell whether TS.Recent may still be compared with."""
        return now - connection.tcb.ts_recent_at <= self.MAX_AGE_US
