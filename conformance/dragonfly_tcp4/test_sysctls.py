"""Settings of DragonFly BSD tcp(4) that are read, counted, or seen where scripts do not look: numbers and headers."""

import itertools

import pytest

from conformance.testing import ACK, RST, SYN, Connections, Conversation, Segment, seconds
from targets import calls
from targets.base import Departure
from wire.ip import DONT_FRAGMENT, Ipv4Header
from wire.options import Mss
from wire.packet import Packet, parse_packet
from wire.tcp import TcpSegment

pytestmark = pytest.mark.targets("dragonfly")


def sysctl(connection: Connections, words: str) -> tuple[int | None, str]:
    """Run sysctl(8); return its exit status and what it printed."""
    ran = connection.target.shell(f"sysctl {words}", directory="/", environment={}, timeout=seconds(5))
    return ran.status, ran.output.strip()


def value_of(connection: Connections, name: str) -> int:
    """Return a number of net.inet.tcp."""
    status, text = sysctl(connection, f"-n net.inet.tcp.{name}")
    assert status == 0, text
    return int(text)


def set_to(connection: Connections, **settings: int) -> None:
    """Write numbers of net.inet.tcp."""
    for name, number in settings.items():
        status, text = sysctl(connection, f"net.inet.tcp.{name}={number}")
        assert status == 0, text


# tcp(4) names these defaults: rfc1323 true, keepcnt 8, syncookies on, isn_reseed_interval 0, inflight_stab 50.
@pytest.mark.requirement("DFLY-TCP4-SYSCTL-GEN-1")
@pytest.mark.requirement("DFLY-TCP4-SYSCTL-rfc1323-1")
@pytest.mark.requirement("DFLY-TCP4-SYSCTL-keepcnt-1")
@pytest.mark.requirement("DFLY-TCP4-SYSCTL-syncookies-1")
@pytest.mark.requirement("DFLY-TCP4-SYSCTL-isn_reseed_interval-1")
@pytest.mark.requirement("DFLY-TCP4-SYSCTL-inflight_stab-1")
@pytest.mark.requirement("DFLY-TCP4-SYSCTL-log_in_vain-1")
def test_the_defaults_are_those_of_the_page(connection: Connections) -> None:
    wanted = {
        "rfc1323": 1,
        "keepcnt": 8,
        "syncookies": 1,
        "isn_reseed_interval": 0,
        "inflight_stab": 50,
        "log_in_vain": 0,
    }
    assert {name: value_of(connection, name) for name in wanted} == wanted
    assert value_of(connection, "inflight_debug") in (0, 1)


@pytest.mark.requirement("DFLY-TCP4-SYSCTL-tcbhashsize-1")
def test_the_size_of_the_hash_table_can_only_be_read(connection: Connections) -> None:
    size = value_of(connection, "tcbhashsize")
    assert size > 0
    assert sysctl(connection, f"net.inet.tcp.tcbhashsize={2 * size}")[0] != 0
    assert value_of(connection, "tcbhashsize") == size


@pytest.mark.requirement("DFLY-TCP4-SYSCTL-pcbcount-1")
def test_control_blocks_are_counted(connection: Connections) -> None:
    before = value_of(connection, "pcbcount")
    talk = connection.established()
    assert value_of(connection, "pcbcount") == before + 2  # the listener and the connection
    assert sysctl(connection, "net.inet.tcp.pcbcount=0")[0] != 0
    talk.close()
    talk.expect(Segment())
    talk.send(ACK)
    talk.succeed(calls.Close(talk.listener))
    # In FIN-WAIT-2 there still is one.
    assert value_of(connection, "pcbcount") == before + 1


@pytest.mark.requirement("DFLY-TCP4-SYSCTL-GEN-1")
def test_a_name_that_does_not_exist_is_an_error(connection: Connections) -> None:
    status, text = sysctl(connection, "net.inet.tcp.no_such_setting")
    assert status != 0
    assert "unknown oid" in text
    assert sysctl(connection, "net.ipv4.tcp_sack")[0] != 0


@pytest.mark.parametrize("number", [1, 0])
@pytest.mark.requirement("DFLY-TCP4-SYSCTL-path_mtu_discovery-1")
@pytest.mark.requirement("DFLY-TCP4-SYSCTL-path_mtu_discovery-2")
def test_path_mtu_discovery_decides_whether_packets_may_be_fragmented(connection: Connections, number: int) -> None:
    set_to(connection, path_mtu_discovery=number)
    talk = connection.established()
    talk.start(calls.Write(talk.fd, bytes(10), 10))
    (packet,) = packets_during(connection, seconds(0.1))
    assert isinstance(packet.ip, Ipv4Header)
    assert bool(packet.ip.flags & DONT_FRAGMENT) == bool(number)


def packets_during(connection: Connections, microseconds: int) -> list[Packet]:
    """Let the stack do what it does in this time, and return what it sent."""
    deadline = connection.target.now() + microseconds
    packets = []
    while (happening := connection.target.poll(deadline)) is not None:
        if isinstance(happening, Departure):
            packets.append(parse_packet(happening.packet))
    return packets


