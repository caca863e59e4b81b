"""CUBIC (RFC 9438), HyStart++ (RFC 9406) and window validation (RFC 7661), without a connection."""

from itertools import pairwise

import pytest

from reference_stack.congestion.base import registry
from reference_stack.congestion.cubic_octets import CubicOctets, w_cubic
from reference_stack.congestion.hystart import CSS_ROUNDS, HyStart
from reference_stack.congestion.validation import ValidatedReno

SMSS = 1000
MS = 1000
SECOND = 1_000_000
RTT = 100 * MS


def test_the_controls_are_known_by_name() -> None:
    assert set(registry.names()) >= {"reno", "cubic", "newcwv"}
    with pytest.raises(ValueError, match="no congestion control 'vegas'"):
        registry.create("vegas", quantum=1, initial_window=1)


# --- CUBIC (sections of RFC 9438) ------------------------------------------------------------------------------------


def cubic(cwnd: int = 100) -> CubicOctets:
    control = CubicOctets(quantum=SMSS, initial_window=10 * SMSS)
    control.cwnd = cwnd * SMSS
    return control


def run(control: CubicOctets, seconds: float, *, start: int = 0, rtt: int = RTT) -> list[float]:
    """Windows in segments at the end of each round trip in which the whole window was acknowledged."""
    seen, now, una = [], start, 0
    while now < start + seconds * SECOND:
        now += rtt
        window = control.cwnd // SMSS
        for _ in range(window):
            una += SMSS
            control.on_sample(rtt, una=una, nxt=una + control.cwnd, now=now)
            control.on_ack(SMSS, flight=control.cwnd, now=now)
        seen.append(control.cwnd / SMSS)
    return seen


def reduced(cwnd: int = 100) -> CubicOctets:
    """One loss at a flight of so many segments."""
    control = cubic(cwnd)
    control.on_congestion(flight=cwnd * SMSS, now=0)
    control.cwnd = control.ssthresh
    return control


def test_a_loss_leaves_seven_tenths_and_never_less_than_two_segments() -> None:
    assert reduced(100).ssthresh == 70 * SMSS  # 4.6
    assert reduced(2).ssthresh == 2 * SMSS


def test_the_old_window_is_reached_after_k_seconds_concave_before_and_convex_after() -> None:
    # 4.2, 4.4, 4.5, 5.1: K = cbrt ((W_max - cwnd_epoch) / C) = cbrt (30 / 0.4) = 4.22 s.
    windows = run(reduced(100), 8)
    assert windows[42] == pytest.approx(100, abs=2)
    steps = [b - a for a, b in pairwise(windows)]
    assert steps[2] > steps[20] > steps[38]
    assert steps[50] < steps[65] < steps[78]


def test_growth_is_at_most_half_the_window_in_a_round_trip() -> None:
    control = reduced(100)  # 4.2
    windows = [control.cwnd / SMSS, *run(control, 12)]
    assert max(b / a for a, b in pairwise(windows)) <= 1.51


def test_small_windows_grow_at_least_as_a_reno_flow_would() -> None:
    # 4.3: RTT 10 ms, W_max 20: 0.53 segments a round trip at least.
    windows = run(reduced(20), 0.2, rtt=10 * MS)
    assert windows[-1] - 14 >= 0.9 * 0.53 * 20


def test_a_loss_below_the_last_maximum_lowers_it() -> None:
    # 4.7: losses at 400, then at 320: the plateau is 320 * 0.85 = 272.
    control = reduced(400)
    control.cwnd = 320 * SMSS
    control.on_congestion(flight=320 * SMSS, now=0)
    control.cwnd = control.ssthresh
    k = ((272 - 224) / 0.4) ** (1 / 3)
    assert run(control, k)[-1] == pytest.approx(272, abs=4)


def test_after_a_timeout_the_curve_begins_at_the_window_reached_by_slow_start() -> None:
    control = cubic(100)  # 4.8
    control.on_timeout(flight=100 * SMSS, is_first=True, now=0)
    assert (control.cwnd, control.ssthresh) == (SMSS, 70 * SMSS)
    control.cwnd = 70 * SMSS
    windows = run(control, 6)
    assert windows == sorted(windows)
    assert windows[20] < 100 * 0.85


def test_time_without_use_does_not_count() -> None:
    # 4.2: thirty seconds of trickle are no thirty seconds of the curve.
    control = reduced(100)
    run(control, 1)
    before = control.cwnd
    for second in range(1, 31):
        control.on_ack(SMSS, flight=2 * SMSS, now=second * SECOND)
    assert control.cwnd == before
    assert run(control, 0.5, start=31 * SECOND)[-1] < 100


def test_the_curve_is_the_one_of_the_document() -> None:
    assert w_cubic(4, w_max=100, k=4) == 100
    assert w_cubic(0, w_max=100, k=4) == pytest.approx(100 - 0.4 * 64)


