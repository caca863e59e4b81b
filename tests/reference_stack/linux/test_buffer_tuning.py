"""What a receive buffer is tuned by: the round trip of a receiver, and how much is read in one (Linux, tcp_input.c)."""

from reference_stack.policies.linux.tuning import ReadingRate

RTT = 50_000


def begun(*, rtt: int = RTT) -> ReadingRate:
    rate = ReadingRate()
    rate.begin(14_600, read_seq=1, now=0)
    rate.on_window(rcv_nxt=1, window=60_000, now=0)
    if rtt:
        rate.on_window(rcv_nxt=60_001, window=60_000, now=rtt)
    return rate


def test_a_window_of_text_takes_a_round_trip_and_the_least_counts() -> None:
    rate = begun()
    assert rate.rtt == RTT
    rate.on_window(rcv_nxt=120_000, window=60_000, now=RTT + 1)  # not yet a whole window
    assert rate.rtt == RTT
    rate.on_window(rcv_nxt=120_001, window=60_000, now=RTT + 20_000)
    assert rate.rtt == 20_000
    rate.on_window(rcv_nxt=180_001, window=60_000, now=RTT + 80_000)
    assert rate.rtt == 20_000


def test_an_echo_is_smoothed_and_counts_once() -> None:
    rate = begun()
    assert rate.is_new_echo(7)
    assert not rate.is_new_echo(7)
    rate.on_echo(90_000, is_read=True)
    assert rate.rtt == RTT + (90_000 - RTT) // 8
    rate.on_echo(90_000, is_read=False)  # the sender may have waited for the reader
    rate.on_echo(0, is_read=True)  # less than a tick
    assert rate.rtt == 55_000
    rate.on_echo(10_000, is_read=False)
    assert rate.rtt == 10_000


def test_reading_counts_once_in_a_round_trip_and_less_what_waits() -> None:
    rate = begun()
    assert rate.on_read(read_seq=30_001, rcv_nxt=40_001, now=RTT - 1) is None
    assert rate.on_read(read_seq=30_001, rcv_nxt=40_001, now=RTT) == 20_000
    assert rate.on_read(read_seq=60_001, rcv_nxt=60_001, now=2 * RTT - 1) is None
    assert rate.on_read(read_seq=60_001, rcv_nxt=60_001, now=2 * RTT) == 30_000


def test_only_a_new_most_is_news() -> None:
    rate = begun()
    assert rate.on_read(read_seq=14_601, rcv_nxt=14_601, now=RTT) is None
    assert rate.on_read(read_seq=29_202, rcv_nxt=29_202, now=2 * RTT) == 14_601


def test_without_a_round_trip_nothing_is_measured() -> None:
    rate = begun(rtt=0)
    assert rate.on_read(read_seq=100_001, rcv_nxt=100_001, now=10**9) is None
    # Neither does the measuring begin anew.
    rate.on_window(rcv_nxt=60_001, window=60_000, now=10**9)
    assert rate.on_read(read_seq=100_001, rcv_nxt=100_001, now=2 * 10**9) == 100_000
