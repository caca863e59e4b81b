"""A segment on its way through the rules of SEGMENT ARRIVES."""

from typing import TYPE_CHECKING, TypeAlias

from wire.options import FastOpen, Mss, Sack, SackPermitted, Timestamps, WindowScale
from wire.tcp import ACK, FIN, SYN, TcpSegment

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

Micros: TypeAlias = int


class Arrival:
    """One segment with its numbers carried over into the connection's unbounded sequence space.

    `seq` and `ack` are SEG.SEQ and SEG.ACK, `end` is SEG.SEQ+SEG.LEN, `window` is SEG.WND with scaling applied. The
    rules trim `text` (which starts at `text_seq`) and `has_fin` as RFC 9293 (3.10.7.4) says: "segment is adjusted".
    """

    __slots__ = (
        "ack",
        "advanced_una",
        "ecn",
        "end",
        "fast_open",
        "flags",
        "gso_size",
        "has_fin",
        "has_timestamps",
        "mss",
        "now",
        "sack_blocks",
        "sack_permitted",
        "segment",
        "seq",
        "text",
        "text_seq",
        "ts_ecr",
        "ts_val",
        "window",
        "wscale",
    )

    def __init__(self, connection: "ConnectionCore", segment: TcpSegment, *, now: Micros, ecn: int = 0) -> None:
        tcb = connection.tcb
        flags = segment.flags
        unwrap = connection.sequence.unwrap
        self.segment = segment
        self.flags = flags
        self.now = now
        self.ecn = ecn
        self.seq = unwrap(tcb.rcv_nxt, segment.seq)
        self.ack = unwrap(tcb.snd_una, segment.ack) if flags & ACK else 0
        payload = segment.payload
        self.end = self.seq + len(payload) + (flags >> 1 & 1) + (flags & 1)
        # RFC 7323, 2.2: the window of a SYN is never scaled.
        self.window = segment.window if flags & SYN else segment.window << tcb.snd_wscale
        self.text = payload
        self.text_seq = self.seq + (flags >> 1 & 1)
        self.gso_size = 0
        """Octets of one of the segments that were put together on reception (GRO); 0 for a single segment."""
        self.has_fin = bool(flags & FIN)
        self.advanced_una = False
        self.mss: int | None = None
        self.fast_open: FastOpen | None = None
        """The last Fast Open option of a SYN, if its cookie has a length that may be (RFC 7413, 4.1.1)."""
        self.wscale: int | None = None
        self.sack_permitted = False
        self.sack_blocks: tuple[tuple[int, int], ...] = ()
        self.has_timestamps = False
        self.ts_val = self.ts_ecr = 0
        if segment.options:
            self._read_options(segment)

    def _read_options(self, segment: TcpSegment) -> None:
        for option in segment.options:
            if isinstance(option, Timestamps):
                self.has_timestamps = True
                self.ts_val, self.ts_ecr = option.val, option.ecr
            elif isinstance(option, Sack):
                self.sack_blocks = option.blocks
            elif self.flags & SYN:
                # MSS, window scale and SACK-permitted mean nothing outside a SYN (RFC 9293, 3.2; RFC 7323, 2.2).
                if isinstance(option, Mss):
                    self.mss = option.value
                elif isinstance(option, WindowScale):
                    self.wscale = option.shift
                elif isinstance(option, SackPermitted):
                    self.sack_permitted = True
                elif isinstance(option, FastOpen):
                    self.fast_open = option if option.is_legal else None