# --- HyStart++ (sections of RFC 9406) --------------------------------------------------------------------------------


def rounds(hystart: HyStart, *rtts: int, start: int = 0) -> int:
    """Eight samples in each round; return the next sequence number."""
    una = start
    for rtt in rtts:
        end = una + 8
        for _ in range(8):
            una += 1
            hystart.on_sample(rtt, una=una, nxt=end + 1)
    return una


def test_a_growing_round_trip_starts_the_conservative_phase() -> None:
    hystart = HyStart()  # 4.2: last round's minimum plus an eighth, between 4 and 16 ms
    una = rounds(hystart, 100 * MS, 100 * MS, 109 * MS)
    assert not hystart.is_conservative
    rounds(hystart, 125 * MS, start=una)
    assert hystart.is_conservative
    assert hystart.growth(1000) == 250


@pytest.mark.parametrize(("first", "second", "leaves"), [(10, 13, False), (10, 15, True), (400, 410, False)])
def test_the_threshold_has_limits(first: int, second: int, leaves: bool) -> None:
    hystart = HyStart()
    rounds(hystart, first * MS, first * MS, second * MS)
    assert hystart.is_conservative is leaves


def test_five_conservative_rounds_end_slow_start() -> None:
    hystart = HyStart()
    una = rounds(hystart, 100 * MS, 100 * MS, 150 * MS)
    una = rounds(hystart, *[150 * MS] * (CSS_ROUNDS - 1), start=una)
    assert not hystart.is_over
    rounds(hystart, 150 * MS, 150 * MS, start=una)
    assert hystart.is_over


def test_a_round_trip_that_shrinks_again_resumes_slow_start() -> None:
    hystart = HyStart()
    una = rounds(hystart, 100 * MS, 100 * MS, 150 * MS)
    rounds(hystart, 101 * MS, 101 * MS, start=una)
    assert not hystart.is_conservative
    assert hystart.growth(1000) == 1000


def test_cubic_leaves_its_first_slow_start_by_it() -> None:
    # RFC 9438, 4.10.
    control = cubic(20)
    una = 0
    for number in range(12):
        rtt = RTT if number < 3 else 2 * RTT
        for _ in range(10):
            una += SMSS
            control.on_sample(rtt, una=una, nxt=una + 10 * SMSS, now=number * SECOND)
            control.on_ack(SMSS, flight=control.cwnd, now=number * SECOND)
    assert not control.in_slow_start


# --- window validation (sections of RFC 7661) ------------------------------------------------------------------------


def rate_limited(cwnd: int = 40, used: int = 5, *, seconds: int = 2) -> tuple[ValidatedReno, int]:
    """A window of 40 segments of which 5 are used in each round trip; return the control and the time."""
    control = ValidatedReno(quantum=SMSS, initial_window=10 * SMSS)
    control.cwnd, control.ssthresh = cwnd * SMSS, cwnd * SMSS
    una, now = 0, 0
    while now < seconds * SECOND:
        now += RTT
        for _ in range(used):
            una += SMSS
            control.on_sample(RTT, una=una, nxt=una + used * SMSS, now=now)
            control.on_ack(SMSS, flight=used * SMSS, now=now)
    return control, now


def test_a_window_that_is_not_used_is_kept_and_does_not_grow() -> None:
    control, now = rate_limited()  # 4.4
    assert not control.is_validated
    control.on_idle(idle=5 * SECOND, rto=SECOND, now=now)
    assert control.cwnd == 40 * SMSS


def test_half_of_the_window_in_a_round_trip_validates_it() -> None:
    control, _ = rate_limited(used=30)  # 4.3
    assert control.is_validated


def test_a_loss_halves_what_was_used() -> None:
    control, now = rate_limited()  # 4.4.1
    control.on_congestion(flight=5 * SMSS, now=now)
    assert control.ssthresh == 2500


def test_only_recent_round_trips_count() -> None:
    # 4.2: three round trips or a second.
    control, now = rate_limited(used=20)
    for step in range(1, 16):
        control.on_sample(RTT, una=10**6 + 5 * step, nxt=10**6 + 5 * step + 5, now=now + step * RTT)
    assert control.pipe_ack is not None
    assert control.pipe_ack < 20 * SMSS


def test_five_minutes_end_the_trust() -> None:
    # 4.4.3: ssthresh is three quarters, cwnd one half.
    control, _ = rate_limited(seconds=299)
    assert control.cwnd == 40 * SMSS
    control, _ = rate_limited(seconds=303)
    assert (control.cwnd, control.ssthresh) == (20 * SMSS, 40 * SMSS)


def test_a_timeout_is_answered_as_ever() -> None:
    control, now = rate_limited()
    control.on_timeout(flight=5 * SMSS, is_first=True, now=now)
    assert control.cwnd == SMSS
