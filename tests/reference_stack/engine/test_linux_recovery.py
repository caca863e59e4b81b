"""Linux' loss recovery without a connection: states, RACK, loss probes, rate reduction, undo; literal times."""

from dataclasses import dataclass, field

import pytest

from reference_stack.congestion.cubic import Cubic, cube_root
from reference_stack.congestion.segments import LinuxReno, SegmentControl
from reference_stack.policies.linux.timing import LinuxRtt
from reference_stack.recovery.base import AckReport, CaState
from reference_stack.recovery.linux import LinuxRecovery
from reference_stack.recovery.linux.state import LossSettings
from reference_stack.recovery.scoreboard import Scoreboard

MSS = 1000
MS = 1_000


@dataclass
class Sender:
    """Sends segments of 1000 octets, numbered from 0, over a path with a round trip of 100 ms."""

    recovery: LinuxRecovery
    now: int = 0
    una: int = 0
    nxt: int = 0
    retransmissions: int = 0
    duplicates: int = 0
    log: list[int] = field(default_factory=list)

    @property
    def board(self) -> Scoreboard:
        return self.recovery.scoreboard

    @property
    def control(self) -> SegmentControl:
        return self.recovery.control

    def state(self) -> CaState:
        return self.recovery.ca_state

    def send(self, count: int) -> None:
        for _ in range(count):
            self.board.on_sent(self.nxt, self.nxt + MSS, 0, now=self.now)
            self.nxt += MSS
        is_full = self.recovery.in_flight >= self.control.cwnd
        self.recovery.note_transmission(count, is_full=is_full, snd_nxt=self.nxt)

    def ack(
        self,
        segment: int,
        *,
        sacks: tuple[tuple[int, int], ...] = (),
        dsack: tuple[int, int] | None = None,
        more: bool = True,
        echo_delay: int | None = None,
    ) -> None:
        """Everything before `segment` is acknowledged; `sacks` and `dsack` are ranges of segments."""
        self.duplicates += dsack is not None
        report = AckReport(
            una_before=self.una,
            una=max(segment * MSS, self.una),
            snd_max=self.nxt,
            flight=self.board.pipe,
            flight_segments=self.board.pipe_segments,
            is_window_update=segment * MSS > self.una,
            snd_nxt=self.nxt,
            can_send_new=more,
            dsack=None if dsack is None else (dsack[0] * MSS, dsack[1] * MSS),
            echo_delay=echo_delay,
            duplicates_reported=self.duplicates,
            retransmissions=self.retransmissions,
        )
        for left, right in sacks:
            report.newly_sacked += self.board.sack(left * MSS, right * MSS)
            report.has_sack = True
        report.acked = self.board.acknowledge(report.una)
        self.una = report.una
        for sample in [*report.acked, *report.newly_sacked][:1]:
            if sample.transmissions == 1:
                self.recovery.rtt.sample(self.now - sample.sent_at, una=self.una, nxt=self.nxt)
        self.recovery.on_ack(report, now=self.now)

    def repair(self) -> list[int]:
        """Send again what the recovery wants to be sent again; return the segments' numbers."""
        sent = []
        while (segment := self.recovery.next_retransmission()) is not None:
            self.recovery.on_retransmitted(segment, now=self.now)
            self.retransmissions += 1
            sent.append(segment.start // MSS)
        return sent

    def send_new(self) -> int:
        """Send as much new data as there is room for; return the number of segments."""
        count = self.recovery.room() // MSS
        self.send(count)
        return count

    def timeout(self, *, is_first: bool = True) -> None:
        self.recovery.on_timeout(snd_max=self.nxt, is_first=is_first, now=self.now)


def sender(
    flight: int, *, has_sack: bool = True, cwnd: int | None = None, control: type[SegmentControl] = LinuxReno
) -> Sender:
    """Return a sender that has sent `flight` segments at time 0; the clock is at 100 ms."""
    congestion = control(quantum=1, initial_window=flight if cwnd is None else cwnd)
    recovery = LinuxRecovery(
        scoreboard=Scoreboard(),
        congestion=congestion,
        una=0,
        rtt=LinuxRtt(initial=1_000 * MS, minimum=200 * MS, maximum=120_000 * MS),
        settings=LossSettings(has_sack=has_sack),
    )
    recovery.mss = MSS
    recovery.rtt.sample(100 * MS)
    made = Sender(recovery)
    made.send(flight)
    made.now = 100 * MS
    return made


# --- SACK and RACK (RFC 8985) ----


def test_one_sacked_segment_makes_disorder_and_starts_the_reordering_timer() -> None:
    # RFC 8985, 6.2: the reordering window is a quarter of the shortest round trip.
    s = sender(10)
    s.ack(0, sacks=((1, 2),))
    assert s.state() is CaState.DISORDER
    assert s.repair() == []
    assert s.recovery.deadline() == 100 * MS + 25 * MS + 2 * MS


def test_the_third_sacked_segment_ends_the_reordering_window() -> None:
    # RFC 8985, 6.2 step 4: without reordering seen, the window is zero once DupThresh segments are SACKed.
    s = sender(10)
    for end in (2, 3):
        s.ack(0, sacks=((1, end),))
        s.send_new()
    assert s.state() is CaState.DISORDER
    s.ack(0, sacks=((1, 4),))
    assert s.state() is CaState.RECOVERY
    assert s.repair() == [0]


def test_when_the_reordering_timer_runs_out_the_hole_is_sent_again() -> None:
    s = sender(10, cwnd=20)
    s.ack(0, sacks=((1, 2),))
    s.now = s.recovery.deadline() or 0
    assert s.recovery.on_timer(now=s.now) is False
    assert s.state() is CaState.RECOVERY
    assert s.repair() == [0]


def test_a_lost_retransmission_is_found_by_what_was_sent_after_it() -> None:
    # RFC 8985, 6.2: what was sent later and arrived shows the loss, also of a retransmission.
    s = sender(10)
    s.ack(0, sacks=((1, 4),))
    assert s.repair() == [0]
    s.now += 1 * MS
    for end in (5, 6, 7, 8, 9, 10):
        s.ack(0, sacks=((1, end),))
        s.repair()
        s.send_new()
    s.now += 100 * MS
    s.ack(0, sacks=((10, 12),))
    assert s.repair() == [0]


def test_proportional_rate_reduction_paces_the_window_down() -> None:
    # RFC 6937: with 20 in flight and one lost, ten segments leave for the nineteen that arrive.
    s = sender(20)
    sent = 0
    for end in range(2, 21):
        s.ack(0, sacks=((1, end),))
        sent += len(s.repair()) + s.send_new()
        if s.state() is CaState.RECOVERY:
            assert s.control.cwnd >= s.recovery.in_flight
    assert s.control.ssthresh == 10
    # Two by the first two SACKs (limited transmit), then half of what is delivered.
    assert 10 <= sent <= 12
    s.ack(20)
    assert s.control.cwnd == 10


def test_recovery_ends_when_all_that_was_sent_before_it_is_acknowledged() -> None:
    s = sender(10)
    s.ack(0, sacks=((1, 4),))
    s.repair()
    s.send(2)
    s.ack(9)
    assert s.state() is CaState.RECOVERY
    s.ack(10)
    assert s.state() is CaState.OPEN


# --- undo ----


def test_a_duplicate_report_of_the_only_retransmission_undoes_the_reduction() -> None:
    # RFC 3708.
    s = sender(10)
    s.ack(0, sacks=((1, 4),))
    s.repair()
    s.ack(10)
    # The threshold, and one for a window's worth delivered.
    assert s.control.cwnd == 6
    s.ack(10, dsack=(0, 1))
    assert s.control.cwnd == 10


def test_an_old_echo_shows_that_the_original_arrived() -> None:
    # RFC 3522 (Eifel): the echoed timestamp is older than the retransmission.
    s = sender(10)
    s.ack(0, sacks=((1, 4),))
    s.repair()
    s.now += 10 * MS
    s.ack(4, echo_delay=110 * MS)
    assert s.state() in (CaState.OPEN, CaState.DISORDER)
    assert s.control.cwnd >= 10


def test_f_rto_finds_a_spurious_timeout() -> None:
    # RFC 5682, 3.1: new data first; then an original that was never sent again arrives.
    s = sender(8, cwnd=10)
    s.now = 300 * MS
    s.timeout()
    assert s.repair() == [0]
    s.now += 50 * MS
    s.ack(1)
    assert s.recovery.prefers_new_data
    s.send(2)
    s.recovery.on_new_data_tried(snd_nxt=s.nxt)
    assert s.repair() == []
    s.ack(3)
    assert s.state() is CaState.OPEN
    assert s.control.cwnd >= 8


def test_f_rto_falls_back_when_a_duplicate_follows() -> None:
    s = sender(8, cwnd=10)
    s.now = 300 * MS
    s.timeout()
    s.repair()
    s.now += 50 * MS
    s.ack(1)
    s.send(2)
    s.recovery.on_new_data_tried(snd_nxt=s.nxt)
    s.ack(1, sacks=((8, 9),))
    assert s.state() is CaState.LOSS
    assert s.repair()[0] == 1


def test_after_a_timeout_one_segment_leaves() -> None:
    s = sender(8)
    s.now = 300 * MS
    s.timeout()
    assert s.repair() == [0]
    assert s.control.ssthresh == 4
    assert s.state() is CaState.LOSS


def test_a_front_that_was_sacked_and_never_acknowledged_is_sent_again() -> None:
    # RFC 2018, section 8: the peer may take back what it SACKed.
    s = sender(5)
    s.ack(0, sacks=((0, 5),))
    s.now = 400 * MS
    s.timeout()
    assert s.repair() == [0]
    assert s.board.sacked.segments == 0


# --- loss probes ----


def test_a_probe_is_due_after_two_round_trips() -> None:
    # RFC 8985, 7.2.
    s = sender(4)
    assert s.recovery.arm_probe(now=s.now, rto_deadline=10**9)
    assert s.recovery.deadline() == s.now + 200 * MS + 2 * MS
    assert s.recovery.on_timer(now=s.now + 202 * MS) is True


def test_for_a_single_segment_the_probe_waits_for_a_delayed_acknowledgment() -> None:
    s = sender(1)
    s.recovery.arm_probe(now=s.now, rto_deadline=10**9)
    assert s.recovery.deadline() == s.now + 200 * MS + 200 * MS


def test_no_probe_is_later_than_the_timeout_nor_without_sack() -> None:
    s = sender(4)
    s.recovery.arm_probe(now=s.now, rto_deadline=s.now + 50 * MS)
    assert s.recovery.deadline() == s.now + 50 * MS
    assert not sender(4, has_sack=False).recovery.arm_probe(now=0, rto_deadline=10**9)


def test_only_one_probe_is_outstanding() -> None:
    # RFC 8985, 7.3.
    s = sender(4)
    s.recovery.on_probe_sent(snd_nxt=s.nxt, is_retransmission=True)
    assert s.recovery.on_timer(now=s.now) is False


def test_a_probe_that_repaired_a_loss_counts_as_congestion() -> None:
    # RFC 8985, 7.4.2.
    s = sender(4, cwnd=10)
    s.board.on_probed(s.board.segments[-1], now=s.now)
    s.retransmissions += 1
    s.recovery.on_probe_sent(snd_nxt=s.nxt, is_retransmission=True)
    s.now += 100 * MS
    s.ack(4)
    s.send(1)
    s.ack(5)
    assert s.control.cwnd == 5


def test_a_duplicate_report_of_the_probe_shows_that_nothing_was_lost() -> None:
    s = sender(4, cwnd=10)
    s.board.on_probed(s.board.segments[-1], now=s.now)
    s.retransmissions += 1
    s.recovery.on_probe_sent(snd_nxt=s.nxt, is_retransmission=True)
    s.now += 100 * MS
    s.ack(4, dsack=(3, 4))
    s.send(1)
    s.ack(5)
    assert s.control.cwnd >= 10


# --- without SACK ----


def test_without_sack_the_third_duplicate_starts_recovery() -> None:
    s = sender(10, has_sack=False)
    for _ in range(2):
        s.ack(0)
        assert s.repair() == []
    s.ack(0)
    assert s.repair() == [0]


def test_without_sack_a_partial_acknowledgment_repairs_the_next_hole() -> None:
    # INTRO-2 of linux-tcp7: nine duplicates, then the partial acknowledgment.
    s = sender(10, has_sack=False)
    for _ in range(9):
        s.ack(0)
        s.repair()
    s.ack(2)
    assert s.repair() == [2]


def test_without_sack_the_state_is_held_until_something_new_is_acknowledged() -> None:
    # RFC 6582, section 6: against false fast retransmits.
    s = sender(10, has_sack=False)
    for _ in range(3):
        s.ack(0)
    s.repair()
    s.ack(10)
    assert s.state() is CaState.RECOVERY
    s.send(2)
    s.ack(11)
    assert s.state() is CaState.OPEN


# --- growth ----


def test_slow_start_counts_every_delivered_segment() -> None:
    # SYSCTL-tcp_abc-2: cwnd +2 for an ACK of two segments, +10 for one of ten.
    s = sender(10)
    s.ack(2)
    assert s.control.cwnd == 12
    s = sender(10)
    s.ack(10)
    assert s.control.cwnd == 20


def test_a_window_that_is_not_filled_grows_to_twice_what_was_used() -> None:
    s = sender(6, cwnd=10)
    s.ack(2)
    assert s.control.cwnd == 12
    s.ack(6)
    assert s.control.cwnd == 12


@pytest.mark.parametrize(("value", "root"), [(0, 0), (1, 1), (7, 1), (8, 2), (26, 2), (27, 3), (10**18, 10**6)])
def test_the_cube_root_is_an_integer(value: int, root: int) -> None:
    assert cube_root(value) == root


def test_cubic_falls_to_seven_tenths_and_comes_back_to_where_the_loss_was() -> None:
    # RFC 9438, 4.6 and 4.2: K = cube root of (Wmax - cwnd) / C; at K the window is Wmax again.
    control = Cubic(quantum=1, initial_window=100)
    control.cwnd = 100
    control.on_congestion(flight=100, now=0)
    assert control.ssthresh == 70
    control.cwnd = 70
    control.is_limited = True
    k_us = round((30 / 0.4) ** (1 / 3) * 1_000_000)
    now = 0
    while now < k_us:
        now += 10 * MS
        control.grow(7, now=now)
    assert 95 <= control.cwnd <= 105


def test_cubic_leaves_slow_start_when_the_round_trip_grows() -> None:
    # HyStart (RFC 9406 describes its successor): eight samples above the least round trip by an eighth.
    control = Cubic(quantum=1, initial_window=20)
    for index in range(10):
        control.on_sample(100 * MS, una=index, nxt=1000, now=index * 10 * MS)
    assert control.in_slow_start
    for index in range(20):
        control.on_sample(130 * MS, una=1001 + index, nxt=2000, now=(100 + index * 10) * MS)
    assert not control.in_slow_start
