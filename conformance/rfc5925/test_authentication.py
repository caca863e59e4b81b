"""The TCP authentication option (RFC 5925) with HMAC-SHA-1-96 (RFC 5926) between a listener and a peer that signs."""

import errno
import hmac
from ipaddress import ip_address
from struct import pack

import pytest

from conformance.testing import ACK, FIN, PSH, RST, SYN, Connections, Conversation, milliseconds, seconds
from targets import calls
from wire.abi import AF_INET, F_SETFL, O_NONBLOCK, O_RDWR, SOL_TCP, TCP_AO_ADD_KEY
from wire.checksum import pseudo_header
from wire.options import Ao, Mss, TcpOption
from wire.tcp import TcpSegment, build_tcp

KEY = b"binary\0key"
MSS = 1000
OURS, THEIRS = 0, 255
"""Key identifiers: what the peer of this test sends, and what the stack sends. Both ends of the range."""
pytestmark = [pytest.mark.targets("tcp-ao")]


def mac_of(talk: Conversation, segment: TcpSegment, *, is_ours: bool, key: bytes) -> bytes:
    """RFC 5925, 5.1 and 5.2; RFC 5926, 3.1.1 and 3.2: derived key, covered octets, the leftmost 96 bits."""
    ends = (talk.network.remote_ip, talk.network.local_ip)
    source, destination = (ip_address(each).packed for each in (ends if is_ours else ends[::-1]))
    isns = (int(talk.irs), int(talk.iss)) if is_ours else (int(talk.iss), int(talk.irs))
    if segment.flags & (SYN | ACK) == SYN:
        isns = (isns[0], 0)
    context = source + destination + pack("!HHII", segment.src_port, segment.dst_port, *isns)
    traffic_key = hmac.digest(key, b"\x01TCP-AO" + context + pack("!H", 160), "sha1")
    blank = tuple(
        Ao(option.key_id, option.rnext_key_id, bytes(12)) if isinstance(option, Ao) else option
        for option in segment.options
    )
    octets = build_tcp(segment._replace(options=blank, checksum=0), source, destination)
    covered = bytes(4) + pseudo_header(source, destination, 6, len(octets)) + octets
    return hmac.digest(traffic_key, covered, "sha1")[:12]


def send(talk: Conversation, flags: int, *, key: bytes | None = KEY, payload: bytes = b"", is_new: bool = True) -> None:
    """Send a signed segment, or an unsigned one without a key; `is_new` moves RCV.NXT on."""
    plain: tuple[TcpOption, ...] = (Mss(MSS),) if flags & SYN else ()
    options = plain
    if key is not None:
        ack = int(talk.snd_nxt) if flags & ACK else 0
        numbers = (talk.remote_port, talk.local_port, int(talk.rcv_nxt), ack, flags, 65535)
        blank = TcpSegment(*numbers, options=(*plain, Ao(OURS, THEIRS, bytes(12))), payload=payload)
        options = (*plain, Ao(OURS, THEIRS, mac_of(talk, blank, is_ours=True, key=key)))
    talk.send(flags, seq=None if is_new else int(talk.rcv_nxt), payload=payload, options=options)


def assert_signed(talk: Conversation, segment: TcpSegment) -> None:
    """Exactly one option with the right identifiers and the right MAC."""
    want = Ao(THEIRS, OURS, mac_of(talk, segment, is_ours=False, key=KEY))
    assert [option for option in segment.options if isinstance(option, Ao)] == [want]


def listener_with_key(connection: Connections) -> Conversation:
    talk = connection.listen()
    address = (pack("=H", AF_INET) + bytes(2) + ip_address(talk.network.remote_ip).packed).ljust(128, b"\0")
    tail = pack("=iIHBBBBBB80s", 0, 0, 0, 32, THEIRS, OURS, 12, 0, len(KEY), KEY)
    value = address + pack("64s", b"hmac(sha1)") + tail
    talk.succeed(calls.SetSockOpt(talk.listener, SOL_TCP, TCP_AO_ADD_KEY, value, len(value)))
    return talk


def signed_connection(connection: Connections) -> Conversation:
    """A passive open with signatures on all three segments."""
    talk = listener_with_key(connection)
    send(talk, SYN)
    (answer,) = talk.expect(SYN | ACK)
    assert_signed(talk, answer)
    send(talk, ACK)
    talk.fd = talk.succeed(calls.Accept(talk.listener)).value
    talk.succeed(calls.Fcntl(talk.fd, F_SETFL, O_RDWR | O_NONBLOCK))
    return talk


@pytest.mark.requirement("RFC5925-5.1-1")
@pytest.mark.requirement("RFC5925-5.2-1")
@pytest.mark.requirement("RFC5925-3.1-1")
@pytest.mark.requirement("RFC5926-3.1.1-1")
@pytest.mark.requirement("RFC5926-3.1-1")
@pytest.mark.requirement("RFC5926-3.2-1")
def test_every_segment_is_signed_with_the_derived_key(connection: Connections) -> None:
    talk = signed_connection(connection)
    send(talk, PSH | ACK, payload=b"hello")
    for segment in talk.expect(ACK):
        assert_signed(talk, segment)
    talk.write(bytes(100))
    for _ in range(2):
        (data,) = talk.expect(ACK | PSH, within=seconds(3))
        assert_signed(talk, data)
    send(talk, ACK)
    talk.shutdown()
    (fin,) = talk.expect(FIN | ACK)
    assert_signed(talk, fin)


@pytest.mark.requirement("RFC5925-7.3-1")
@pytest.mark.requirement("RFC5925-7.5-1")
@pytest.mark.parametrize("key", [None, b"another secret"], ids=["unsigned", "signed by another key"])
def test_a_segment_that_fails_verification_is_discarded_in_silence(connection: Connections, key: bytes | None) -> None:
    talk = signed_connection(connection)
    for flags, payload in ((PSH | ACK, b"spoof"), (FIN | ACK, b""), (RST, b""), (SYN, b"")):
        send(talk, flags, key=key, payload=payload, is_new=False)
    talk.expect_nothing(during=milliseconds(600))
    assert talk.call(calls.Read(talk.fd, 100)).errno == errno.EAGAIN
    send(talk, PSH | ACK, payload=b"real")
    talk.expect(ACK)
    assert talk.read(100) == b"real"


@pytest.mark.requirement("RFC5925-7.5-2")
def test_an_unsigned_syn_does_not_enter(connection: Connections) -> None:
    talk = listener_with_key(connection)
    send(talk, SYN, key=None, is_new=False)
    talk.expect_nothing(during=milliseconds(600))
    send(talk, SYN)
    talk.expect(SYN | ACK)


@pytest.mark.requirement("RFC5925-7.6-1")
def test_the_option_takes_its_room_from_the_segment(connection: Connections) -> None:
    talk = signed_connection(connection)
    talk.write(bytes(2 * (MSS - 16)))
    for segment in talk.expect(ACK, ACK):
        assert_signed(talk, segment)
        assert len(segment.payload) == MSS - 16
