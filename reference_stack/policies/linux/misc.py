"""Smaller choices of Linux: sizes, limits, probes, resets, answers, TIME-WAIT."""

from typing import TYPE_CHECKING, ClassVar

from reference_stack import output, transmit
from reference_stack.policies.challenge import ChallengeAck
from reference_stack.policies.limits import Limits
from reference_stack.policies.linux.transmission import RESOURCE_PROBE_US
from reference_stack.policies.mss import HEADER_OCTETS, SegmentSizes
from reference_stack.policies.options import SegmentOptions
from reference_stack.policies.probes import Probes
from reference_stack.policies.resets import Resets
from reference_stack.policies.time_wait import TimeWait
from reference_stack.recovery.linux import LinuxRecovery
from reference_stack.states import State
from reference_stack.timers import PERSIST
from wire.tcp import ACK, RST, SYN, TcpSegment

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore

_OPENING = (State.SYN_SENT, State.SYN_RECEIVED)


class LinuxSegmentSizes(SegmentSizes):
    """No segment is larger than half the largest window that the peer offered."""

    __slots__ = ()

    LEAST_ANNOUNCED: ClassVar[dict[int, int]] = {4: 256, 6: 1220}
    """Settings ``route.min_adv_mss`` and ``net.ipv6.route.min_adv_mss``."""

    def announced(self, connection: "ConnectionCore") -> int:
        """Return the MSS option's value, which does follow a path MTU known from earlier (measured on 6.18)."""
        mss, path_mtu = super().announced(connection), connection.settings.path_mtu
        if path_mtu is None:
            return mss
        version = connection.four_tuple.ip_version
        return min(mss, max(path_mtu - HEADER_OCTETS[version], self.LEAST_ANNOUNCED[version]))

    def default(self, connection: "ConnectionCore") -> int:
        """A server that says nothing to a SYN with a Fast Open request keeps what was assumed for that (measured)."""
        return super().default(connection) if connection.syn_request is None else connection.tcb.peer_mss

    def assumed(self, connection: "ConnectionCore") -> int:
        """Return our own (measured): text on a SYN to a server of which nothing is known."""
        return connection.tcb.rcv_mss

    def effective(self, connection: "ConnectionCore") -> int:
        """Return the payload of a full segment."""
        mss = super().effective(connection)
        largest = connection.tcb.max_snd_wnd
        cutoff = largest >> 1 if largest > 536 else largest
        if cutoff and mss > cutoff:
            return max(cutoff, 68 - 20 - connection.tcb.option_octets)
        return mss

    def on_larger_window(self, connection: "ConnectionCore") -> None:
        """Half of the window may have room for a larger segment now."""
        if connection.tcb.snd_mss != self.effective(connection):
            connection.update_segment_size()


class LinuxSegmentOptions(SegmentOptions):
    """Measured: when SYNs cross, our SYN-ACK offers again what our SYN offered."""

    __slots__ = ()

    def is_answer(self, connection: "ConnectionCore") -> bool:
        """Tell whether only what the peer offered may be offered."""
        return connection.has_peer_syn and connection.tcb.is_passive


_SYN_RTO_US = 1_000_000


