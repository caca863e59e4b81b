"""Multipath TCP options as values: kind 30, one small class a subtype (RFC 8684, section 3).

An option whose octets its class would not write again exactly so (reserved bits, an odd length, an unknown subtype) is
an `Mptcp`: subtype and raw octets, nothing lost. Import them from `wire.options`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from struct import Struct
from struct import error as struct_error
from typing import ClassVar, TypeAlias

from wire.option_kinds import TcpOption

KIND = 30
VERSION_0, VERSION_1 = 0, 1

# RFC 8684, section 3.3: flag bits of the DSS option
_DATA_FIN, _DSN_8, _DSN, _ACK_8, _ACK = 0x10, 0x08, 0x04, 0x02, 0x01
_CAPABLE_LENGTHS = (2, 10, 18, 20, 22)
_JOIN_SYN = Struct("!BBII")
_JOIN_SYN_ACK = Struct("!BBQI")
_MAPPING_TAIL = Struct("!IH")


def _subtype(subtype: int, low: int) -> int:
    if not 0 <= low <= 0x0F:
        raise ValueError("there are four bits beside the subtype")
    return subtype << 4 | low


@dataclass(frozen=True, slots=True)
class MptcpOption(TcpOption):
    """Base of all options of kind 30."""

    kind: ClassVar[int] = KIND
    subtype: ClassVar[int]


@dataclass(frozen=True, slots=True)
class Mptcp(TcpOption):
    """Any option of kind 30 that none of the other classes is for. `data` is everything behind kind and length.

    `subtype` is the upper half of the first octet of `data`; when built, `data` alone counts.
    """

    subtype: int
    data: bytes
    kind: ClassVar[int] = KIND

    def body(self) -> bytes:
        """The data, subtype included."""
        return self.data

    @classmethod
    def parse(cls, body: bytes) -> "TcpOption | None":
        """Read an option of any subtype; None without the octet that has the subtype."""
        if not body:
            return None
        reader = _READERS.get(body[0] >> 4)
        try:
            option = reader(body) if reader else None
            if option is not None and option.body() == body:
                return option
        except (struct_error, ValueError, IndexError, OverflowError):
            pass
        return cls(body[0] >> 4, body)


@dataclass(frozen=True, slots=True)
class MpCapable(MptcpOption):
    """MP_CAPABLE (section 3.1): version, flags A to H from the highest bit down, and none to two keys as numbers.

    `data_length` and `checksum` come with the first data in version 1.
    """

    version: int
    flags: int
    keys: tuple[int, ...] = ()
    data_length: int | None = None
    checksum: int | None = None
    subtype: ClassVar[int] = 0

    def body(self) -> bytes:
        """Two octets, the keys, and the length and checksum of first data."""
        octets = bytes((_subtype(0, self.version), self.flags)) + b"".join(key.to_bytes(8, "big") for key in self.keys)
        for number in (self.data_length, self.checksum):
            octets += b"" if number is None else number.to_bytes(2, "big")
        return octets

    @classmethod
    def read(cls, body: bytes) -> "MpCapable | None":
        """Two octets, 8 for each key, 2 for each number behind two keys; None for another length."""
        if len(body) not in _CAPABLE_LENGTHS:
            return None
        keys = min((len(body) - 2) // 8, 2)
        numbers = [int.from_bytes(body[at : at + 2], "big") for at in range(2 + 8 * keys, len(body), 2)]
        length, checksum = [*numbers, None, None][:2]
        return cls(
            body[0] & 0x0F,
            body[1],
            tuple(int.from_bytes(body[at : at + 8], "big") for at in range(2, 2 + 8 * keys, 8)),
            length,
            checksum,
        )


@dataclass(frozen=True, slots=True)
class MpJoinSyn(MptcpOption):
    """MP_JOIN of a SYN (section 3.2): the receiver's token and the sender's random number, 32 bits each."""

    address_id: int
    token: int
    nonce: int
    backup: bool = False
    subtype: ClassVar[int] = 1

    def body(self) -> bytes:
        """Ten octets."""
        return _JOIN_SYN.pack(_subtype(1, int(self.backup)), self.address_id, self.token, self.nonce)


@dataclass(frozen=True, slots=True)
class MpJoinSynAck(MptcpOption):
    """MP_JOIN of a SYN-ACK (section 3.2): the leftmost 64 bits of the sender's HMAC and its random number."""

    address_id: int
    hmac: int
    nonce: int
    backup: bool = False
    subtype: ClassVar[int] = 1

    def body(self) -> bytes:
        """14 octets."""
        return _JOIN_SYN_ACK.pack(_subtype(1, int(self.backup)), self.address_id, self.hmac, self.nonce)