def iss_of_a_listener(talk: Conversation) -> int:
    """Return the number with which the stack answers the same request as ever; the connection is then given up."""
    talk.send(SYN, seq=int(talk.irs), options=(Mss(1460),))
    (answer,) = talk.expect(SYN | ACK)
    talk.send(RST, seq=int(talk.irs) + 1)
    return answer.seq


@pytest.mark.requirement("DFLY-TCP4-SYSCTL-isn_reseed_interval-1")
def test_sequence_numbers_of_one_name_grow_with_the_clock(connection: Connections) -> None:
    talk = connection.listen()
    first = iss_of_a_listener(talk)
    talk.expect_nothing(during=seconds(0.12))
    # RFC 1948: a clock plus a hash; the clock of RFC 9293 makes 250,000 steps a second, that of DragonFly 1,048,576.
    assert 0 < (iss_of_a_listener(talk) - first) % 2**32 < 1_000_000


@pytest.mark.requirement("DFLY-TCP4-SYSCTL-isn_reseed_interval-2")
def test_a_reseeded_secret_makes_other_sequence_numbers(connection: Connections) -> None:
    set_to(connection, isn_reseed_interval=1)
    talk = connection.listen()
    numbers = []
    for _ in range(4):
        numbers.append(iss_of_a_listener(talk))
        talk.expect_nothing(during=seconds(2))
    steps = [(later - earlier) % 2**32 for earlier, later in itertools.pairwise(numbers)]
    # With one secret each step is that of the clock; that three in a row are small by chance is one in 10^8.
    assert any(step > 10_000_000 for step in steps), steps


def answers_to(connection: Connections, count: int) -> int:
    """Return how many of so many requests for one listener are answered; none is completed."""
    talks = [connection.listen(backlog=4) for _ in range(count)]
    for talk in talks:
        talk.send(SYN, options=(Mss(1460),))
    return len(packets_during(connection, 0))


@pytest.mark.requirement("DFLY-TCP4-SYSCTL-syncookies-1")
def test_with_cookies_every_request_of_a_flood_is_answered(connection: Connections) -> None:
    assert answers_to(connection, 30) == 30


@pytest.mark.requirement("DFLY-TCP4-SYSCTL-syncookies-2")
def test_without_cookies_a_full_queue_keeps_silent(connection: Connections) -> None:
    set_to(connection, syncookies=0)
    assert 4 <= answers_to(connection, 30) < 30


@pytest.mark.requirement("DFLY-TCP4-SYSCTL-inflight_min-1")
def test_the_limit_of_data_in_flight_never_falls_below_inflight_min(connection: Connections) -> None:
    # 100 octets acknowledged in each second: a product far below the least window.
    set_to(connection, inflight_min=6000, rexmit_min=60_000)
    assert _in_flight_on_a_slow_path(connection) >= 6000 - 1460


@pytest.mark.requirement("DFLY-TCP4-SYSCTL-inflight_enable-1")
@pytest.mark.requirement("DFLY-TCP4-SYSCTL-inflight_stab-2")
def test_the_limit_of_data_in_flight_is_the_product_and_two_segments(connection: Connections) -> None:
    set_to(connection, inflight_min=100, rexmit_min=60_000)
    limited = _in_flight_on_a_slow_path(connection)
    assert 1460 <= limited <= 2 * 1460 + 1460


@pytest.mark.requirement("DFLY-TCP4-SYSCTL-inflight_enable-1")
def test_without_the_limiter_the_window_is_filled(connection: Connections) -> None:
    set_to(connection, inflight_enable=0, inflight_min=100, rexmit_min=60_000)
    assert _in_flight_on_a_slow_path(connection) > 6 * 1460


def _in_flight_on_a_slow_path(connection: Connections) -> int:
    """Return how much is in flight after a peer has acknowledged one segment a second for half a minute."""
    talk = connection.established()
    talk.start(calls.Write(talk.fd, bytes(200_000), 200_000))
    una, packets = int(talk.iss) + 1, []
    for _ in range(30):
        packets += packets_during(connection, seconds(1))
        una += 1460
        talk.send(ACK, ack=una % 2**32)
    packets += packets_during(connection, 0)
    segments = [packet.body for packet in packets if isinstance(packet.body, TcpSegment)]
    ends = [(segment.seq + len(segment.payload) - una) % 2**32 for segment in segments]
    return max(end for end in ends if end < 2**31)


@pytest.mark.requirement("DFLY-TCP4-SYSCTL-inflight_enable-2")
def test_the_limiter_leaves_the_receive_window_alone(connection: Connections) -> None:
    windows = []
    for number in (1, 0):
        set_to(connection, inflight_enable=number, inflight_min=100, inflight_max=200)
        talk = connection.established()
        windows.append(talk.rcv_wnd)
    assert windows[0] == windows[1] > 10_000
