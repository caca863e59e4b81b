"""SYN cookies: a listener that keeps nothing of a SYN and finds it again in the ACK (RFC 4987, section 3.6).

The initial sequence number holds a minute counter, a keyed hash and an index of the peer's MSS; with timestamps the
six low bits of TSval hold window scale, SACK and ECN. Layout, tables and lifetime are those of Linux.
"""

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from reference_stack.connection import FourTuple
from reference_stack.host.isn import Secrets
from reference_stack.host.values import Micros
from wire.options import Mss, SackPermitted, TcpOption, Timestamps, WindowScale
from wire.tcp import CWR, ECE, SYN, TcpSegment

MINUTE_US = 60_000_000
LIFETIME_MINUTES = 2
"""A cookie is good for the minute of its making and the next (Linux, MAX_SYNCOOKIE_AGE)."""

MSS_TABLE = {4: (536, 1300, 1440, 1460), 6: (1220, 1420, 1440, 8940)}
"""What an MSS is rounded down to (measured: 1400 becomes 1300)."""

_Kind = TypeVar("_Kind", bound=TcpOption)
_M = 2**32
_LOW = 0xFFFFFF
_STAMP_BITS = 0x3F
_NO_SCALE, _SACK, _ECN = 0xF, 0x10, 0x20


class CookieLayout(NamedTuple):
    """What of a SYN the sequence number holds: the MSS of a table, and perhaps window scale and SACK.

    `scales` are the shifts that it can hold, None for no option. With the last two empty, they take timestamps.
    """

    mss: Mapping[int, tuple[int, ...]]
    scales: tuple[int | None, ...] = (None,)
    has_sack: bool = False

    def number(self, version: int, syn: TcpSegment) -> int:
        """Return the number that stands for the options of a SYN."""
        table = self.mss[version]
        peer_mss, scale = _find(syn, Mss), _find(syn, WindowScale)
        wanted = peer_mss.value if peer_mss else table[0]
        index = max((at for at, mss in enumerate(table) if mss <= wanted), default=0)
        shift = max((at for at, each in enumerate(self.scales) if scale and (each or 0) <= scale.shift), default=0)
        has_sack = self.has_sack and _find(syn, SackPermitted) is not None
        return index + len(table) * (shift + len(self.scales) * has_sack)

    def options(self, version: int, number: int) -> list[TcpOption] | None:
        """Return the options that a number stands for; None for a number that is not in use."""
        table = self.mss[version]
        rest, index = divmod(number, len(table))
        has_sack, shift = divmod(rest, len(self.scales))
        if has_sack > self.has_sack:
            return None
        scale = self.scales[shift]
        options: list[TcpOption] = [Mss(table[index])]
        options += [] if scale is None else [WindowScale(scale)]
        return [*options, SackPermitted()] if has_sack else options

    @property
    def keeps_options(self) -> bool:
        """Whether options survive without timestamps."""
        return self.has_sack


LINUX_COOKIES = CookieLayout(MSS_TABLE)
FREEBSD_COOKIES = CookieLayout(
    dict.fromkeys((4, 6), (216, 536, 1200, 1360, 1400, 1440, 1452, 1460)),
    (None, 0, 1, 2, 4, 6, 7, 8),
    has_sack=True,
)
"""FreeBSD, tcp_syncache.c: three bits for the MSS, three for the window scale, one for SACK."""


class SynCookies:
    """Makes and reads the cookies of one host."""

    def __init__(self, secrets: Secrets, layout: CookieLayout = LINUX_COOKIES) -> None:
        self._secrets = secrets
        self.layout = layout

    def isn(self, name: FourTuple, syn: TcpSegment, *, now: Micros) -> int:
        """Return the initial sequence number that stands for `syn`."""
        minute = now // MINUTE_US
        low = (self._hash(name, syn.seq, minute) + self.layout.number(name.ip_version, syn)) & _LOW
        return (self._base(name, syn.seq) + (minute << 24) + low) % _M

    def stamp(self, answer: TcpSegment, syn: TcpSegment, ts_offset: int) -> TcpSegment:
        """Return the SYN-ACK with what the SYN offered in the low bits of its timestamp, if that keeps it."""
        if self.layout.keeps_options:
            return answer
        scale = _find(syn, WindowScale)
        bits = min(scale.shift, 14) if scale else _NO_SCALE
        bits |= _SACK if _find(syn, SackPermitted) else 0
        bits |= _ECN if syn.flags & ECE and syn.flags & CWR else 0
        options = tuple(
            _stamped(option, bits, ts_offset) if isinstance(option, Timestamps) else option for option in answer.options
        )
        return answer._replace(options=options)

    def syn(self, name: FourTuple, ack: TcpSegment, *, ts_offset: int, now: Micros) -> TcpSegment | None:
        """Return the SYN behind an ACK as far as its cookie tells, or None when the number is no cookie of ours."""
        seq = (ack.seq - 1) % _M
        rest = (ack.ack - 1 - self._base(name, seq)) % _M
        minute = now // MINUTE_US
        age = (minute - (rest >> 24)) & 0xFF
        options = self.layout.options(name.ip_version, (rest - self._hash(name, seq, minute - age)) & _LOW)
        if age >= LIFETIME_MINUTES or options is None:
            return None
        flags = SYN
        stamps = _find(ack, Timestamps)
        if stamps is not None:
            options.append(Timestamps(stamps.val, 0))
        if stamps is not None and not self.layout.keeps_options:
            bits = (stamps.ecr - ts_offset) & _STAMP_BITS
            options.extend([SackPermitted()] if bits & _SACK else [])
            options.extend([WindowScale(bits & 0xF)] if bits & 0xF != _NO_SCALE else [])
            flags |= ECE | CWR if bits & _ECN else 0
        return ack._replace(seq=seq, ack=0, flags=flags, options=tuple(options), payload=b"", checksum=None)

    def _base(self, name: FourTuple, seq: int) -> int:
        return (self._secrets.hash32("cookie", *_words(name)) + seq) % _M

    def _hash(self, name: FourTuple, seq: int, minute: int) -> int:
        return self._secrets.hash32("cookie", *_words(name), seq, minute) & _LOW


def _words(name: FourTuple) -> tuple[object, ...]:
    return name.local_ip, name.local_port, name.remote_ip, name.remote_port


def _find(segment: TcpSegment, kind: type[_Kind]) -> _Kind | None:
    return next((option for option in segment.options if isinstance(option, kind)), None)


def _stamped(option: Timestamps, bits: int, ts_offset: int) -> Timestamps:
    clock = (option.val - ts_offset) % _M
    marked = clock & ~_STAMP_BITS | bits
    # The marked value never runs ahead of the clock, so that later timestamps are not older (Linux).
    return Timestamps((marked - (_STAMP_BITS + 1 if marked > clock else 0) + ts_offset) % _M, option.ecr)
