"""Connections with keys: every segment is signed, and one with a wrong signature has no effect at all.

The peer of these tests signs by the functions that the vectors of RFC 9235 prove (MD5: by those of hashlib).
"""

import hashlib
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import pytest

from reference_stack.authentication.algorithms import Isns, Path
from reference_stack.authentication.keys import AoKey, Md5Key, PeerKey
from reference_stack.authentication.signing import accepts_unconnected, ao_mac
from reference_stack.connection import IcmpError
from reference_stack.states import State
from tests.reference_stack.engine.scene import MASK, MS, SECOND, Out, Scene, X, Y, make
from wire.checksum import pseudo_header
from wire.options import Ao, Md5, Mss, Nop, Sack, SackPermitted, TcpOption, Timestamps, UnknownOption, WindowScale
from wire.tcp import ACK, SYN, TcpSegment, build_tcp

SECRET = b"correct horse"
NOP = Nop()
OFFER = (Mss(1460), SackPermitted(), Timestamps(100, 0), NOP, WindowScale(7))
MD5_KEYS = (Md5Key("192.0.2.2/32", SECRET),)


def ao_key(send_id: int = 1, recv_id: int = 2, **changes: Any) -> AoKey:
    return AoKey("192.0.2.0/24", SECRET, send_id=send_id, recv_id=recv_id, **changes)


def md5_of(segment: TcpSegment, path: Path, secret: bytes) -> bytes:
    """RFC 2385, 2.0, by the letter."""
    source, destination = (ip_address(each).packed for each in path)
    octets = build_tcp(segment._replace(checksum=0), source, destination)
    length = len(octets)
    covered = pseudo_header(source, destination, 6, length) + octets[:20] + octets[length - len(segment.payload) :]
    return hashlib.md5(covered + secret, usedforsecurity=False).digest()


@dataclass
class SignedPeer:
    """The other end: it knows the key and both initial sequence numbers."""

    scene: Scene
    key: PeerKey
    options: tuple[TcpOption, ...] = ()
    seen: list[TcpSegment] = field(default_factory=list)

    def signed(self, segment: TcpSegment, *, secret: bytes | None = None, rnext: int | None = None) -> TcpSegment:
        path = Path("192.0.2.2", "192.0.2.1")
        if isinstance(self.key, Md5Key):
            blank = segment._replace(options=(NOP, NOP, Md5(bytes(16)), *segment.options))
            digest = md5_of(blank, path, secret or self.key.secret)
            return blank._replace(options=(NOP, NOP, Md5(digest), *segment.options))
        assert isinstance(self.key, AoKey)
        key = self.key if secret is None else AoKey(self.key.network, secret)
        identifiers = self.key.recv_id, self.key.send_id if rnext is None else rnext
        blank = segment._replace(options=(Ao(*identifiers, bytes(12)), *segment.options))
        is_syn = segment.flags & (SYN | ACK) == SYN
        mac = ao_mac(
            self.key.functions, key if secret else self.key, blank, path, isns=Isns(X, 0 if is_syn else Y),
            sne=int(segment.seq < X),
        )  # fmt: skip
        return blank._replace(options=(Ao(*identifiers, mac), *segment.options))

    def arrive(self, flags: str = "A", *, secret: bytes | None = None, rnext: int | None = None, **fields: Any) -> None:
        segment = self.signed(self.scene.segment(flags, **fields), secret=secret, rnext=rnext)
        self.scene.connection.on_segment(segment, now=self.scene.now)

    def verify(self, segments: list[TcpSegment]) -> None:
        """Every segment carries exactly one signature, and it is right. Y lies 256 below the wrap, X 16."""
        path = Path("192.0.2.1", "192.0.2.2")
        for segment in segments:
            self.seen.append(segment)
            assert len(build_tcp(segment, bytes(4), bytes(4))) - len(segment.payload) <= 60
            if isinstance(self.key, Md5Key):
                found = [option for option in segment.options if isinstance(option, Md5)]
                assert [option.digest for option in found] == [md5_of(segment, path, self.key.secret)]
                continue
            assert isinstance(self.key, AoKey)
            own = [option for option in segment.options if isinstance(option, Ao)]
            assert [(option.key_id, len(option.mac)) for option in own] == [(self.key.send_id, self.key.mac_octets)]
            isns = Isns(Y, 0 if segment.flags & (SYN | ACK) == SYN else X)
            sne = int(segment.seq < Y)
            assert own[0].mac == ao_mac(self.key.functions, self.key, segment, path, isns=isns, sne=sne)


