"""TCP options as values: one small class a kind (RFC 9293, section 3.1, and the RFC that each class names).

A class knows how its octets behind kind and length are read and written. Import them from `wire.options`.
"""

from dataclasses import dataclass
from struct import Struct
from struct import error as struct_error
from typing import ClassVar

from wire.errors import WireError

EXPERIMENT_KIND = 254  # RFC 4727, section 7.2
_ACC_ECN_KINDS = (172, 174)  # RFC 9768, section 3.2.3: order 0 and order 1
FAST_OPEN_MAGIC = b"\xf9\x89"  # RFC 7413, section 4.1.1, and the IANA registry of experiment identifiers


class TcpOption:
    """Base of all options. Subclasses are frozen values, equal only to the same kind of option."""

    __slots__ = ()

    @property
    def kind(self) -> int:
        """The kind octet; subclasses of one kind have it as class attribute."""
        raise AttributeError("kind")

    def body(self) -> bytes:
        """Return the octets behind kind and length. Raises `struct.error` or `ValueError` for a field out of range."""
        return b""

    def build(self) -> bytes:
        """Return all octets of the option. Raises `WireError` when a field is out of range."""
        try:
            body = self.body()
            return bytes((self.kind, len(body) + 2)) + body
        except (struct_error, ValueError, OverflowError) as error:
            raise WireError(f"{self}: {error}") from None

    @classmethod
    def parse(cls, body: bytes) -> "TcpOption | None":
        """Read the octets behind kind and length; None when they are not that many octets as the kind has."""
        return None if body else cls()


# ---------------------------------------------------------------- options of one octet


@dataclass(frozen=True, slots=True)
class Eol(TcpOption):
    """End of option list, and each zero octet of padding behind it (RFC 9293, section 3.1)."""

    kind: ClassVar[int] = 0

    def build(self) -> bytes:
        """Return the single octet."""
        return b"\x00"


@dataclass(frozen=True, slots=True)
class Nop(TcpOption):
    """No operation (RFC 9293, section 3.1)."""

    kind: ClassVar[int] = 1

    def build(self) -> bytes:
        """Return the single octet."""
        return b"\x01"


# ---------------------------------------------------------------- options of fixed length

_U16 = Struct("!H")
_PAIR = Struct("!II")


@dataclass(frozen=True, slots=True)
class Mss(TcpOption):
    """Maximum segment size in octets, 0..65535 (RFC 9293, section 3.7.1)."""

    value: int
    kind: ClassVar[int] = 2

    def body(self) -> bytes:
        """Two octets."""
        return _U16.pack(self.value)

    @classmethod
    def parse(cls, body: bytes) -> "Mss | None":
        """Two octets, else None."""
        return cls(body[0] << 8 | body[1]) if len(body) == 2 else None


@dataclass(frozen=True, slots=True)
class WindowScale(TcpOption):
    """Window scale: shift count, 0..255 on the wire, at most 14 in use (RFC 7323, section 2.2)."""

    shift: int
    kind: ClassVar[int] = 3

    def body(self) -> bytes:
        """One octet."""
        return bytes((self.shift,))

    @classmethod
    def parse(cls, body: bytes) -> "WindowScale | None":
        """One octet, else None."""
        return cls(body[0]) if len(body) == 1 else None


@dataclass(frozen=True, slots=True)
class SackPermitted(TcpOption):
    """SACK permitted (RFC 2018, section 2)."""

    kind: ClassVar[int] = 4


@dataclass(frozen=True, slots=True)
class Timestamps(TcpOption):
    """Timestamps TSval and TSecr, 32 bits each (RFC 7323, section 3.2)."""

    val: int
    ecr: int
    kind: ClassVar[int] = 8

    def body(self) -> bytes:
        """Eight octets."""
        return _PAIR.pack(self.val, self.ecr)

    @classmethod
    def parse(cls, body: bytes) -> "Timestamps | None":
        """Eight octets, else None."""
        return cls(*_PAIR.unpack(body)) if len(body) == 8 else None


@dataclass(frozen=True, slots=True)
class UserTimeout(TcpOption):
    """User timeout: granularity (minutes, else seconds) and 15 bits of time (RFC 5482, section 3)."""

    minutes: bool
    value: int
    kind: ClassVar[int] = 28

    def body(self) -> bytes:
        """Two octets; the granularity bit is the highest."""
        if not 0 <= self.value <= 0x7FFF:
            raise ValueError("the user timeout has 15 bits")
        return _U16.pack(self.minutes << 15 | self.value)

    @classmethod
    def parse(cls, body: bytes) -> "UserTimeout | None":
        """Two octets, else None."""
        if len(body) != 2:
            return None
        return cls(body[0] >= 0x80, (body[0] & 0x7F) << 8 | body[1])


# ---------------------------------------------------------------- options of variable length


