"""One TCP connection without I/O: segments and user calls go in with the time, segments and results come out.

This is the interface for the owner of a connection, such as a host with sockets. What happens inside stands in the
rule tables of the personality (`reference_stack.rules`), how it is done in its policies (`reference_stack.policies`);
both work on `reference_stack.core`, and the variables are in `reference_stack.tcb`.
"""

from typing import TYPE_CHECKING, TypeAlias

from reference_stack import early, negotiation, urgent, user_calls
from reference_stack.arrival.arrival import Arrival
from reference_stack.core import ConnectionCore, FourTuple
from reference_stack.info import tcp_info
from reference_stack.outgoing import Outgoing
from reference_stack.policies.icmp import IcmpError
from reference_stack.rules import Verdict
from reference_stack.settings import ConnectionSettings
from reference_stack.states import MAY_SEND_DATA, State
from wire.tcp import TcpSegment

if TYPE_CHECKING:
    from reference_stack.opening import SynRequest
    from wire.abi import TcpInfo
    from wire.options import TcpOption

__all__ = ["Connection", "ConnectionSettings", "FourTuple", "IcmpError", "Outgoing"]

Micros: TypeAlias = int
_MAY_QUEUE_DATA = MAY_SEND_DATA | {State.SYN_SENT, State.SYN_RECEIVED}


