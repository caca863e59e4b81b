"""The policy that signs what leaves and judges what arrives (RFC 2385; RFC 5925, sections 7.4 and 7.5)."""

import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from reference_stack.authentication.algorithms import (
    AoAlgorithm,
    Isns,
    Path,
    ao_message,
    context_of,
    md5_digest,
)
from reference_stack.authentication.keys import AoKey, Md5Key, keys_for
from reference_stack.policies.options import NOP, in_front
from reference_stack.sequence import MASK
from wire.options import Ao, Md5, TcpOption, UnknownOption
from wire.signature import DIGEST_OCTETS
from wire.tcp import ACK, SYN, TcpSegment

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore
    from reference_stack.settings import ConnectionSettings

MD5_OCTETS = 20
"""Two NOPs and the option of 18 octets."""


class Signatures(NamedTuple):
    """The signature options of one segment."""

    md5: tuple[Md5, ...]
    ao: tuple[Ao, ...]
    is_malformed: bool


_MAY_SIGN = (Md5, Ao, UnknownOption)
_NONE = Signatures((), (), is_malformed=False)


Placing: TypeAlias = Callable[[tuple[TcpOption, ...], Md5], tuple[TcpOption, ...]]


def signatures_of(segment: TcpSegment) -> Signatures:
    """Read the options; an authentication option shorter than its identifiers is malformed (RFC 5925, 2.2)."""
    options = segment.options
    if not any(isinstance(option, _MAY_SIGN) for option in options):
        return _NONE
    return Signatures(
        tuple(option for option in options if isinstance(option, Md5)),
        tuple(option for option in options if isinstance(option, Ao)),
        any(isinstance(option, UnknownOption) and option.kind == Ao.kind for option in options),
    )


def ao_mac(algorithm: AoAlgorithm, key: AoKey, segment: TcpSegment, path: Path, *, isns: Isns, sne: int) -> bytes:
    """Return the MAC that belongs into the segment's option."""
    traffic_key = algorithm.kdf(key.secret, context_of(segment, path, isns))
    message = ao_message(segment, path, sne=sne, covers_options=key.covers_options)
    return algorithm.mac(traffic_key, message)[: key.mac_octets]


def is_md5_valid(segment: TcpSegment, path: Path, key: Md5Key, option: Md5) -> bool:
    """Tell whether the digest is right."""
    if len(option.digest) != DIGEST_OCTETS:
        return False
    return hmac.compare_digest(md5_digest(segment, path, key.secret), option.digest)


def is_ao_valid(segment: TcpSegment, path: Path, key: AoKey, *, isns: Isns, sne: int) -> bool:
    """Tell whether the MAC in the segment's only authentication option is right."""
    option = next(each for each in segment.options if isinstance(each, Ao))
    want = ao_mac(key.functions, key, segment, path, isns=isns, sne=sne)
    return hmac.compare_digest(want, option.mac)


def isns_of_arrival(segment: TcpSegment, *, own: int | None = None, peer: int | None = None) -> Isns:
    """Return the initial numbers for the key of an arriving segment; what is not known is read off its numbers."""
    source = peer if peer is not None else segment.seq if segment.flags & SYN else (segment.seq - 1) & MASK
    if segment.flags & SYN and not segment.flags & ACK:
        # RFC 5925, 5.2: the destination's number is zero for a SYN.
        return Isns(source & MASK, 0)
    return Isns(source & MASK, (own if own is not None else segment.ack - 1) & MASK)


def accepts_unconnected(settings: "ConnectionSettings", path: Path, segment: TcpSegment) -> bool:
    """Tell whether a listener with these settings may look at a segment that belongs to no connection."""
    found = signatures_of(segment)
    ao_keys = keys_for(settings.keys, path.source, AoKey)
    if not _is_wellformed(found):
        return False
    if found.ao and ao_keys:
        key = next((key for key in ao_keys if key.recv_id == found.ao[0].key_id), None)
        return key is not None and is_ao_valid(segment, path, key, isns=isns_of_arrival(segment), sne=0)
    return _accepts_without_ao(settings, path, segment, found, has_ao_keys=bool(ao_keys))


def sign_unconnected(settings: "ConnectionSettings", path: Path, segment: TcpSegment) -> TcpSegment:
    """Return a reset of a listener with the MD5 signature that its peer asks for."""
    keys = keys_for(settings.keys, path.destination, Md5Key)
    return with_md5(segment, path, keys[0].secret) if keys else segment