def connected(keys: tuple[PeerKey, ...], *, options: tuple[TcpOption, ...] = OFFER, **settings: Any) -> SignedPeer:
    """A passive open with signatures on all three segments."""
    scene = make(keys=keys, **settings)
    peer = SignedPeer(scene, keys[0])
    syn = peer.signed(scene.segment("S", seq=0, options=options))
    assert accepts_unconnected(scene.connection.settings, Path("192.0.2.2", "192.0.2.1"), syn)
    scene.connection.accept_syn(syn, now=0)
    peer.verify(scene.expect(Out("SA", seq=0, ack=1)))
    if isinstance(keys[0], AoKey) and any(isinstance(option, Timestamps) for option in options):
        scene.options = (Timestamps(101, 0),)
    peer.arrive("A")
    scene.expect()
    assert scene.state is State.ESTABLISHED
    return peer


KINDS = pytest.mark.parametrize(
    "keys",
    [MD5_KEYS, (ao_key(),), (ao_key(0, 255),), (ao_key(algorithm="cmac(aes128)"),), (ao_key(covers_options=False),)],
    ids=["md5", "ao", "ao with identifiers 0 and 255", "ao with AES", "ao without options"],
)


@KINDS
def test_every_kind_of_segment_is_signed(keys: tuple[PeerKey, ...]) -> None:
    # RFC 2385, 2.0: "Every segment sent on a TCP connection [...] will contain the 16-byte MD5 digest"; RFC 5925, 7.4.
    peer = connected(keys)
    scene = peer.scene
    scene.write(1)
    peer.verify(scene.expect(Out("A", seq=1, length=1)))
    scene.wait_for_segments(within=2 * SECOND)
    peer.verify(scene.expect(Out("A", seq=1, length=1)))
    peer.arrive("A", ack=2)
    peer.arrive("A", seq=3000, ack=2, data=b"behind a gap")
    peer.verify(scene.expect(Out("A", seq=2, ack=1)))
    scene.connection.shutdown_send(now=scene.now)
    peer.verify(scene.expect(Out("FA", seq=2, ack=1)))
    scene.connection.abort(now=scene.now)
    peer.verify(scene.expect(Out("R", seq=3)))


@KINDS
def test_an_active_open_signs_its_syn_and_takes_only_a_signed_answer(keys: tuple[PeerKey, ...]) -> None:
    # RFC 2385, 2.0: the absence of the option on the SYN-ACK does not switch signing off; RFC 5925, 7.5.
    scene = make(keys=keys)
    peer = SignedPeer(scene, keys[0])
    scene.connection.connect(now=0)
    peer.verify(scene.expect(Out("S", seq=0)))
    scene.arrive("SA", seq=0, options=(Mss(1460),))
    scene.arrive("RA", seq=0)
    peer.arrive("SA", seq=0, secret=b"wrong", options=(Mss(1460),))
    scene.expect_nothing(during=500 * MS)
    assert scene.connection.tcb.state is State.SYN_SENT
    peer.arrive("SA", seq=0, options=(Mss(1460),))
    peer.verify(scene.expect(Out("A", seq=1, ack=1)))
    assert scene.state is State.ESTABLISHED