@dataclass(frozen=True, slots=True)
class MpJoinAck(MptcpOption):
    """MP_JOIN of the third packet (section 3.2): the leftmost 160 bits of the sender's HMAC."""

    hmac: bytes
    subtype: ClassVar[int] = 1

    def body(self) -> bytes:
        """22 octets, the first two without meaning."""
        if len(self.hmac) != 20:
            raise ValueError("this HMAC has 20 octets")
        return bytes((_subtype(1, 0), 0)) + self.hmac


def _read_join(body: bytes) -> MptcpOption | None:
    """The three forms of MP_JOIN are told apart by their length."""
    if len(body) == _JOIN_SYN.size:
        first, address_id, token, nonce = _JOIN_SYN.unpack(body)
        return MpJoinSyn(address_id, token, nonce, bool(first & 1))
    if len(body) == _JOIN_SYN_ACK.size:
        first, address_id, hmac, nonce = _JOIN_SYN_ACK.unpack(body)
        return MpJoinSynAck(address_id, hmac, nonce, bool(first & 1))
    return MpJoinAck(body[2:]) if len(body) == 22 else None


@dataclass(frozen=True, slots=True)
class Dss(MptcpOption):
    """Data sequence signal (section 3.3): acknowledgment, mapping, or both; numbers as on the wire.

    `ack_octets` and `dsn_octets` are 4 or 8, or 0 without the field. `subflow_seq`, `length` and (None without)
    `checksum` belong to a mapping.
    """

    ack: int = 0
    ack_octets: int = 0
    dsn: int = 0
    dsn_octets: int = 0
    subflow_seq: int = 0
    length: int = 0
    checksum: int | None = None
    fin: bool = False
    subtype: ClassVar[int] = 2

    def body(self) -> bytes:
        """Two octets and the fields that are there."""
        flags = _DATA_FIN if self.fin else 0
        octets = b""
        if self.ack_octets:
            flags |= _ACK | (_ACK_8 if self.ack_octets == 8 else 0)
            octets += self.ack.to_bytes(self.ack_octets, "big")
        if self.dsn_octets:
            flags |= _DSN | (_DSN_8 if self.dsn_octets == 8 else 0)
            octets += self.dsn.to_bytes(self.dsn_octets, "big") + _MAPPING_TAIL.pack(self.subflow_seq, self.length)
            octets += b"" if self.checksum is None else self.checksum.to_bytes(2, "big")
        return bytes((_subtype(2, 0), flags)) + octets

    @classmethod
    def read(cls, body: bytes) -> "Dss":
        """As the flags say; a checksum is there when the length says so."""
        flags, at = body[1], 2
        ack_octets = (8 if flags & _ACK_8 else 4) if flags & _ACK else 0
        dsn_octets = (8 if flags & _DSN_8 else 4) if flags & _DSN else 0
        ack = int.from_bytes(body[at : at + ack_octets], "big")
        at += ack_octets
        fin = bool(flags & _DATA_FIN)
        if not dsn_octets:
            return cls(ack, ack_octets, fin=fin)
        dsn = int.from_bytes(body[at : at + dsn_octets], "big")
        at += dsn_octets
        subflow_seq, length = _MAPPING_TAIL.unpack_from(body, at)
        rest = body[at + _MAPPING_TAIL.size :]
        checksum = int.from_bytes(rest, "big") if len(rest) == 2 else None
        return cls(ack, ack_octets, dsn, dsn_octets, subflow_seq, length, checksum, fin)


