"""The TCP MD5 signature option (RFC 2385) between a listener with a key and a peer that signs."""

import errno
import hashlib
from ipaddress import ip_address
from struct import pack

import pytest

from conformance.testing import ACK, FIN, PSH, RST, SYN, Connections, Conversation, milliseconds, seconds
from targets import calls
from wire.abi import AF_INET, AF_INET6, F_SETFL, O_NONBLOCK, O_RDWR, SOL_TCP, TCP_MD5SIG
from wire.checksum import pseudo_header
from wire.options import Md5, Mss, Nop, TcpOption
from wire.tcp import TcpSegment, build_tcp

KEY = b"a secret of BGP"
MSS = 1000
pytestmark = [pytest.mark.targets("tcp-md5")]


def digest_of(segment: TcpSegment, source: str, destination: str, key: bytes) -> bytes:
    """RFC 2385, 2.0: pseudo-header, header without options and with checksum zero, data, key."""
    ends = ip_address(source).packed, ip_address(destination).packed
    octets = build_tcp(segment._replace(checksum=0), *ends)
    payload = octets[len(octets) - len(segment.payload) :]
    covered = pseudo_header(*ends, 6, len(octets)) + octets[:20] + payload + key
    return hashlib.md5(covered, usedforsecurity=False).digest()


def send(talk: Conversation, flags: int, *, key: bytes | None = KEY, payload: bytes = b"", is_new: bool = True) -> None:
    """Send a signed segment, or an unsigned one without a key; `is_new` moves RCV.NXT on."""
    plain: tuple[TcpOption, ...] = (Mss(MSS),) if flags & SYN else ()
    blank = TcpSegment(
        talk.remote_port,
        talk.local_port,
        int(talk.rcv_nxt),
        int(talk.snd_nxt) if flags & ACK else 0,
        flags,
        65535,
        options=(*plain, Nop(), Nop(), Md5(bytes(16))) if key is not None else plain,
        payload=payload,
    )
    options: tuple[TcpOption, ...] = plain
    if key is not None:
        digest = digest_of(blank, talk.network.remote_ip, talk.network.local_ip, key)
        options = (*plain, Nop(), Nop(), Md5(digest))
    seq = None if is_new else int(talk.rcv_nxt)
    talk.send(flags, seq=seq, payload=payload, options=options)


def assert_signed(talk: Conversation, segment: TcpSegment) -> None:
    """Exactly one signature, and it is right."""
    digests = [option.digest for option in segment.options if isinstance(option, Md5)]
    assert digests == [digest_of(segment, talk.network.local_ip, talk.network.remote_ip, KEY)]


def sockaddr(address: str) -> bytes:
    packed = ip_address(address).packed
    if len(packed) == 4:
        return (pack("=H", AF_INET) + bytes(2) + packed).ljust(128, b"\0")
    return (pack("=H", AF_INET6) + bytes(6) + packed).ljust(128, b"\0")


def listener_with_key(connection: Connections) -> Conversation:
    talk = connection.listen()
    value = sockaddr(talk.network.remote_ip) + pack("=BBHi80s", 0, 0, len(KEY), 0, KEY)
    talk.succeed(calls.SetSockOpt(talk.listener, SOL_TCP, TCP_MD5SIG, value, len(value)))
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


@pytest.mark.requirement("RFC2385-2.0-1")
def test_every_segment_is_signed_repeated_ones_and_the_fin_too(connection: Connections) -> None:
    talk = signed_connection(connection)
    send(talk, PSH | ACK, payload=b"hello")
    for segment in talk.expect(ACK):
        assert_signed(talk, segment)
    talk.write(bytes(100))
    for _ in range(2):
        (data,) = talk.expect(ACK | PSH, within=seconds(3))
        assert_signed(talk, data)
        assert len(data.payload) == 100
    send(talk, ACK)
    talk.shutdown()
    (fin,) = talk.expect(FIN | ACK)
    assert_signed(talk, fin)


@pytest.mark.requirement("RFC2385-2.0-2")
@pytest.mark.requirement("RFC2385-4.1-1")
@pytest.mark.parametrize("key", [None, b"another secret"], ids=["unsigned", "signed by another key"])
def test_a_segment_without_a_right_signature_has_no_effect_and_no_answer(
    connection: Connections, key: bytes | None
) -> None:
    talk = signed_connection(connection)
    for flags, payload in ((PSH | ACK, b"spoof"), (FIN | ACK, b""), (RST, b""), (SYN, b"")):
        send(talk, flags, key=key, payload=payload, is_new=False)
    talk.expect_nothing(during=milliseconds(600))
    assert talk.call(calls.Read(talk.fd, 100)).errno == errno.EAGAIN
    send(talk, PSH | ACK, payload=b"real")
    talk.expect(ACK)
    assert talk.read(100) == b"real"


@pytest.mark.requirement("RFC2385-2.0-2")
def test_an_unsigned_syn_does_not_enter(connection: Connections) -> None:
    talk = listener_with_key(connection)
    send(talk, SYN, key=None, is_new=False)
    send(talk, SYN, key=b"another secret", is_new=False)
    talk.expect_nothing(during=milliseconds(600))
    send(talk, SYN)
    talk.expect(SYN | ACK)


@pytest.mark.requirement("RFC2385-4.3-1")
def test_the_signature_takes_its_room_from_the_segment(connection: Connections) -> None:
    talk = signed_connection(connection)
    talk.write(bytes(2 * (MSS - 20)))
    for segment in talk.expect(ACK, ACK):
        assert_signed(talk, segment)
        assert len(segment.payload) == MSS - 20


@pytest.mark.requirement("RFC2385-2.0-5")
def test_another_peer_is_not_asked_for_a_signature(connection: Connections) -> None:
    talk = listener_with_key(connection)
    value = sockaddr(talk.network.remote_ip) + pack("=BBHi80s", 0, 0, 0, 0, b"")
    talk.succeed(calls.SetSockOpt(talk.listener, SOL_TCP, TCP_MD5SIG, value, len(value)))
    send(talk, SYN, key=None)
    talk.expect(SYN | ACK)
