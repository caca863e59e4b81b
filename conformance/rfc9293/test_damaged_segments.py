"""What a script cannot send: segments with a wrong checksum or with reserved bits set (RFC 9293, section 3.1)."""

import pytest

from conformance.testing import ACK, PSH, RST, SYN, Connections, Conversation, Segment, milliseconds
from wire.ip import Ipv4Header, Ipv6Header
from wire.packet import Packet, build_packet, parse_packet
from wire.tcp import TcpSegment

OCTETS = b"0123456789"


def packet(talk: Conversation, flags: int, *, payload: bytes = b"", ack: int = 0, reserved: int = 0) -> Packet:
    """Return the peer's next segment as a packet."""
    header: Ipv4Header | Ipv6Header = (
        Ipv6Header(talk.network.remote_ip, talk.network.local_ip)
        if talk.network.ip_version == 6
        else Ipv4Header(talk.network.remote_ip, talk.network.local_ip)
    )
    segment = TcpSegment(
        talk.remote_port,
        talk.local_port,
        int(talk.rcv_nxt),
        ack,
        flags,
        65535,
        payload=payload,
        reserved=reserved,
    )
    return Packet((header,), segment)


def send_damaged(talk: Conversation, flags: int, *, payload: bytes = b"", difference: int = 1) -> None:
    """Send the peer's next segment with a checksum that differs from the right one."""
    sound = packet(talk, flags, payload=payload, ack=int(talk.snd_nxt) if flags & ACK else 0)
    body = parse_packet(build_packet(sound)).body
    assert isinstance(body, TcpSegment)
    assert body.checksum is not None
    talk.send_packet(sound._replace(body=body._replace(checksum=body.checksum ^ difference)))


@pytest.mark.requirement("RFC9293-MUST-3")
@pytest.mark.parametrize("difference", [0x0001, 0x8000])
def test_text_with_a_wrong_checksum_is_dropped_in_silence(connection: Connections, difference: int) -> None:
    talk = connection.established()
    send_damaged(talk, PSH | ACK, payload=OCTETS, difference=difference)
    talk.expect_nothing(during=milliseconds(600))
    # The same octets again, sound: had they been taken before, this would be a duplicate and there would be more.
    talk.send(PSH | ACK, payload=OCTETS)
    talk.expect(Segment(ACK, ack=int(talk.rcv_nxt)))
    assert talk.read(100) == OCTETS


@pytest.mark.requirement("RFC9293-MUST-3")
def test_a_reset_with_a_wrong_checksum_is_dropped(connection: Connections) -> None:
    talk = connection.established()
    send_damaged(talk, RST)
    talk.send(PSH | ACK, payload=OCTETS)
    talk.expect(Segment(ACK, ack=int(talk.rcv_nxt)))


@pytest.mark.requirement("RFC9293-MUST-3")
def test_a_syn_with_a_wrong_checksum_draws_nothing(connection: Connections) -> None:
    talk = connection.listen()
    send_damaged(talk, SYN)
    talk.expect_nothing(during=milliseconds(600))


@pytest.mark.requirement("RFC9293-MUST-2")
def test_every_segment_of_the_stack_has_a_right_checksum(connection: Connections) -> None:
    talk = connection.established()
    talk.write(OCTETS[:7])
    (segment,) = talk.expect(Segment(ACK, payload=OCTETS[:7]))
    sound = Packet((Ipv4Header(talk.network.local_ip, talk.network.remote_ip),), segment._replace(checksum=None))
    body = parse_packet(build_packet(sound)).body
    assert isinstance(body, TcpSegment)
    assert segment.checksum == body.checksum


@pytest.mark.requirement("RFC9293-3.10.7.2-SYN-LISTEN-urg-psh")
@pytest.mark.parametrize("reserved", [0b001, 0b100, 0b111])
def test_reserved_bits_do_not_matter(connection: Connections, reserved: int) -> None:
    talk = connection.listen()
    talk.send_packet(packet(talk, SYN, reserved=reserved))
    talk.rcv_nxt += 1
    talk.expect(Segment(SYN | ACK, ack=int(talk.rcv_nxt)))
    talk.send(ACK)
    talk.send_packet(packet(talk, PSH | ACK, payload=OCTETS, ack=int(talk.snd_nxt), reserved=reserved))
    talk.rcv_nxt += len(OCTETS)
    talk.expect(Segment(ACK, ack=int(talk.rcv_nxt)))