@dataclass(frozen=True, slots=True)
class Sack(TcpOption):
    """SACK blocks, left and right edge each, four at most in the option area (RFC 2018, section 3)."""

    blocks: tuple[tuple[int, int], ...]
    kind: ClassVar[int] = 5

    def body(self) -> bytes:
        """Eight octets a block."""
        return b"".join(_PAIR.pack(left, right) for left, right in self.blocks)

    @classmethod
    def parse(cls, body: bytes) -> "Sack | None":
        """A multiple of eight octets, none included, else None."""
        if len(body) % 8:
            return None
        return cls(tuple(_PAIR.iter_unpack(body)))


@dataclass(frozen=True, slots=True)
class Md5(TcpOption):
    """MD5 signature. RFC 2385, section 3.0, has 16 octets of digest; any number is kept here."""

    digest: bytes
    kind: ClassVar[int] = 19

    def body(self) -> bytes:
        """The digest."""
        return self.digest

    @classmethod
    def parse(cls, body: bytes) -> "Md5":
        """Any octets."""
        return cls(body)


@dataclass(frozen=True, slots=True)
class Ao(TcpOption):
    """TCP authentication option: key identifiers 0..255 and the MAC (RFC 5925, section 2.2)."""

    key_id: int
    rnext_key_id: int
    mac: bytes
    kind: ClassVar[int] = 29

    def body(self) -> bytes:
        """Two octets and the MAC."""
        return bytes((self.key_id, self.rnext_key_id)) + self.mac

    @classmethod
    def parse(cls, body: bytes) -> "Ao | None":
        """At least two octets, else None."""
        return cls(body[0], body[1], body[2:]) if len(body) >= 2 else None


@dataclass(frozen=True, slots=True)
class FastOpen(TcpOption):
    """Fast Open cookie, empty for a request (RFC 7413, section 4.1.1).

    `experimental` is the older form: kind 254 and the magic number 0xF989 in front of the cookie.
    """

    cookie: bytes = b""
    experimental: bool = False

    @property
    def kind(self) -> int:
        """34, or 254 for the experimental form."""
        return EXPERIMENT_KIND if self.experimental else 34

    @property
    def is_legal(self) -> bool:
        """A request, or a cookie of 4 to 16 octets, an even number (RFC 7413, 4.1.1)."""
        return not self.cookie or (4 <= len(self.cookie) <= 16 and len(self.cookie) % 2 == 0)

    def body(self) -> bytes:
        """The cookie, and in the experimental form the magic number in front of it."""
        return FAST_OPEN_MAGIC + self.cookie if self.experimental else self.cookie

    @classmethod
    def parse(cls, body: bytes) -> "FastOpen":
        """Any octets, of kind 34."""
        return cls(body)

    @classmethod
    def parse_experimental(cls, body: bytes) -> "FastOpen | None":
        """Octets of kind 254 that start with the magic number, else None."""
        return cls(body[2:], experimental=True) if body.startswith(FAST_OPEN_MAGIC) else None


@dataclass(frozen=True, slots=True)
class AccEcn(TcpOption):
    """Accurate ECN counters, 24 bits each, none to three of them (RFC 9768, section 3.2.3).

    `order` 0 (kind 172) is EE0B, ECEB, EE1B; order 1 (kind 174) is EE1B, ECEB, EE0B.
    """

    order: int
    counters: tuple[int, ...]

    @property
    def kind(self) -> int:
        """172 or 174, by order."""
        return _ACC_ECN_KINDS[bool(self.order)]

    def body(self) -> bytes:
        """Three octets a counter."""
        return b"".join(counter.to_bytes(3, "big") for counter in self.counters)

    @classmethod
    def parse(cls, body: bytes) -> "AccEcn | None":
        """Up to three counters of kind 172, else None."""
        return cls._parse(0, body)

    @classmethod
    def parse_order_1(cls, body: bytes) -> "AccEcn | None":
        """Up to three counters of kind 174, else None."""
        return cls._parse(1, body)

    @classmethod
    def _parse(cls, order: int, body: bytes) -> "AccEcn | None":
        # RFC 9768, section 3.2.3: lengths other than 2, 5, 8 and 11 are left to the future.
        if len(body) not in (0, 3, 6, 9):
            return None
        return cls(order, tuple(int.from_bytes(body[at : at + 3], "big") for at in range(0, len(body), 3)))


# ---------------------------------------------------------------- what no class knows


@dataclass(frozen=True, slots=True)
class UnknownOption(TcpOption):
    """An option of an unregistered kind, or of a registered kind with a length that kind does not have.

    `data` is everything behind kind and length, at most 253 octets.
    """

    kind: int
    data: bytes = b""

    def body(self) -> bytes:
        """The data."""
        return self.data


@dataclass(frozen=True, slots=True)
class Remainder(TcpOption):
    """The end of an option area that holds no options: octets, some not zero, behind the end of the list, or (only
    when parsed tolerantly) from an option on whose length octet is wrong.

    It lets a segment with such an area go through parse and build unchanged. `kind` is the first octet.
    """

    data: bytes

    @property
    def kind(self) -> int:
        """The first octet, whatever it means."""
        return self.data[0] if self.data else 0

    def body(self) -> bytes:
        """The data behind what would be kind and length."""
        return self.data[2:]

    def build(self) -> bytes:
        """Return the data."""
        return self.data
