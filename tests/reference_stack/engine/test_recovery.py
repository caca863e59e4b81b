"""Loss recovery without a connection: a scoreboard, a window and acknowledgments with literal numbers."""

from dataclasses import dataclass

from reference_stack.congestion.reno import Reno
from reference_stack.recovery.base import AckReport, CaState, LossRecovery
from reference_stack.recovery.newreno import NewReno
from reference_stack.recovery.rfc6675 import SackRecovery
from reference_stack.recovery.scoreboard import Scoreboard

MSS = 1000


@dataclass
class Sender:
    """Sends segments of 1000 octets, numbered from 0: segment n is the octets n*1000 to n*1000+999."""

    recovery: LossRecovery
    una: int = 0
    nxt: int = 0

    @property
    def board(self) -> Scoreboard:
        return self.recovery.scoreboard

    def send(self, count: int) -> None:
        for _ in range(count):
            self.board.on_sent(self.nxt, self.nxt + MSS, 0, now=0)
            self.nxt += MSS

    def ack(self, segment: int, *, sacks: tuple[tuple[int, int], ...] = (), duplicate: bool = False) -> None:
        """Everything before `segment` is acknowledged; `sacks` are ranges of segments."""
        report = AckReport(
            una_before=self.una,
            una=max(segment * MSS, self.una),
            snd_max=self.nxt,
            flight=self.board.pipe,
            flight_segments=self.board.pipe_segments,
            is_duplicate=duplicate,
        )
        for left, right in sacks:
            report.newly_sacked += self.board.sack(left * MSS, right * MSS)
            report.has_sack = True
        report.acked = self.board.acknowledge(report.una)
        self.una = report.una
        self.recovery.on_ack(report, now=0)

    def repair(self) -> list[int]:
        """Send again what the recovery wants to be sent again; return the segments' numbers."""
        sent = []
        while (segment := self.recovery.next_retransmission()) is not None:
            self.recovery.on_retransmitted(segment, now=0)
            sent.append(segment.start // MSS)
        return sent

    def send_new(self) -> int:
        """Send as much new data as there is room for; return the number of segments."""
        count = max(self.recovery.room() // MSS, 0)
        self.send(count)
        return count


def sender(kind: type[LossRecovery], *, flight: int, cwnd: int | None = None) -> Sender:
    congestion = Reno(quantum=MSS, initial_window=(cwnd or flight) * MSS)
    made = Sender(kind(scoreboard=Scoreboard(), congestion=congestion, una=0))
    made.send(flight)
    return made


# --- without SACK ----


def test_the_third_duplicate_and_not_the_second_retransmits_the_first_segment() -> None:
    # RFC 5681, 3.2.
    s = sender(NewReno, flight=10)
    for _ in range(2):
        s.ack(0, duplicate=True)
        assert s.repair() == []
    s.ack(0, duplicate=True)
    assert s.repair() == [0]
    assert s.recovery.congestion.ssthresh == 5 * MSS
    assert s.recovery.congestion.cwnd == 8 * MSS
    assert s.recovery.ca_state is CaState.RECOVERY


def test_the_first_two_duplicates_let_one_new_segment_out_each() -> None:
    # RFC 3042.
    s = sender(NewReno, flight=4)
    s.ack(0, duplicate=True)
    assert s.send_new() == 1
    s.ack(0, duplicate=True)
    assert s.send_new() == 1
    s.ack(0, duplicate=True)
    assert s.repair() == [0]
    # FlightSize is 4 without the two of limited transmit (RFC 5681, 3.2 step 2).
    assert s.recovery.congestion.ssthresh == 2 * MSS


def test_further_duplicates_inflate_the_window_until_new_data_fits() -> None:
    # RFC 5681, 3.2 steps 4 and 5: flight 10, cwnd 8 after the third duplicate.
    s = sender(NewReno, flight=10)
    for _ in range(3):
        s.ack(0, duplicate=True)
    s.repair()
    released = []
    for _ in range(6):
        s.ack(0, duplicate=True)
        released.append(s.send_new())
    assert released == [0, 0, 1, 1, 1, 1]


def test_forged_duplicates_inflate_no_further_than_the_flight() -> None:
    # RFC 5681, 3.2 step 4, second paragraph.
    s = sender(NewReno, flight=10)
    for _ in range(100):
        s.ack(0, duplicate=True)
    assert s.recovery.congestion.cwnd <= (5 + 3 + 10) * MSS


def test_a_partial_ack_retransmits_the_next_hole_and_a_full_one_ends_recovery() -> None:
    # RFC 6582, 3.2.
    s = sender(NewReno, flight=10)
    for _ in range(3):
        s.ack(0, duplicate=True)
    assert s.repair() == [0]
    s.ack(3)
    assert s.repair() == [3]
    assert s.recovery.ca_state is CaState.RECOVERY
    s.ack(10)
    assert s.repair() == []
    assert s.recovery.ca_state == int(CaState.OPEN)
    # min (ssthresh, max (FlightSize, SMSS) + SMSS) with nothing left in flight.
    assert s.recovery.congestion.cwnd == 2 * MSS


def test_only_the_first_partial_ack_restarts_the_timer() -> None:
    # RFC 6582, 3.2 step 3.
    s = sender(NewReno, flight=10)
    for _ in range(3):
        s.ack(0, duplicate=True)
    restarts = []
    for segment in (1, 2, 3):
        s.ack(segment)
        restarts.append(s.recovery.restarts_timer(AckReport(0, 1000, s.nxt, 0, 0)))
    assert restarts == [True, False, False]


def test_duplicates_for_the_window_of_an_earlier_recovery_start_no_second_one() -> None:
    # RFC 6582, 3.2 step 2.
    s = sender(NewReno, flight=10)
    s.recovery.on_timeout(snd_max=s.nxt, is_first=True, now=0)
    s.repair()
    s.ack(2)
    ssthresh = s.recovery.congestion.ssthresh
    for _ in range(4):
        s.ack(2, duplicate=True)
    assert s.recovery.congestion.ssthresh == ssthresh
    assert s.recovery.ca_state is CaState.LOSS


# --- timeout ----


def test_after_a_timeout_one_segment_leaves_and_slow_start_repairs_the_rest() -> None:
    # RFC 5681, 3.1.
    s = sender(NewReno, flight=8)
    s.recovery.on_timeout(snd_max=s.nxt, is_first=True, now=0)
    assert s.repair() == [0]
    s.ack(1)
    assert s.repair() == [1, 2]
    s.ack(3)
    assert s.repair() == [3, 4, 5]
    assert s.recovery.congestion.ssthresh == 4 * MSS
    s.ack(8)
    assert s.recovery.ca_state == int(CaState.OPEN)


def test_a_timeout_forgets_sack_marks() -> None:
    # RFC 2018, section 5 and 8: the segment at the left edge is sent again, marked or not.
    s = sender(SackRecovery, flight=5)
    s.ack(0, sacks=((0, 5),))
    s.recovery.on_timeout(snd_max=s.nxt, is_first=True, now=0)
    assert s.repair() == [0]
    assert s.board.sacked.segments == 0


def test_sack_information_after_a_timeout_guides_what_is_sent_again() -> None:
    # RFC 6675, 5.1.
    s = sender(SackRecovery, flight=10)
    s.recovery.on_timeout(snd_max=s.nxt, is_first=True, now=0)
    assert s.repair() == [0]
    s.ack(1, sacks=((5, 10),))
    assert s.repair() == [1, 2]
    s.ack(3)
    assert s.repair() == [3, 4]


# --- with SACK ----


def test_three_sacked_segments_in_one_acknowledgment_show_the_loss() -> None:
    # RFC 6675, section 4, IsLost.
    s = sender(SackRecovery, flight=10)
    s.ack(0, sacks=((1, 2),))
    assert s.repair() == []
    s.ack(0, sacks=((1, 4),))
    assert s.repair() == [0]
    assert s.recovery.congestion.cwnd == 5 * MSS


def test_a_duplicate_without_new_sack_information_counts_for_nothing() -> None:
    # RFC 5681, 3.2; RFC 3042.
    s = sender(SackRecovery, flight=10)
    s.ack(0, sacks=((1, 2),))
    assert s.send_new() == 1
    for _ in range(5):
        s.ack(0, sacks=((1, 2),), duplicate=True)
        assert s.send_new() == 0
    assert s.repair() == []


def test_only_the_holes_are_sent_again_lowest_first() -> None:
    # RFC 6675, rule (1) of NextSeg.
    s = sender(SackRecovery, flight=20)
    s.ack(0, sacks=((1, 2), (3, 4), (5, 20)))
    assert s.repair() == [0, 2, 4]


def test_what_leaves_in_recovery_follows_cwnd_less_pipe() -> None:
    # RFC 6675, section 5, step C.
    s = sender(SackRecovery, flight=20)
    s.ack(0, sacks=((5, 8),))
    assert s.repair() == [0]
    released = []
    for sacked in range(9, 20):
        s.ack(0, sacks=((5, sacked),))
        released.append(len(s.repair()) + s.send_new())
        assert not released[-1] or s.board.pipe <= s.recovery.congestion.cwnd
    assert s.recovery.congestion.cwnd == 10 * MSS
    # 20 in flight, 3 SACKed, 5 lost and one of them sent again: 13. Each SACK takes one out, and from 10 on one leaves.
    assert released == [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]


def test_recovery_ends_only_beyond_what_was_sent_when_it_began() -> None:
    s = sender(SackRecovery, flight=10)
    s.ack(0, sacks=((1, 10),))
    s.repair()
    s.send(2)
    s.ack(9)
    assert s.recovery.ca_state is CaState.RECOVERY
    s.ack(10)
    assert s.recovery.ca_state == int(CaState.OPEN)


def test_without_new_data_a_hole_not_judged_lost_may_leave_and_then_one_rescue() -> None:
    # RFC 6675, rules (3) and (4) of NextSeg.
    s = sender(SackRecovery, flight=10)
    s.ack(0, sacks=((1, 7), (8, 9)))
    assert s.repair() == [0]
    hole = s.recovery.last_resort()
    assert hole is not None
    assert hole.start == 7 * MSS
    s.recovery.on_retransmitted(hole, now=0)
    rescue = s.recovery.last_resort()
    assert rescue is not None
    assert rescue.end == 10 * MSS
    s.recovery.on_retransmitted(rescue, now=0)
    assert s.recovery.last_resort() is None


def test_two_islands_of_sacks_do_not_start_recovery_but_three_do() -> None:
    s = sender(SackRecovery, flight=20)
    s.board.sack(2 * MSS, 3 * MSS)
    s.ack(0, sacks=((5, 6),))
    assert s.repair() == []
    s.ack(0, sacks=((9, 10),))
    assert s.repair() == [0]


def test_an_ecn_mark_halves_the_window_once_in_a_flight() -> None:
    # RFC 3168, 6.1.2.
    s = sender(SackRecovery, flight=10)
    s.recovery.on_congestion_mark(snd_max=s.nxt, now=0)
    assert s.recovery.congestion.cwnd == 5 * MSS
    s.recovery.on_congestion_mark(snd_max=s.nxt, now=0)
    assert s.recovery.congestion.cwnd == 5 * MSS


# --- scoreboard ----


def test_pipe_counts_what_is_neither_sacked_nor_lost_and_what_was_sent_again() -> None:
    # RFC 6675, section 4, SetPipe.
    board = Scoreboard()
    segments = [board.on_sent(n * MSS, (n + 1) * MSS, 0, now=0) for n in range(10)]
    board.sack(5 * MSS, 8 * MSS)
    board.mark_lost(segments[0])
    board.mark_lost(segments[1])
    assert (board.pipe, board.pipe_segments) == (5 * MSS, 5)
    board.on_retransmitted(segments[0], now=5)
    assert board.pipe == 6 * MSS
    board.sack(0, MSS)
    assert board.pipe == 5 * MSS
    board.acknowledge(10 * MSS)
    assert (board.pipe, board.sacked.octets, board.lost.octets, board.retransmitted.octets) == (0, 0, 0, 0)


def test_a_segment_acknowledged_in_part_keeps_the_rest() -> None:
    board = Scoreboard()
    board.on_sent(0, MSS, 0, now=0)
    assert board.acknowledge(400) == []
    assert (board.segments[0].start, board.out.octets) == (400, 600)


def test_a_split_segment_counts_the_same() -> None:
    board = Scoreboard()
    segment = board.on_sent(0, MSS, 8, now=0)
    second = board.split(segment, 300, first_flags=0)
    assert (segment.start, segment.end, segment.flags) == (0, 300, 0)
    assert (second.start, second.end, second.flags) == (300, 1000, 8)
    assert (board.out.octets, board.out.segments) == (1000, 2)