def with_md5(segment: TcpSegment, path: Path, secret: bytes, place: Placing = in_front) -> TcpSegment:
    """Return the segment with the signature of RFC 2385 among its options."""
    blank = segment._replace(options=place(segment.options, Md5(bytes(DIGEST_OCTETS))))
    return blank._replace(options=place(segment.options, Md5(md5_digest(blank, path, secret))))


def _is_wellformed(found: Signatures) -> bool:
    # RFC 5925, 2.2: never two of them, never both kinds.
    return not found.is_malformed and len(found.ao) <= 1 and not (found.ao and found.md5) and len(found.md5) <= 1


def _accepts_without_ao(
    settings: "ConnectionSettings", path: Path, segment: TcpSegment, found: Signatures, *, has_ao_keys: bool
) -> bool:
    """Judge a segment that has no authentication option, or has one for which there is no key."""
    md5_keys = keys_for(settings.keys, path.source, Md5Key)
    if found.ao:
        # RFC 5925, 7.3: without any key for the peer the option counts as absent, unless configured otherwise.
        return settings.accepts_unknown_ao and not md5_keys
    if has_ao_keys and not (found.md5 and md5_keys):
        return False
    if found.md5:
        # RFC 2385, 2.0: a signed segment has to be validated, which nobody can without a key.
        return bool(md5_keys) and is_md5_valid(segment, path, md5_keys[0], found.md5[0])
    return not md5_keys


def _extension(seq: int, isn: int) -> int:
    """RFC 5925, 6.2: how often the sequence number has wrapped since the connection began."""
    return (seq >> 32) - (isn >> 32) & MASK


