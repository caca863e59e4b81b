"""What rules and policies work on: the variables, queues, timers and policies of one connection, and a few services.

`reference_stack.connection.Connection` is the same object with the interface for its owner.
"""

import errno
from typing import NamedTuple, TypeAlias

from reference_stack import output, transmit
from reference_stack.chronograph import Chronograph
from reference_stack.counters import Counters
from reference_stack.opening import SynAnswer, SynRequest
from reference_stack.outgoing import Outgoing
from reference_stack.personality import Personality
from reference_stack.receive_queue import ReceiveQueue
from reference_stack.rules import ArrivalRule, TimerRule
from reference_stack.send_queue import SendQueue
from reference_stack.settings import ConnectionSettings
from reference_stack.states import OPENING, State
from reference_stack.tcb import Tcb
from reference_stack.timers import CORK, FIN_WAIT_2, KEEPALIVE, RECOVERY, RETRANSMISSION, TIME_WAIT, Timers
from wire.options import TcpOption

Micros: TypeAlias = int


class FourTuple(NamedTuple):
    """The name of a connection, seen from this end. Addresses are canonical text."""

    local_ip: str
    local_port: int
    remote_ip: str
    remote_port: int

    @property
    def ip_version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.local_ip else 4


class ConnectionCore:
    """One connection as rules and policies see it. `now` is integer microseconds."""

    def __init__(
        self,
        four_tuple: FourTuple,
        *,
        personality: Personality,
        settings: ConnectionSettings,
        isn: int,
        ts_offset: int = 0,
    ) -> None:
        self.four_tuple = four_tuple
        self.personality = personality
        self.settings = settings
        self.ts_offset = ts_offset
        self.tcb = Tcb(iss=isn, snd_una=isn, snd_nxt=isn, snd_max=isn, snd_up=isn)
        self.timers = Timers()
        self.counters = Counters()
        self.chronograph = Chronograph()
        self.is_writer_waiting = False
        """The owner's application found no room in the send buffer and waits for some (for `TCP_INFO` only)."""
        self.expects_write = False
        """The owner's application waits for the connection to write to it, so an acknowledgment may wait for data."""
        self.send_queue = SendQueue(isn + 1)
        self.receive_queue = ReceiveQueue()
        self.outgoing: list[Outgoing] = []
        self._make_policies()
        self._index_rules()
        self._reset_opening()
        self._reset_flags()

    def _make_policies(self) -> None:
        policies = self.personality.policies
        self.sequence = policies.sequence()
        self.reassembly = policies.reassembly()
        self.sack = policies.sack()
        self.scoreboard = policies.scoreboard()
        self.timing = policies.timing()
        self.delayed_ack = policies.delayed_ack()
        self.transmission = policies.transmission()
        self.window = policies.window()
        self.options = policies.options()
        self.timestamps = policies.timestamps()
        self.mss = policies.mss()
        self.challenge = policies.challenge()
        self.limits = policies.limits()
        self.probes = policies.probes()
        self.resets = policies.resets()
        self.time_wait = policies.time_wait()
        self.icmp = policies.icmp()
        self.mtu_search = policies.mtu_search()
        self.ecn = policies.ecn()
        self.opening = policies.opening()
        self.authentication = policies.authentication()
        self.user_timeout = policies.user_timeout()
        self.rtt = policies.rtt(self)
        self.start = policies.congestion()
        self.syn_retransmissions = 0
        self.congestion = self.start.congestion(self)
        self.recovery = self.start.recovery(self)

    def _index_rules(self) -> None:
        rules = self.personality.rules
        self._syn_sent: tuple[ArrivalRule, ...] = tuple(rule.function for rule in rules.syn_sent)
        self._synchronized: tuple[ArrivalRule, ...] = tuple(rule.function for rule in rules.synchronized)
        self._time_wait: tuple[ArrivalRule, ...] = tuple(rule.function for rule in rules.time_wait)
        self.timer_rules: dict[str, TimerRule] = {
            rule.name.removeprefix("timer/"): rule.function for rule in rules.timers
        }
        self.calls = {rule.name: rule.function for rule in rules.calls}

    def _reset_opening(self) -> None:
        self.first_syn_option: TcpOption | None = None
        """An option that only the first transmission of our SYN or SYN-ACK has (RFC 7413, 4.2.2)."""
        self.syn_request: SynRequest | None = None
        """What our first SYN was to carry (RFC 7413); its text is what did leave."""
        self.syn_answer: SynAnswer | None = None
        """What the SYN-ACK said to it; the owner takes it away."""
        self.is_early = False
        """The user has the connection although its handshake goes on (`reference_stack.early`)."""
        self.is_syn_data_acked = False
        """The text of a SYN was acknowledged with it: all of ours, or some of the peer's (TCPI_OPT_SYN_DATA)."""
        self.syn_ack_sent_at: Micros | None = None
        """When the only SYN-ACK of an early connection left; None once it was repeated."""

    def _reset_flags(self) -> None:
        self.error = 0
        self.soft_error = 0
        self.is_deleted = False
        self.has_peer_syn = False
        self.ack_now = False
        """An acknowledgment leaves when the event is finished."""
        self.segments_before_rest: int | None = None
        """How many segments had come when TIME-WAIT began, or FIN-WAIT-2 with nobody reading any more."""
        self.is_detached = False
        """The user closed both directions: nobody reads any more."""
        self.pending_fin: int | None = None
        """Sequence number of a FIN that was received but not reached."""
        self.retransmits = 0
        """Timeouts since the last progress."""
        self.rto_deadline: Micros = 0
        """When the retransmission timeout is due; the timer may be set earlier, for R2."""
        self.first_retransmitted_at: Micros | None = None
        """When the first retransmission since the last progress left."""
        self.progress_at = 0
        """When SND.UNA last moved, or something became outstanding."""
        self.last_received_at = 0
        self.last_sent_at = 0
        self.last_data_received_at = 0
        self.keepalive_probes = 0
        self.is_probe_outstanding = False
        self.probe_backoff = 0
        self.probes_out = 0
        """Window probes that nothing has answered."""
        self.probing_since = 0
        self.urgent_count = 0
        self.is_urgent_taken = False
        self.has_more = False
        self.is_mid_write = False
        """What `send` took last is the beginning of a write that goes on."""
        self.is_released = False
        self.was_refused = False
        """The device refused the probe of this event, so that nothing else is tried in it."""
        self.is_at_rest = False
        """The last attempt to send found nothing to send, now or later."""

    @property
    def state(self) -> State:
        """The connection's state."""
        return self.tcb.state

    @property
    def is_opening(self) -> bool:
        """The user waits for the end of the handshake."""
        return self.tcb.state in OPENING and not self.is_early

    @property
    def is_request(self) -> bool:
        """A listener waits for the ACK of the SYN-ACK, and nothing of the user's was taken before (RFC 7413)."""
        return self.tcb.state is State.SYN_RECEIVED and self.tcb.is_passive and not self.is_early

    def arrival_rules(self) -> tuple[ArrivalRule, ...]:
        """The table for a segment that arrives in the present state."""
        if self.tcb.state is State.SYN_SENT:
            return self._syn_sent
        if self.tcb.state is State.TIME_WAIT and self._time_wait:
            return self._time_wait
        return self._synchronized

    # --- services for rules and policies -----------------------------------------------------------------------------

    def settle(self, *, now: Micros) -> None:
        """Finish an event: what may leave leaves, an acknowledgment that is due goes with it or alone."""
        if self.is_deleted:
            return
        transmit.transmit(self, now=now)
        self.delayed_ack.decide(self, now=now)
        if self.ack_now:
            output.send_ack(self, now=now)
        deadline = self.recovery.deadline()
        if deadline is None or self.is_early:
            self.timers.stop(RECOVERY)
        else:
            self.timers.set(RECOVERY, deadline)

    def enter(self, state: State, *, now: Micros) -> None:
        """Change the state and start what belongs to the new one."""
        self.tcb.state = state
        if state is State.TIME_WAIT:
            # RFC 9293, 3.10.7.4: "start the time-wait timer, turn off the other timers".
            self.timers.stop_all()
            if self.segments_before_rest is None:
                self.segments_before_rest = self.counters.segments_in
            self.timers.set(TIME_WAIT, now + self.time_wait.duration_us(self))
        elif state is State.FIN_WAIT_2 and self.is_detached:
            self.watch_fin_wait_2(now=now)

    def watch_fin_wait_2(self, *, now: Micros) -> None:
        """Nobody reads any more: do not wait for the peer's FIN for ever, where the settings say so."""
        self.segments_before_rest = self.counters.segments_in
        if (wait := self.settings.fin_wait_us) is not None:
            self.timers.set(FIN_WAIT_2, now + wait)

    def delete(self) -> None:
        """Delete the TCB: nothing is left but what is in the receive queue and on its way out."""
        self.tcb.state = State.CLOSED
        self.is_deleted = True
        self.ack_now = False
        self.timers.stop_all()
        self.send_queue.clear()
        self.scoreboard.clear()
        self.reassembly.clear()

    def fail(self, error: int) -> None:
        """End the connection with an error for the user, 0 for none: queues are flushed, the unread by the settings."""
        self.error = error
        if not self.settings.keeps_unread_data:
            self.receive_queue.clear()
        self.delete()

    def give_up(self, *, now: Micros) -> None:
        """R2 has passed, or the user timeout: the user hears of a timeout, or of the ICMP error that explains it."""
        # RFC 1122, 4.2.3.5.
        self.resets.before_giving_up(self, now=now)
        self.fail(0 if self.is_request else self.soft_error or errno.ETIMEDOUT)

    def arm_retransmission(self, *, now: Micros, since: Micros | None = None) -> None:
        """Let the retransmission timer expire one RTO after `since` (default: now), or earlier when R2 ends before."""
        if self.is_early:
            return  # RFC 7413, 4.2.2: nothing but the SYN-ACK is repeated before the handshake is over
        deadline = (now if since is None else since) + self.rtt.rto
        self.rto_deadline = deadline
        check = self.limits.next_check(self)
        self.timers.set(RETRANSMISSION, check if now < check < deadline else deadline)

    def arm_after_new_data(self, *, now: Micros) -> None:
        """New data left: the timer starts unless it runs (RFC 6298, 5.1), or a loss probe is due before it."""
        if self.is_early:
            return
        front = self.scoreboard.front
        deadline = (front.sent_at if front else now) + self.rtt.rto
        if self.recovery.arm_probe(now=now, rto_deadline=deadline):
            self.timers.stop(RETRANSMISSION)
        elif not self.timers.is_running(RETRANSMISSION):
            self.arm_retransmission(now=now)

    def arm_after_ack(self, *, now: Micros) -> None:
        """New data was acknowledged: the timer starts anew (RFC 6298, 5.3), or a loss probe is due before it."""
        if self.recovery.arm_probe(now=now, rto_deadline=now + self.rtt.rto):
            self.timers.stop(RETRANSMISSION)
        else:
            self.arm_retransmission(now=now)

    def start_congestion_control(self) -> None:
        """Begin with the initial window, now that the segment size is known."""
        self.congestion = self.start.congestion(self)
        self.recovery = self.start.recovery(self)

    def switch_congestion_control(self) -> None:
        """Another congestion control goes on with the windows of the present one."""
        fresh = self.start.congestion(self)
        if fresh.name != self.congestion.name:
            fresh.cwnd, fresh.ssthresh = self.congestion.cwnd, self.congestion.ssthresh
            self.congestion = fresh
            self.recovery.use(fresh)

    def update_segment_size(self) -> None:
        """The path MTU or the MSS limit changed."""
        self.tcb.snd_mss = self.mss.effective(self)
        self.recovery.on_segment_size(self.tcb.snd_mss)
        self.congestion.on_quantum_change(self.tcb.snd_mss)

    def restart_keepalive(self, *, now: Micros) -> None:
        """Start or stop the keep-alive timer as the settings say."""
        if not self.settings.is_kept_alive or self.tcb.state in (State.SYN_SENT, State.SYN_RECEIVED, State.TIME_WAIT):
            self.timers.stop(KEEPALIVE)
            return
        self.timers.set(KEEPALIVE, max(self.last_received_at + self.settings.keepidle_us, now))

    @property
    def is_holding_back(self) -> bool:
        """The user wants partial segments to wait (TCP_CORK, MSG_MORE)."""
        return (self.settings.cork or self.has_more) and not self.is_released

    def release_held_back(self, *, now: Micros) -> None:
        """Let the partial segment go that was held back for long enough."""
        self.is_released = True
        transmit.transmit(self, now=now)
        self.is_released = False
        self.timers.stop(CORK)
