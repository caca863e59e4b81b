"""The user timeout option (RFC 5482). Sections are those of the RFC."""

from typing import Any

import pytest

from reference_stack.personality import personality
from reference_stack.policies.limits import Limits
from reference_stack.policies.usertimeout import MINUTE_US, SECOND_US, option_of, timeout_of
from reference_stack.states import State
from tests.reference_stack.engine.scene import SECOND, Out, Scene, make
from wire.options import Mss, TcpOption, UserTimeout
from wire.tcp import TcpSegment


def announced(segments: list[TcpSegment]) -> list[UserTimeout | None]:
    return [next((each for each in segment.options if isinstance(each, UserTimeout)), None) for segment in segments]


def connected(remote: UserTimeout | None = None, **settings: Any) -> Scene:
    """A passive open; the peer announces its timeout on the SYN."""
    scene = make(announces_user_timeout=True, **settings)
    options: tuple[TcpOption, ...] = (Mss(1460),) if remote is None else (Mss(1460), remote)
    scene.connection.accept_syn(scene.segment("S", seq=0, options=options), now=0)
    scene.connection.take_segments()
    scene.arrive("A")
    assert scene.state is State.ESTABLISHED
    return scene


class Hasty(Limits):
    """A system whose own default is a second."""

    R2_US = SECOND


def lifetime(scene: Scene, limit: int = 30_000) -> int:
    """Seconds until a connection with unanswered data is given up."""
    scene.write(10)
    start = scene.now
    while not scene.connection.is_deleted:
        due = scene.connection.next_timer()
        assert due is not None
        assert due < limit * SECOND
        scene.now = max(scene.now, due)
        scene.connection.on_timer(now=scene.now)
        scene.connection.take_segments()
    return (scene.now - start) // SECOND


@pytest.mark.parametrize(
    ("octets", "timeout_us"),
    [(b"\x7f\xff", 32767 * SECOND_US), (b"\x80\x05", 5 * MINUTE_US), (b"\x00\x00", None), (b"\x80\x00", None)],
)
def test_the_value_has_a_granularity_bit_and_fifteen_bits(octets: bytes, timeout_us: int | None) -> None:
    option = UserTimeout.parse(octets)  # 3.3 and 3.4
    assert option is not None
    assert timeout_of(option) == timeout_us


def test_what_is_sent_is_never_zero_and_in_minutes_where_seconds_do_not_reach() -> None:
    assert option_of(1) == UserTimeout(minutes=False, value=1)
    assert option_of(300 * SECOND_US) == UserTimeout(minutes=False, value=300)
    assert option_of(40_000 * SECOND_US) == UserTimeout(minutes=True, value=667)


def test_the_option_is_on_the_syn_and_on_the_first_segment_after_it() -> None:
    # 3, SHOULD: also behind the handshake, because the first may be lost.
    scene = make(announces_user_timeout=True)
    scene.connection.connect(now=0)
    syn = scene.connection.take_segments()
    scene.arrive("SA", seq=0, options=(Mss(1460),))
    ack = scene.connection.take_segments()
    want = UserTimeout(minutes=False, value=300)
    assert announced(syn + ack) == [want, want]
    scene.arrive("PA", data=bytes(2920))
    assert announced(scene.connection.take_segments()) == [None]


def test_a_changed_timeout_is_announced_with_the_next_segment() -> None:
    scene = connected()  # 3, SHOULD
    scene.arrive("PA", data=bytes(2920))
    scene.connection.take_segments()
    scene.connection.settings.user_timeout_us = 600 * SECOND
    scene.connection.settings_changed(now=scene.now, setting="user_timeout_us")
    scene.arrive("PA", seq=2921, data=bytes(2920))
    assert announced(scene.connection.take_segments()) == [UserTimeout(minutes=False, value=600)]


def test_without_the_switch_the_option_is_neither_sent_nor_believed() -> None:
    # 3: a stack without support ignores it.
    scene = make()
    syn = scene.segment("S", seq=0, options=(Mss(1460), UserTimeout(minutes=False, value=900)))
    scene.connection.accept_syn(syn, now=0)
    assert announced(scene.expect(Out("SA"))) == [None]
    scene.arrive("A")
    assert lifetime(scene) == 300


@pytest.mark.parametrize(
    ("remote", "seconds"),
    [
        (UserTimeout(minutes=False, value=900), 900),
        (UserTimeout(minutes=True, value=20), 1200),
        (UserTimeout(minutes=False, value=20), 300),
        (UserTimeout(minutes=True, value=32767), 3600),
        (UserTimeout(minutes=False, value=0), 300),
    ],
    ids=["longer", "minutes", "shorter than ours", "above the upper limit", "reserved"],
)
def test_the_longer_timeout_holds_within_limits(remote: UserTimeout, seconds: int) -> None:
    # 3.1: min (U_LIMIT, max (ADV_UTO, REMOTE_UTO, L_LIMIT)).
    assert lifetime(connected(remote)) == seconds


def test_a_timeout_that_the_user_fixed_stays() -> None:
    remote = UserTimeout(minutes=False, value=600)  # 3.1, MUST NOT
    assert lifetime(connected(remote, user_timeout_us=120 * SECOND)) == 120


def test_an_announcement_in_a_later_segment_counts_and_losing_it_does_no_harm() -> None:
    # 3.2: the option is not delivered reliably.
    scene = connected()
    assert scene.connection.user_timeout.adopted_us(scene.connection) is None
    scene.arrive("A", options=(UserTimeout(minutes=False, value=1000),))
    assert scene.connection.user_timeout.adopted_us(scene.connection) == 1000 * SECOND


def test_the_lower_limit_exceeds_the_retransmission_timeout() -> None:
    scene = connected(UserTimeout(minutes=False, value=1), name=personality("rfc").with_policy("limits", Hasty))
    adopted = scene.connection.user_timeout.adopted_us(scene.connection)
    assert adopted == 100 * SECOND
    scene.connection.rtt.maximum = 400 * SECOND
    scene.connection.rtt.restart_with(300 * SECOND)
    adopted = scene.connection.user_timeout.adopted_us(scene.connection)
    assert adopted is not None
    assert adopted > scene.connection.rtt.rto


def test_keep_alives_wait_for_the_agreed_timeout() -> None:
    # 4.2: the keep-alive timer is longer.
    scene = connected(UserTimeout(minutes=False, value=600), keepalive=True, keepidle_us=10 * SECOND)
    assert scene.wait_for_segments(within=1000 * SECOND) >= 600 * SECOND
