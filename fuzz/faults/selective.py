"""Faults in selective acknowledgments, sent and received (RFC 2018, RFC 2883)."""

from fuzz.faults.alter import Replacement
from fuzz.faults.registry import Area
from reference_stack.core import ConnectionCore
from reference_stack.policies.options import NOP, SegmentOptions
from reference_stack.reassembly import ReassemblyQueue
from reference_stack.recovery.scoreboard import Scoreboard, SentSegment
from reference_stack.sack import SackGenerator
from wire.options import Sack, TcpOption

Blocks = tuple[tuple[int, int], ...]
SACK = Area("sack")


@SACK.policy("options.other", "sack-unnegotiated", "RFC 2018 2")
def send_without_permission(
    original: Replacement, _policy: SegmentOptions, connection: ConnectionCore, *, now: int
) -> tuple[TcpOption, ...]:
    """SACK blocks are sent without permission."""
    options: tuple[TcpOption, ...] = original(connection, now=now)
    if connection.tcb.has_sack or not connection.reassembly:
        return options
    wire = connection.sequence.wire
    blocks = tuple((wire(left), wire(right)) for left, right in connection.reassembly.ranges()[:3])
    return (*options, NOP, NOP, Sack(blocks))


@SACK.policy("sack.blocks", "sack-first-block-rule", "RFC 2018 4")
def sort_blocks(original: Replacement, _sack: SackGenerator, islands: ReassemblyQueue, limit: int) -> Blocks:
    """Blocks are listed by sequence number, not the newest first."""
    return tuple(sorted(original(islands, limit)))


@SACK.policy("sack.blocks", "sack-block-below-rcvnxt", "RFC 2018 4", "RFC 2883 4")
def begin_block_too_low(original: Replacement, _sack: SackGenerator, islands: ReassemblyQueue, limit: int) -> Blocks:
    """A block begins below the octets that came, inside what was acknowledged."""
    return tuple((left - 200, right) for left, right in original(islands, limit))


@SACK.policy("sack.blocks", "sack-edge-inclusive", "RFC 2018 3")
def name_last_octet(original: Replacement, _sack: SackGenerator, islands: ReassemblyQueue, limit: int) -> Blocks:
    """The right edge of a block names its last octet instead of the one behind it."""
    return tuple((left, right - 1) for left, right in original(islands, limit))


@SACK.policy("sack.blocks", "sack-one-block-only", "RFC 2018 4")
def report_one_block(original: Replacement, _sack: SackGenerator, islands: ReassemblyQueue, limit: int) -> Blocks:
    """Never more than one block is reported."""
    return tuple(original(islands, min(limit, 1)))


@SACK.policy("sack.on_duplicate", "dsack-missing", "RFC 2883 4")
def forget_duplicate(_original: Replacement, _sack: SackGenerator, _start: int, _end: int) -> None:
    """A duplicate is not reported."""


@SACK.policy("sack.on_duplicate", "dsack-wrong-range", "RFC 2883 4.2")
def report_too_much(original: Replacement, _sack: SackGenerator, start: int, end: int) -> None:
    """More octets are reported as duplicates than came twice."""
    original(start, end + 1)


@SACK.policy("scoreboard.sack", "sack-retransmits-sacked", "RFC 6675 4")
def forget_blocks(_original: Replacement, board: Scoreboard, left: int, right: int) -> list[SentSegment]:
    """Octets that the peer reported as received are sent again in recovery."""
    return [segment for segment in board.covering(left, right) if not segment.is_sacked]