class LinuxLimits(Limits):
    """Counts of retransmissions, which stand for the time that so many take at exponential backoff."""

    __slots__ = ()

    RTO_BASE_US = 200_000

    def model_us(self, connection: "ConnectionCore", retries: int, base: int) -> int:
        """Return the time that so many retransmissions take."""
        longest = connection.rtt.maximum
        linear_from = (longest // base).bit_length() - 1
        if retries <= linear_from:
            return ((2 << retries) - 1) * base
        return ((2 << linear_from) - 1) * base + (retries - linear_from) * longest

    def retries(self, connection: "ConnectionCore") -> int:
        """Return R2 as a count: for an orphan it is ``tcp_orphan_retries``, where 0 means 8."""
        settings = connection.settings
        if connection.is_detached:
            is_alive = connection.rtt.rto < connection.rtt.maximum
            if connection.soft_error and not is_alive:
                return 0
            return settings.orphan_retries or (8 if is_alive else 0)
        return settings.retries2

    def is_expired(self, connection: "ConnectionCore", *, now: int) -> bool:
        """Tell whether R2 has passed, counted from the first retransmission."""
        settings = connection.settings
        if connection.tcb.state in _OPENING:
            return self._is_opening_expired(connection, now=now)
        if not connection.retransmits or connection.first_retransmitted_at is None:
            return False
        if (
            connection.tcb.snd_wnd == 0
            and not connection.is_detached
            and now - connection.last_received_at < 120_000_000
        ):
            return False
        limit = settings.user_timeout_us or self.model_us(connection, self.retries(connection), self.RTO_BASE_US)
        return now - connection.first_retransmitted_at >= limit

    def _is_opening_expired(self, connection: "ConnectionCore", *, now: int) -> bool:
        settings = connection.settings
        if connection.tcb.is_passive:
            return connection.retransmits >= settings.synack_retries
        if connection.retransmits >= settings.syn_retries + settings.syn_linear_timeouts:
            return True
        # Linux, tcp_write_timeout: beside the count, the time of so many retransmissions at backoff. Measured:
        # TCP_SYNCNT 2 with four linear repetitions gives up after five of them, at 7 s.
        limit = settings.user_timeout_us or self.model_us(connection, settings.syn_retries, _SYN_RTO_US)
        return bool(connection.retransmits) and now - connection.progress_at >= limit

    def is_syn_ack_expired(self, connection: "ConnectionCore", *, now: int) -> bool:  # noqa: ARG002
        """Tell whether it was repeated often enough: once more than without Fast Open (measured)."""
        return connection.retransmits > connection.settings.synack_retries

    def next_check(self, connection: "ConnectionCore") -> int:
        """Return when the user timeout passes, as far as one is set and counts already."""
        timeout = connection.settings.user_timeout_us
        if not timeout or not connection.retransmits:
            return 1 << 62
        if connection.tcb.state in _OPENING:
            return connection.progress_at + timeout
        return (connection.first_retransmitted_at or 0) + timeout

    def is_backing_off(self, connection: "ConnectionCore") -> bool:
        """The first SYN retransmissions come at equal distance (sysctl ``tcp_syn_linear_timeouts``)."""
        is_opening = connection.tcb.state is State.SYN_SENT
        return not is_opening or connection.retransmits > connection.settings.syn_linear_timeouts

    def is_black_hole_suspected(self, connection: "ConnectionCore", *, now: int) -> bool:
        """R1 as a time, counted from the first retransmission."""
        if not connection.retransmits or connection.first_retransmitted_at is None:
            return False
        limit = self.model_us(connection, connection.settings.retries1, self.RTO_BASE_US)
        return now - connection.first_retransmitted_at >= limit

    def is_probing_expired(self, connection: "ConnectionCore", *, now: int) -> bool:
        """Unanswered probes are counted; a user timeout ends probing although the peer answers."""
        settings = connection.settings
        if settings.user_timeout_us and now - connection.probing_since >= settings.user_timeout_us:
            return True
        return connection.probes_out >= self.retries(connection)

    def is_keepalive_expired(self, connection: "ConnectionCore", *, now: int) -> bool:
        """The user timeout decides where one is set, else the count of probes."""
        settings = connection.settings
        if settings.user_timeout_us:
            idle = now - connection.last_received_at
            return idle >= settings.user_timeout_us and connection.keepalive_probes > 0
        return connection.keepalive_probes >= settings.keepcnt


class LinuxProbes(Probes):
    """A window probe is empty and lies below the window; a window too small is filled instead."""

    __slots__ = ("_last_at",)

    LEAST_US = 200_000
    SHORTEST_US = 2_000

    def __init__(self) -> None:
        self._last_at = 0

    def send_window_probe(self, connection: "ConnectionCore", *, now: int) -> bool:
        """Send what fits the window, whatever held it back; else an empty segment at SND.UNA-1."""
        self._last_at = now
        tcb = connection.tcb
        usable = tcb.send_limit - tcb.snd_nxt
        unsent = connection.send_queue.end - tcb.snd_nxt
        connection.is_released = True
        if usable > 0 and (unsent > 0 or tcb.fin_seq == tcb.snd_nxt):
            is_sent = transmit.send_new(connection, min(unsent, usable, tcb.snd_mss), now=now, is_forced_push=True)
            if isinstance(connection.recovery, LinuxRecovery) and is_sent:
                # tcp_write_wakeup() arms no loss probe.
                connection.recovery.probe_deadline = None
                connection.arm_retransmission(now=now)
        else:
            is_sent = output.emit(connection, seq=tcb.snd_una - 1, flags=ACK, now=now)
        connection.is_released = False
        return is_sent

    def first_delay(self, connection: "ConnectionCore") -> int:
        """One RTO, 200 milliseconds at least."""
        return max(connection.rtt.rto, self.LEAST_US)

    def on_idle_ack(self, connection: "ConnectionCore", *, now: int) -> None:
        """Where the window stays too small, the wait for the next probe begins anew (tcp_ack_probe())."""
        if connection.timers.is_running(PERSIST) and not connection.transmission.is_window_open(connection):
            self._last_at = now
            connection.timers.set(PERSIST, now + self.next_delay(connection, was_sent=True))

    def next_delay(self, connection: "ConnectionCore", *, was_sent: bool) -> int:
        """The distance doubles; the last one is cut short where the user timeout passes before."""
        rtt = connection.rtt
        # One backoff counts for timeouts and probes; where timeouts came before, the base has it already.
        base = max(rtt.rto, self.LEAST_US)
        delay = min(base << min(rtt.backoff + connection.probe_backoff, 10), rtt.maximum)
        if not was_sent:
            delay = RESOURCE_PROBE_US
        timeout = connection.settings.user_timeout_us
        if timeout:
            remaining = timeout - (self._last_at - connection.probing_since)
            delay = min(delay, max(remaining, self.SHORTEST_US))
        return delay


class LinuxResets(Resets):
    """Resets about a live connection carry ACK and the options of any segment."""

    __slots__ = ()

    def send_abort(self, connection: "ConnectionCore", *, now: int) -> None:
        """The user aborts, or closes with octets unread, which are forgotten before (measured)."""
        connection.receive_queue.clear()
        self._send_live(connection, now=now)

    def send_lost_data(self, connection: "ConnectionCore", arrival: "Arrival") -> None:
        """The reset answers the segment, as in CLOSED."""
        output.send_reset(connection, seq=arrival.ack)

    def before_giving_up(self, connection: "ConnectionCore", *, now: int) -> None:
        """A peer that does not answer keep-alives is told."""
        if connection.keepalive_probes and not connection.scoreboard.segments:
            self._send_live(connection, now=now)

    def _send_live(self, connection: "ConnectionCore", *, now: int) -> None:
        seq, _ = connection.transmission.acknowledgment(connection)
        output.send_reset(
            connection,
            seq=seq,
            with_ack=True,
            options=connection.options.other(connection, now=now),
            window=connection.window.select(connection),
            ecn_flags=connection.ecn.flags(connection, is_new_data=False),
        )


class LinuxChallengeAck(ChallengeAck):
    """One answer to segments without text in ``tcp_invalid_ratelimit``."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        super().__init__()
        self._last: int | None = None

    def allows_challenge(self, connection: "ConnectionCore", *, now: int) -> bool:
        """Tell whether a challenge ACK may leave now, and count it."""
        if self._last is not None and 0 <= now - self._last < connection.settings.invalid_ratelimit_us:
            return False
        self._last = now
        return True

    def on_established(self, connection: "ConnectionCore") -> None:
        """What was answered for the listener does not count for the connection (tcp_create_openreq_child())."""
        if connection.tcb.is_passive:
            self._last = None

    def allows_reply(self, connection: "ConnectionCore", arrival: "Arrival") -> bool:
        """Tell whether an unacceptable segment may be answered: always one with text or FIN, which is no loop."""
        if arrival.end > arrival.seq and not arrival.flags & SYN:
            return True
        return self.allows_challenge(connection, now=arrival.now)


class LinuxTimeWait(TimeWait):
    """A minute, whatever the MSL; a SYN reopens with a newer sequence number or timestamp."""

    __slots__ = ()

    LENGTH_US = 60_000_000

    def duration_us(self, connection: "ConnectionCore") -> int:  # noqa: ARG002
        """Return how long the state lasts."""
        return self.LENGTH_US

    def is_opening(self, segment: TcpSegment) -> bool:
        """A FIN beside the SYN does not matter (measured): the state ends, and the listener drops the segment."""
        return segment.flags & (SYN | ACK | RST) == SYN

    def may_reopen(self, connection: "ConnectionCore", arrival: "Arrival") -> bool:
        """Tell whether a SYN may start a new incarnation."""
        tcb, before = connection.tcb, connection.sequence.timestamp_before
        has_both = tcb.has_timestamps and arrival.has_timestamps
        if has_both and before(arrival.ts_val, tcb.ts_recent):
            return False
        return arrival.seq > tcb.rcv_nxt or (has_both and before(tcb.ts_recent, arrival.ts_val))