class Authentication:
    """Signs and verifies the segments of one connection; does nothing where no key holds for the peer."""

    __slots__ = ("bad", "current", "good", "last_key_id", "last_rnext_key_id", "rnext", "uses_md5")

    def __init__(self) -> None:
        self.current: AoKey | None = None
        """current_key of RFC 5925, 6.1: what the next segment is signed with."""
        self.rnext: AoKey | None = None
        """rnext_key: what we would like the peer to sign with."""
        self.uses_md5 = False
        """The connection began with the MD5 option although there are keys for TCP-AO."""
        self.last_key_id: int | None = None
        self.last_rnext_key_id: int | None = None
        self.good = 0
        self.bad = 0
        """Segments whose signature was right, and segments that were dropped."""

    # --- what leaves -------------------------------------------------------------------------------------------------

    def octets(self, connection: "ConnectionCore") -> int:
        """Return how many option octets every segment gives up."""
        if not connection.settings.keys:
            return 0
        key = self._sending_key(connection)
        if key is not None:
            return key.option_octets
        return MD5_OCTETS if self._md5_key(connection) is not None else 0

    def leaves_timestamps_out(self, connection: "ConnectionCore") -> bool:
        """Tell whether timestamps are not offered: with an MD5 signature no SACK block would fit beside them."""
        return self.octets(connection) == MD5_OCTETS and self._sending_key(connection) is None

    def sign(self, connection: "ConnectionCore", segment: TcpSegment) -> TcpSegment:
        """Return the segment with its signature, after all other options are final (RFC 5925, 7.4)."""
        if not connection.settings.keys:
            return segment
        key = self._sending_key(connection)
        if key is not None:
            return self._sign_ao(connection, segment, key)
        md5_key = self._md5_key(connection)
        if md5_key is None:
            return segment
        return with_md5(segment, self._path_out(connection), md5_key.secret, connection.options.place_signature)

    def _sign_ao(self, connection: "ConnectionCore", segment: TcpSegment, key: AoKey) -> TcpSegment:
        rnext = self.rnext or key
        tcb = connection.tcb
        sne = _extension(connection.sequence.unwrap(tcb.snd_nxt, segment.seq), tcb.iss)
        is_first = segment.flags & SYN and not segment.flags & ACK
        isns = Isns(tcb.iss & MASK, 0 if is_first or not connection.has_peer_syn else tcb.irs & MASK)

        def options(mac: bytes) -> tuple[TcpOption, ...]:
            fill = (NOP,) * (-(4 + key.mac_octets) % 4)
            return (*fill, Ao(key.send_id, rnext.recv_id, mac), *segment.options)

        blank = segment._replace(options=options(bytes(key.mac_octets)))
        mac = ao_mac(key.functions, key, blank, self._path_out(connection), isns=isns, sne=sne)
        return segment._replace(options=options(mac))

    # --- what arrives ------------------------------------------------------------------------------------------------

    def accepts(self, connection: "ConnectionCore", segment: TcpSegment) -> bool:
        """Tell whether the segment may be looked at; one that may not is dropped in silence (RFC 5925, 7.5)."""
        if not connection.settings.keys:
            for option in segment.options:
                if isinstance(option, _MAY_SIGN):
                    break
            else:
                return True
        is_accepted = self._judge(connection, segment)
        self.bad += not is_accepted
        return is_accepted

    def _judge(self, connection: "ConnectionCore", segment: TcpSegment) -> bool:
        found = signatures_of(segment)
        if not (connection.settings.keys or found.md5 or found.ao or found.is_malformed):
            return True
        if not _is_wellformed(found):
            return False
        names, settings = connection.four_tuple, connection.settings
        path = Path(names.remote_ip, names.local_ip)
        ao_keys = () if self.uses_md5 else keys_for(settings.keys, names.remote_ip, AoKey)
        if not (found.ao and ao_keys):
            return _accepts_without_ao(settings, path, segment, found, has_ao_keys=bool(ao_keys))
        key = next((key for key in ao_keys if key.recv_id == found.ao[0].key_id), None)
        if key is None or not self._is_valid(connection, segment, path, key):
            return False
        self._note_identifiers(found.ao[0], ao_keys)
        return True

    def _is_valid(self, connection: "ConnectionCore", segment: TcpSegment, path: Path, key: AoKey) -> bool:
        tcb = connection.tcb
        knows_peer = connection.has_peer_syn
        sne = _extension(connection.sequence.unwrap(tcb.rcv_nxt, segment.seq), tcb.irs) if knows_peer else 0
        isns = isns_of_arrival(segment, own=tcb.iss, peer=tcb.irs if knows_peer and not segment.flags & SYN else None)
        is_valid = is_ao_valid(segment, path, key, isns=isns, sne=sne)
        self.good += is_valid
        return is_valid

    def _note_identifiers(self, option: Ao, keys: tuple[AoKey, ...]) -> None:
        """RFC 5925, 7.5 (2.h): the peer's RNextKeyID moves us to the key that it is ready for."""
        self.last_key_id, self.last_rnext_key_id = option.key_id, option.rnext_key_id
        wanted = next((key for key in keys if key.send_id == option.rnext_key_id), None)
        if wanted is not None:
            self.current = wanted

    # --- keys --------------------------------------------------------------------------------------------------------

    def _sending_key(self, connection: "ConnectionCore") -> AoKey | None:
        """RFC 5925, 8: with keys for both options TCP-AO is used, unless the peer began with the other."""
        keys = () if self.uses_md5 else keys_for(connection.settings.keys, connection.four_tuple.remote_ip, AoKey)
        if not keys:
            return None
        if self.current not in keys:
            self.current = keys[0]
        if self.rnext not in keys:
            self.rnext = self.current
        return self.current

    def begin_with(self, connection: "ConnectionCore", syn: TcpSegment) -> None:
        """A connection begins with the peer's SYN, which was verified: answer in the same way."""
        if not connection.settings.keys:
            return
        found = signatures_of(syn)
        self.uses_md5 = bool(found.md5) and not found.ao
        if found.ao:
            keys = keys_for(connection.settings.keys, connection.four_tuple.remote_ip, AoKey)
            self.current = next((key for key in keys if key.recv_id == found.ao[0].key_id), None)
            self._note_identifiers(found.ao[0], keys)

    @staticmethod
    def _md5_key(connection: "ConnectionCore") -> Md5Key | None:
        keys = keys_for(connection.settings.keys, connection.four_tuple.remote_ip, Md5Key)
        return keys[0] if keys else None

    @staticmethod
    def _path_out(connection: "ConnectionCore") -> Path:
        names = connection.four_tuple
        return Path(names.local_ip, names.remote_ip)

    def ignores_icmp(self, connection: "ConnectionCore") -> bool:
        """Tell whether ICMP errors are ignored: RFC 5925, 7.8, with TCP-AO in a synchronized state."""
        if not connection.settings.keys or connection.settings.accepts_icmp_with_ao:
            return False
        return self._sending_key(connection) is not None
