"""F-RTO (RFC 5682), proportional rate reduction (RFC 9937) and undo (RFC 3522, 3708, 4015), without a connection."""

import pytest

from reference_stack.congestion.reno import Reno
from reference_stack.recovery.base import AckReport
from reference_stack.recovery.frto import Frto, FrtoVerdict
from reference_stack.recovery.prr import Prr
from reference_stack.recovery.scoreboard import SentSegment
from reference_stack.recovery.undo import Undo

SMSS = 1000


def report(una: int = 0, *, before: int = 0, duplicate: bool = False, **fields: object) -> AckReport:
    made = AckReport(before, una, 20_000, 10_000, 10, is_duplicate=duplicate)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def original(start: int, *, transmissions: int = 1) -> SentSegment:
    segment = SentSegment(start, start + SMSS, 0, now=0)
    segment.transmissions = transmissions
    return segment


# --- F-RTO (sections of RFC 5682) ------------------------------------------------------------------------------------


def test_two_advancing_acks_prove_the_timeout_spurious() -> None:
    frto = Frto(recover=9_999, has_sack=False)  # 2.1, steps 2b and 3b
    assert frto.on_ack(report(1000)) is FrtoVerdict.SEND_NEW
    assert frto.on_ack(report(2000, before=1000)) is FrtoVerdict.SPURIOUS


@pytest.mark.parametrize("first", [report(duplicate=True), report(10_000)], ids=["duplicate", "acknowledges all"])
def test_a_first_ack_that_is_a_duplicate_or_covers_all_means_loss(first: AckReport) -> None:
    assert Frto(recover=9_999, has_sack=False).on_ack(first) is FrtoVerdict.LOST  # step 2a


def test_a_second_ack_that_is_a_duplicate_means_loss_with_a_small_window() -> None:
    frto = Frto(recover=9_999, has_sack=False)  # step 3a
    frto.on_ack(report(1000))
    assert frto.on_ack(report(1000, before=1000, duplicate=True)) is FrtoVerdict.LOST_AFTER_NEW


def test_an_ack_that_neither_advances_nor_repeats_is_no_step() -> None:
    frto = Frto(recover=9_999, has_sack=False)  # 2.1, SHOULD
    assert frto.on_ack(report()) is FrtoVerdict.WAIT
    frto.on_ack(report(1000))
    assert frto.on_ack(report(1000, before=1000)) is FrtoVerdict.WAIT


def test_with_sack_duplicates_tell_nothing_before_the_first_advance() -> None:
    frto = Frto(recover=9_999, has_sack=True)  # 3.1
    assert frto.on_ack(report(duplicate=True, newly_sacked=[original(5000)])) is FrtoVerdict.WAIT
    assert frto.on_ack(report(1000)) is FrtoVerdict.SEND_NEW


@pytest.mark.parametrize(
    ("segment", "verdict"),
    [
        (original(5000), FrtoVerdict.SPURIOUS),
        (original(5000, transmissions=2), FrtoVerdict.LOST_AFTER_NEW),
        (original(12_000), FrtoVerdict.LOST_AFTER_NEW),
    ],
    ids=["an original", "a retransmission", "new data"],
)
def test_with_sack_a_block_of_an_original_proves_it(segment: SentSegment, verdict: FrtoVerdict) -> None:
    frto = Frto(recover=9_999, has_sack=True)  # 3.1, step 3b
    frto.on_ack(report(1000))
    assert frto.on_ack(report(1000, before=1000, newly_sacked=[segment])) is verdict


# --- PRR (sections of RFC 9937) --------------------------------------------------------------------------------------


def test_above_ssthresh_one_segment_leaves_for_two_delivered() -> None:
    # 6.2: ceil (prr_delivered * ssthresh / RecoverFS) - prr_out; flight 20, ssthresh 10.
    prr = Prr(ssthresh=10 * SMSS, recover_fs=20 * SMSS, smss=SMSS)
    in_flight, sent = 19 * SMSS, []
    for _ in range(18):
        window = prr.window(delivered=SMSS, in_flight=in_flight, is_safe=False)
        count = (window - in_flight) // SMSS
        prr.on_sent(count * SMSS)
        sent.append(count)
        in_flight += count * SMSS - SMSS
        if in_flight <= 10 * SMSS:
            break
    assert sent[0] == 1
    assert sum(sent) == pytest.approx(len(sent) / 2, abs=1)
    assert max(sent) == 1


def test_the_first_ack_of_an_episode_always_lets_one_segment_out() -> None:
    prr = Prr(ssthresh=1000, recover_fs=100_000, smss=SMSS)  # 6.2
    assert prr.window(delivered=0, in_flight=50_000, is_safe=False) == 50_000 + SMSS


@pytest.mark.parametrize(("is_safe", "allowed"), [(False, 1), (True, 2)])
def test_below_ssthresh_what_was_delivered_leaves_and_one_more_when_all_is_well(is_safe: bool, allowed: int) -> None:
    prr = Prr(ssthresh=10 * SMSS, recover_fs=20 * SMSS, smss=SMSS)  # 6.2, conservative bound and SafeACK
    prr.window(delivered=SMSS, in_flight=4 * SMSS, is_safe=False)
    prr.on_sent(SMSS)
    assert prr.window(delivered=SMSS, in_flight=4 * SMSS, is_safe=is_safe) == (4 + allowed) * SMSS


def test_the_window_never_grows_above_ssthresh() -> None:
    prr = Prr(ssthresh=10 * SMSS, recover_fs=20 * SMSS, smss=SMSS)
    prr.on_sent(1)
    assert prr.window(delivered=8 * SMSS, in_flight=9 * SMSS, is_safe=True) == 10 * SMSS


# --- undo ------------------------------------------------------------------------------------------------------------


def reduced() -> tuple[Reno, Undo]:
    congestion = Reno(quantum=SMSS, initial_window=10 * SMSS)
    congestion.cwnd = 20 * SMSS
    undo = Undo(congestion, flight=20 * SMSS)
    congestion.on_congestion(flight=20 * SMSS, now=0)
    congestion.cwnd = congestion.ssthresh
    return congestion, undo


def test_an_echo_older_than_the_retransmission_proves_the_original() -> None:
    _, undo = reduced()  # RFC 3522, 3.2
    undo.on_retransmitted(now=500_000)
    assert not undo.is_proved_wrong(report(1000, echo_delay=50_000), now=560_000)
    assert undo.is_proved_wrong(report(1000, echo_delay=300_000), now=560_000)


def test_a_duplicate_reported_for_each_retransmission_proves_it() -> None:
    _, undo = reduced()  # RFC 3708
    undo.on_retransmitted(now=500_000)
    undo.on_retransmitted(now=501_000)
    assert not undo.is_proved_wrong(report(dsack=(0, 1000)), now=600_000)
    assert undo.is_proved_wrong(report(dsack=(1000, 2000)), now=601_000)


def test_nothing_is_proved_where_nothing_was_sent_again() -> None:
    _, undo = reduced()
    assert not undo.is_proved_wrong(report(1000, dsack=(0, 1000), echo_delay=900_000), now=1_000_000)


def test_the_window_comes_back_without_a_burst() -> None:
    # RFC 4015, 3.2 (5): ssthresh <- pipe_prev, cwnd <- FlightSize + min (bytes_acked, IW).
    congestion, undo = reduced()
    undo.restore(congestion, flight=15 * SMSS, acked=2 * SMSS)
    assert (congestion.ssthresh, congestion.cwnd) == (20 * SMSS, 17 * SMSS)
