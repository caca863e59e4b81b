"""Choices of DragonFly BSD with literal numbers: timeout with slop, plain Reno, the limit of data in flight."""

from reference_stack.congestion.reno import Reno
from reference_stack.policies.dragonfly.timing import SlopEstimator
from reference_stack.recovery.base import AckReport, CaState
from reference_stack.recovery.newreno import NewReno
from reference_stack.recovery.plain_reno import PlainReno
from reference_stack.recovery.scoreboard import Scoreboard

MS = 1_000
MSS = 1000


def test_slop_is_added_to_the_raw_timeout_and_the_minimum_is_absolute() -> None:
    # tcp(4): 200 ms of slop and a minimum of 20 ms give "an effective minimum of 200ms".
    rtt = SlopEstimator(minimum=20 * MS, slop=200 * MS)
    for _ in range(100):
        rtt.sample(1)
    assert 200 * MS <= rtt.rto <= 202 * MS
    late = SlopEstimator(minimum=500 * MS, slop=200 * MS)
    late.sample(10 * MS)
    # 10 + 4 * 5 + 200 is below the minimum.
    assert late.rto == 500 * MS
    slow = SlopEstimator(minimum=500 * MS, slop=200 * MS)
    slow.sample(200 * MS)
    # 200 + 4 * 100 + 200.
    assert slow.rto == 800 * MS


def test_the_timeout_doubles_up_to_64_seconds() -> None:
    rtt = SlopEstimator(minimum=1_000 * MS, slop=200 * MS)
    rtt.sample(10 * MS)
    seen = []
    for _ in range(9):
        seen.append(rtt.rto // (1_000 * MS))
        rtt.on_timeout()
    assert seen == [1, 2, 4, 8, 16, 32, 64, 64, 64]


def recovering(kind: type[NewReno]) -> NewReno:
    """Ten segments are outstanding and the first was sent again after three duplicates."""
    board = Scoreboard()
    congestion = Reno(quantum=MSS, initial_window=10 * MSS)
    recovery = kind(scoreboard=board, congestion=congestion, una=1)
    for start in range(1, 10 * MSS, MSS):
        board.on_sent(start, start + MSS, 0, now=0)
    for _ in range(3):
        recovery.on_ack(report(una_before=1, una=1, is_duplicate=True), now=MS)
    first = recovery.next_retransmission()
    assert first is not None
    assert first.start == 1
    recovery.on_retransmitted(first, now=MS)
    return recovery


def report(*, una_before: int, una: int, is_duplicate: bool = False) -> AckReport:
    return AckReport(
        una_before=una_before,
        una=una,
        snd_max=10 * MSS + 1,
        flight=10 * MSS,
        flight_segments=10,
        is_duplicate=is_duplicate,
        is_window_update=False,
        has_data=False,
        is_old=False,
        snd_nxt=10 * MSS + 1,
        can_send_new=False,
    )


def partial_ack(recovery: NewReno) -> None:
    recovery.scoreboard.acknowledge(3 * MSS + 1)
    recovery.on_ack(report(una_before=1, una=3 * MSS + 1), now=2 * MS)


def test_a_partial_acknowledgment_ends_the_recovery_of_plain_reno() -> None:
    # RFC 2581, 3.2 step 5: cwnd becomes ssthresh, which is half of the ten segments in flight.
    recovery = recovering(PlainReno)
    partial_ack(recovery)
    assert recovery.ca_state is CaState.OPEN
    assert recovery.next_retransmission() is None
    assert recovery.congestion.cwnd == recovery.congestion.ssthresh == 5 * MSS


def test_a_partial_acknowledgment_keeps_newreno_in_recovery() -> None:
    recovery = recovering(NewReno)
    partial_ack(recovery)
    assert recovery.ca_state is CaState.RECOVERY
    following = recovery.next_retransmission()
    assert following is not None
    assert following.start == 3 * MSS + 1


def test_plain_reno_recovers_again_from_three_more_duplicates() -> None:
    recovery = recovering(PlainReno)
    partial_ack(recovery)
    una = 3 * MSS + 1
    for _ in range(3):
        recovery.on_ack(report(una_before=una, una=una, is_duplicate=True), now=3 * MS)
    following = recovery.next_retransmission()
    assert following is not None
    assert following.start == una