@dataclass(frozen=True, slots=True)
class AddAddress(MptcpOption):
    """ADD_ADDR (section 3.4.1): an address in text form, a port or None, and the rightmost 64 bits of the HMAC or None.

    `echo` is the flag that confirms an announcement.
    """

    address_id: int
    address: str
    port: int | None = None
    hmac: int | None = None
    echo: bool = False
    subtype: ClassVar[int] = 3

    def body(self) -> bytes:
        """Two octets, the address, port and HMAC."""
        octets = bytes((_subtype(3, int(self.echo)), self.address_id)) + ip_address(self.address).packed
        octets += b"" if self.port is None else self.port.to_bytes(2, "big")
        return octets + (b"" if self.hmac is None else self.hmac.to_bytes(8, "big"))

    @classmethod
    def read(cls, body: bytes) -> "AddAddress":
        """The length says which of the parts are there (section 3.4.1)."""
        size, with_hmac, with_port = _ADDRESS_FORMS.get(len(body) - 2, (4, False, False))
        at = 2 + size
        port = int.from_bytes(body[at : at + 2], "big") if with_port else None
        at += 2 * with_port
        hmac = int.from_bytes(body[at : at + 8], "big") if with_hmac else None
        return cls(body[1], str(ip_address(body[2 : 2 + size])), port, hmac, bool(body[0] & 1))


_ADDRESS_FORMS = {
    size + 8 * with_hmac + 2 * with_port: (size, with_hmac, with_port)
    for size in (4, 16)
    for with_hmac in (False, True)
    for with_port in (False, True)
}


@dataclass(frozen=True, slots=True)
class RemoveAddress(MptcpOption):
    """REMOVE_ADDR (section 3.4.2): identifiers of addresses, one at least."""

    address_ids: tuple[int, ...]
    subtype: ClassVar[int] = 4

    def body(self) -> bytes:
        """One octet and one for each identifier."""
        return bytes((_subtype(4, 0), *self.address_ids))

    @classmethod
    def read(cls, body: bytes) -> "RemoveAddress":
        """One octet and one for each identifier."""
        return cls(tuple(body[1:]))


@dataclass(frozen=True, slots=True)
class MpPrio(MptcpOption):
    """MP_PRIO (section 3.3.8). `address_id` is that of version 0 and None in version 1."""

    backup: bool
    address_id: int | None = None
    subtype: ClassVar[int] = 5

    def body(self) -> bytes:
        """One octet, two with an identifier."""
        octets = bytes((_subtype(5, int(self.backup)),))
        return octets if self.address_id is None else octets + bytes((self.address_id,))

    @classmethod
    def read(cls, body: bytes) -> "MpPrio":
        """One octet or two."""
        return cls(bool(body[0] & 1), body[1] if len(body) > 1 else None)


@dataclass(frozen=True, slots=True)
class MpFail(MptcpOption):
    """MP_FAIL (section 3.7): the data sequence number, 64 bits, of what failed its checksum."""

    dsn: int
    subtype: ClassVar[int] = 6

    def body(self) -> bytes:
        """Ten octets."""
        return bytes((_subtype(6, 0), 0)) + self.dsn.to_bytes(8, "big")

    @classmethod
    def read(cls, body: bytes) -> "MpFail":
        """Ten octets."""
        return cls(int.from_bytes(body[2:], "big"))


@dataclass(frozen=True, slots=True)
class MpFastclose(MptcpOption):
    """MP_FASTCLOSE (section 3.5): the key of the receiver."""

    key: int
    subtype: ClassVar[int] = 7

    def body(self) -> bytes:
        """Ten octets."""
        return bytes((_subtype(7, 0), 0)) + self.key.to_bytes(8, "big")

    @classmethod
    def read(cls, body: bytes) -> "MpFastclose":
        """Ten octets."""
        return cls(int.from_bytes(body[2:], "big"))


@dataclass(frozen=True, slots=True)
class MpReset(MptcpOption):
    """MP_TCPRST (section 3.6): flags U, V, W and T as four bits, T the lowest, and the reason."""

    reason: int
    flags: int = 0
    subtype: ClassVar[int] = 8

    def body(self) -> bytes:
        """Two octets."""
        return bytes((_subtype(8, self.flags), self.reason))

    @classmethod
    def read(cls, body: bytes) -> "MpReset":
        """Two octets."""
        return cls(body[1], body[0] & 0x0F)


_Reader: TypeAlias = Callable[[bytes], MptcpOption | None]
_READERS: dict[int, _Reader] = {
    0: MpCapable.read,
    1: _read_join,
    2: Dss.read,
    3: AddAddress.read,
    4: RemoveAddress.read,
    5: MpPrio.read,
    6: MpFail.read,
    7: MpFastclose.read,
    8: MpReset.read,
}