class Connection(ConnectionCore):
    """One connection. Every entry point takes `now`, integer microseconds that never go backwards.

    There are no callbacks. After each entry (a call, `on_segment`, `on_timer`, ...) the owner drains
    `take_segments`, looks at `state`, `error`, `receive_available`, `receive_eof`, `send_space`, and completes what
    its sockets wait for.

    `error` is a pending errno for the user, 0 for none; the owner reads and clears it. `soft_error` is the last soft
    error (RFC 9293, SHLD-25); it becomes `error` if the connection times out. `is_deleted` says that the TCB is gone:
    nothing more comes out, and segments for the four-tuple belong to nobody.
    """

    # --- user calls --------------------------------------------------------------------------------------------------

    def connect(self, *, now: Micros, request: "SynRequest | None" = None) -> int:
        """Active OPEN: the SYN is queued and the state is SYN-SENT (RFC 9293, 3.10.1).

        `request` says what the SYN carries beside (RFC 7413); returns how many octets of its text left.
        """
        self.syn_request = request
        self.calls["call/open-active"](self, now=now)
        return 0 if self.syn_request is None else len(self.syn_request.text)

    def defer_connect(self, *, now: Micros) -> None:
        """SYN-SENT in name: the SYN waits for `connect`, so that it can carry text (TCP_FASTOPEN_CONNECT)."""
        self.enter(State.SYN_SENT, now=now)

    def accept_syn(
        self,
        segment: TcpSegment,
        *,
        now: Micros,
        ecn: int = 0,
        option: "TcpOption | None" = None,
        is_early: bool = False,
    ) -> None:
        """Passive OPEN got this SYN: the state is SYN-RECEIVED and the SYN-ACK is queued (RFC 9293, 3.10.7.2).

        `ecn` is the ECN codepoint of the IP header; `option` goes on the first SYN-ACK where it fits (a Fast Open
        cookie, RFC 7413, 4.2.1). `is_early` says that the SYN brought a valid cookie, so that its text is the user's
        at once and data may leave (RFC 7413, 4.2.2).
        """
        self.first_syn_option = option
        self.tcb.is_passive = True
        self.authentication.begin_with(self, segment)
        negotiation.prepare_syn(self, now=now)
        arrival = Arrival(self, segment, now=now, ecn=ecn)
        self.counters.segments_in += 1
        self.last_received_at = now
        negotiation.take_peer_syn(self, arrival)
        self.enter(State.SYN_RECEIVED, now=now)
        if is_early:
            early.begin(self, arrival)
            return
        user_calls.begin_handshake(self, now=now)
        self.opening.take_early_text(self, arrival)

    def send(
        self,
        data: bytes,
        *,
        now: Micros,
        more: bool = False,
        goes_on: bool = False,
        urgent: bool = False,
        end_of_record: bool = False,
    ) -> int:
        """Queue octets and return how many were taken: 0 up to ``len(data)``, bounded by `send_space`.

        `more` holds a partial segment back (MSG_MORE); `goes_on` tells that the write has more octets; `urgent` makes
        the last octet urgent (MSG_OOB); `end_of_record` keeps later octets out of its segment where the
        personality does that (MSG_EOR). In SYN-SENT and SYN-RECEIVED the octets wait for the connection. Returns 0
        where sending is impossible: the caller tells from `state` and `may_send` why.
        """
        taken = data[: self.send_space] if self.may_send else b""
        if not taken:
            return 0
        start = self.send_queue.end
        self.send_queue.append(taken)
        self.has_more, self.is_mid_write = more, goes_on
        is_record = end_of_record and len(taken) == len(data)
        self.transmission.on_write(self, start, self.send_queue.end, more=more or goes_on, is_record=is_record, now=now)
        if urgent and len(taken) == len(data):
            # RFC 9293, 3.10.2: "SND.UP <- SND.NXT - 1" in RFC 793; MUST-62 makes it the octet after the urgent data.
            self.tcb.snd_up = self.send_queue.end
        self.settle(now=now)
        return len(taken)

    @property
    def may_send(self) -> bool:
        """SEND is allowed: not closed by us, not reset, not over."""
        return not self.is_deleted and self.tcb.fin_seq is None and self.state in _MAY_QUEUE_DATA

    @property
    def send_space(self) -> int:
        """Octets that `send` takes now."""
        return max(self.settings.sndbuf - len(self.send_queue), 0)

    @property
    def unsent_octets(self) -> int:
        """Queued octets that were never sent (SIOCOUTQNSD)."""
        return max(self.send_queue.end - max(self.tcb.snd_nxt, self.send_queue.start), 0)

    @property
    def unacknowledged_octets(self) -> int:
        """Queued octets that are not acknowledged, sent or not (SIOCOUTQ)."""
        return len(self.send_queue)

    @property
    def receive_available(self) -> int:
        """In-order octets that `receive` gives now; an out-of-band octet does not count."""
        return urgent.available(self)

    @property
    def receive_eof(self) -> bool:
        """The peer's FIN was reached in order: after `receive_available` octets comes the end of the stream."""
        return self.tcb.peer_fin is not None

    def receive(self, count: int, *, now: Micros, peek: bool = False) -> bytes:
        """Take up to `count` in-order octets (RFC 9293, 3.10.3); may queue a window update. `peek` leaves them.

        Reading stops at the urgent mark, so that the user can see it (`urgent_mark`).
        """
        data = urgent.read(self, count, peek=peek)
        if not peek and not self.is_deleted and self.state is not State.TIME_WAIT:
            self.window.after_read(self, read=len(data), now=now)
            self.delayed_ack.after_read(self, read=len(data), now=now)
            self.settle(now=now)
        return data

    @property
    def urgent_pending(self) -> bool:
        """An urgent pointer lies ahead of what was read (RFC 9293, MUST-33)."""
        return self.tcb.rcv_up is not None and self.tcb.rcv_up > self.receive_queue.read_seq

    @property
    def urgent_mark(self) -> int | None:
        """Octets from the read position to the urgent mark; None when none is known, 0 at the mark (sockatmark)."""
        return urgent.mark_distance(self)

    def receive_urgent(self, *, now: Micros, peek: bool = False) -> bytes | None:  # noqa: ARG002
        """Take the out-of-band octet (MSG_OOB without SO_OOBINLINE).

        Returns b"" while the urgent octet has not come yet and None when there is none to get. `urgent_count` says how
        often an urgent indication began or moved ahead: each increase is one signal (RFC 9293, MUST-32).
        """
        return urgent.take_out_of_band(self, peek=peek)

    def shutdown_send(self, *, now: Micros) -> None:
        """End our direction: FIN after all queued octets (RFC 9293, 3.10.4); receiving goes on."""
        if self.is_deleted or self.tcb.fin_seq is not None:
            return
        self.calls["call/close"](self, now=now)
        self.settle(now=now)

    def shutdown_receive(self, *, now: Micros) -> None:
        """The application will read no more (shutdown(SHUT_RD)); nothing goes out."""

    def close(self, *, now: Micros) -> None:
        """End both directions (close(2)): FIN after all queued octets, or RST when unread octets are lost (SHLD-3)."""
        if self.is_deleted or self.is_detached:
            return
        self.is_detached = True
        if self.receive_queue.octets and self.state in user_calls.RESET_ON_ABORT:
            self.abort(now=now)
            return
        self.shutdown_send(now=now)
        if self.state is State.FIN_WAIT_2:
            self.watch_fin_wait_2(now=now)

    def abort(self, *, now: Micros) -> None:
        """ABORT: RST where RFC 9293, 3.10.5 says so; everything queued is lost and the TCB is gone."""
        if not self.is_deleted:
            self.calls["call/abort"](self, now=now)

    def settings_changed(self, *, now: Micros, setting: str | None = None) -> None:
        """The owner changed `settings`: act on it (uncorked data leaves, keep-alive starts or stops, ...).

        `setting` names the one that was written, whether its value changed or not; None for several or unknown ones.
        """
        self.is_at_rest = False
        if self.is_deleted:
            return
        if not self.settings.cork:
            self.has_more = False
        self.transmission.on_setting(self, setting)
        if setting == "congestion_control":
            self.switch_congestion_control()
        self.delayed_ack.on_settings_changed(self, setting=setting, now=now)
        self.restart_keepalive(now=now)
        self.settle(now=now)

    # --- events ------------------------------------------------------------------------------------------------------

    def on_segment(self, segment: TcpSegment, *, now: Micros, ecn: int = 0, gso_size: int = 0) -> None:
        """SEGMENT ARRIVES (RFC 9293, 3.10.7); `ecn` is the ECN codepoint of the IP header.

        `gso_size` says that the segment was put together from segments of that size (receive offload).
        """
        # RFC 5925, 7.5: before anything else of the segment has an effect.
        if self.is_deleted or not self.authentication.accepts(self, segment):
            return
        self.counters.segments_in += 1
        self.last_received_at = now
        self.keepalive_probes = 0
        arrival = Arrival(self, segment, now=now, ecn=ecn)
        arrival.gso_size = gso_size
        for rule in self.arrival_rules():
            if rule(self, arrival) is Verdict.STOP:
                break
        self.settle(now=now)

    def may_reopen(self, segment: TcpSegment, *, now: Micros) -> bool:
        """Tell whether a SYN for a listener may replace this connection, which is in TIME-WAIT (RFC 6191).

        An owner with a listener for the SYN asks this first; when the answer is yes it drops this connection and gives
        the SYN to the listener, with an ISN not below `successor_isn`. Otherwise the segment comes to `on_segment`.
        """
        if self.state is not State.TIME_WAIT or not self.time_wait.is_opening(segment):
            return False
        return self.time_wait.may_reopen(self, Arrival(self, segment, now=now))

    @property
    def successor_isn(self) -> int:
        """Least ISN of a new incarnation of this connection."""
        return self.time_wait.successor_isn(self)

    def on_icmp_error(self, error: IcmpError, *, now: Micros) -> None:
        """An ICMP error about this connection arrived."""
        if not self.is_deleted:
            self.icmp.on_error(self, error, now=now)
            self.settle(now=now)

    def on_timer(self, *, now: Micros) -> None:
        """Run every timer that is due at `now`; harmless when none is."""
        while not self.is_deleted and (name := self.timers.pop_due(now=now)) is not None:
            self.timer_rules[name](self, now=now)
            self.settle(now=now)

    def next_timer(self) -> Micros | None:
        """When `on_timer` wants to be called next, or None."""
        return None if self.is_deleted else self.timers.next()

    # --- what comes out ----------------------------------------------------------------------------------------------

    def take_segments(self) -> list[TcpSegment]:
        """Return and forget the queued segments, oldest first."""
        return [outgoing.segment for outgoing in self.take_outgoing()]

    def take_outgoing(self) -> list[Outgoing]:
        """Like `take_segments`, with the ECN codepoint of each segment."""
        taken, self.outgoing = self.outgoing, []
        return taken

    @property
    def is_delivery_in_trouble(self) -> bool:
        """R1 is reached: the user may be told (RFC 9293, SHLD-9)."""
        return self.limits.is_r1_reached(self)

    def info(self, *, now: Micros) -> "TcpInfo":
        """Return what ``getsockopt(TCP_INFO)`` shows."""
        return tcp_info(self, now=now)