@KINDS
@pytest.mark.parametrize("flags", ["A", "PA", "FA", "R", "S", "RA"])
def test_a_segment_with_a_wrong_or_missing_signature_is_dropped_in_silence(
    keys: tuple[PeerKey, ...], flags: str
) -> None:
    # RFC 2385, 2.0: "must never produce any response"; RFC 5925, 7.3: "silently discarded".
    peer = connected(keys)
    scene = peer.scene
    scene.arrive(flags, data=b"spoof" if flags == "PA" else b"")
    peer.arrive(flags, secret=b"wrong", data=b"spoof" if flags == "PA" else b"")
    scene.expect_nothing(during=3 * SECOND)
    assert scene.state is State.ESTABLISHED
    assert scene.connection.receive_available == 0
    assert scene.connection.authentication.bad == 2
    peer.arrive("PA", data=b"real")
    assert scene.read() == b"real"


@KINDS
def test_a_forged_segment_does_not_move_the_timestamp_or_the_scoreboard(keys: tuple[PeerKey, ...]) -> None:
    # RFC 5925, 7.5: before any other option has an effect.
    peer = connected(keys)
    scene = peer.scene
    scene.write(3000)
    scene.connection.take_segments()
    before = scene.connection.tcb.ts_recent
    block = Sack((((Y + 101) & MASK, (Y + 1501) & MASK),))
    peer.arrive("A", secret=b"wrong", options=(Timestamps(5000, 0), block))
    assert scene.connection.tcb.ts_recent == before
    assert not scene.connection.scoreboard.sacked.segments


@pytest.mark.parametrize(
    ("keys", "octets"),
    [(MD5_KEYS, 1440), ((ao_key(),), 1460 - 16 - 12)],
    ids=["md5", "ao beside timestamps"],
)
def test_the_signature_takes_its_room_from_the_segment(keys: tuple[PeerKey, ...], octets: int) -> None:
    # RFC 2385, 4.3; RFC 5925, 7.6: 18 octets padded to 20, and 16.
    peer = connected(keys)
    peer.scene.write(3 * 1460)
    assert len(peer.scene.connection.take_segments()[0].payload) == octets


def test_a_signature_leaves_room_for_sack_blocks() -> None:
    # RFC 2385, 4.3: 40 octets of options. Linux offers no timestamps beside a signature of 20 octets.
    peer = connected(MD5_KEYS)
    assert not peer.scene.connection.tcb.has_timestamps
    for start in (3000, 6000, 9000):
        peer.arrive("A", seq=start, data=b"x")
    last = peer.scene.connection.take_segments()[-1]
    blocks = next(option.blocks for option in last.options if isinstance(option, Sack))
    assert len(blocks) == 2
    peer.verify([last])


def test_the_extension_of_the_sequence_number_counts_wraps_in_both_directions() -> None:
    # RFC 5925, 6.2: also with reordering around the wrap. X and Y lie 16 and 256 below 2**32.
    peer = connected((ao_key(),), options=(Mss(1460),))
    scene = peer.scene
    peer.arrive("A", seq=21, data=b"behind the wrap")
    scene.connection.take_segments()
    peer.arrive("A", seq=1, data=bytes(20))
    assert len(scene.read()) == 35
    scene.write(400)
    sent = [each for each in scene.connection.take_segments() if each.payload]
    peer.verify(sent)
    peer.arrive("A", seq=36, ack=401)
    scene.write(1)
    sent = [each for each in scene.connection.take_segments() if each.payload]
    assert sent[0].seq < Y
    peer.verify(sent)


def test_two_authentication_options_or_both_kinds_are_discarded() -> None:
    # RFC 5925, 2.2.
    peer = connected((ao_key(), *MD5_KEYS))
    scene = peer.scene
    for extra in (Ao(2, 1, bytes(12)), Md5(bytes(16)), UnknownOption(29, b"\x01")):
        segment = peer.signed(scene.segment("PA", data=b"x", options=()))
        doubled = segment._replace(options=(*segment.options, extra))
        scene.connection.on_segment(doubled, now=scene.now)
    scene.expect_nothing(during=SECOND)
    assert scene.connection.receive_available == 0


def test_a_segment_selects_its_key_by_identifier_and_by_nothing_else() -> None:
    # RFC 5925, 3.3: exactly one master key tuple.
    first, second = ao_key(1, 2), AoKey("192.0.2.0/24", b"another", send_id=3, recv_id=4)
    peer = connected((first, second))
    peer.arrive("PA", data=b"x", secret=b"another")
    assert peer.scene.connection.receive_available == 0
    SignedPeer(peer.scene, second).arrive("PA", data=b"x")
    assert peer.scene.connection.receive_available == 1


def test_the_peers_wish_for_another_key_is_followed_without_loss() -> None:
    # RFC 5925, 6.1 and 7.5: RNextKeyID names the key that the peer wants us to use.
    first, second = ao_key(1, 2), AoKey("192.0.2.0/24", b"another", send_id=3, recv_id=4)
    peer = connected((first, second))
    scene = peer.scene
    peer.arrive("A", rnext=3)
    scene.write(10)
    SignedPeer(scene, second).verify(scene.expect(Out("A", length=10)))
    peer.arrive("PA", data=b"old key", rnext=3)
    assert scene.read() == b"old key"
    peer.arrive("A", seq=8, ack=11, rnext=99)
    assert scene.connection.authentication.current == second


def test_tcp_ao_is_preferred_unless_the_peer_begins_with_md5() -> None:
    # RFC 5925, 8.
    scene = make(keys=(ao_key(), *MD5_KEYS))
    scene.connection.connect(now=0)
    SignedPeer(scene, ao_key()).verify(scene.expect(Out("S")))
    scene = make(keys=(ao_key(), *MD5_KEYS))
    peer = SignedPeer(scene, MD5_KEYS[0])
    scene.connection.accept_syn(peer.signed(scene.segment("S", seq=0, options=(Mss(1460),))), now=0)
    peer.verify(scene.expect(Out("SA")))


def test_icmp_errors_do_not_hurt_a_connection_with_tcp_ao() -> None:
    # RFC 5925, 7.8: types 3/2 to 3/4 are ignored in synchronized states by default.
    for accepts, mtu in ((False, None), (True, 1000)):
        peer = connected((ao_key(),), accepts_icmp_with_ao=accepts)
        peer.scene.write(4000)
        peer.scene.connection.take_segments()
        error = IcmpError(90, hard=True, mtu=1000, quoted_seq=(Y + 1) & MASK)
        peer.scene.connection.on_icmp_error(error, now=1)
        assert peer.scene.connection.settings.path_mtu == mtu


PATH = Path("192.0.2.2", "192.0.2.1")


def test_without_a_key_an_authentication_option_counts_as_absent_unless_configured() -> None:
    # RFC 5925, 7.3, SHOULD.
    scene = make()
    syn = scene.segment("S", seq=0, options=(Mss(1460), Ao(1, 1, bytes(12))))
    assert accepts_unconnected(scene.connection.settings, PATH, syn)
    scene.connection.settings.accepts_unknown_ao = False
    assert not accepts_unconnected(scene.connection.settings, PATH, syn)


def test_an_unsigned_syn_does_not_enter_where_a_key_is_known_and_others_are_unaffected() -> None:
    # RFC 2385, 2.0; RFC 5925, 7.5.
    for keys in (MD5_KEYS, (AoKey("192.0.2.2/32", SECRET),)):
        scene = make(keys=keys)
        syn = scene.segment("S", seq=0)
        assert not accepts_unconnected(scene.connection.settings, PATH, syn)
        assert accepts_unconnected(scene.connection.settings, Path("192.0.2.3", "192.0.2.1"), syn)


def test_a_digest_that_nobody_can_validate_is_not_accepted() -> None:
    # RFC 2385, 2.0 ("must validate it"); Linux 6.18 does the same.
    scene = make()
    assert not accepts_unconnected(scene.connection.settings, PATH, scene.segment("S", options=(Md5(bytes(16)),)))
