"""Faults in timestamps and in the protection against wrapped sequence numbers (RFC 7323)."""

from fuzz.faults.alter import Replacement
from fuzz.faults.registry import Area
from reference_stack import output
from reference_stack.arrival.arrival import Arrival
from reference_stack.core import ConnectionCore
from reference_stack.policies.options import NOP, SegmentOptions, TimestampClock
from reference_stack.rules import ArrivalRule, Verdict
from reference_stack.sequence import SequenceSpace
from wire.options import TcpOption
from wire.tcp import RST

NEXT, STOP = Verdict.NEXT, Verdict.STOP
TIMESTAMPS = Area("timestamps")


@TIMESTAMPS.rule("timestamps/paws", "paws-missing", "RFC 7323 5.2", "RFC 7323 5.3")
def trust_old_timestamp(_original: ArrivalRule, _connection: ConnectionCore, _arrival: Arrival) -> Verdict:
    """Old timestamps are not rejected."""
    return NEXT


@TIMESTAMPS.rule("timestamps/paws", "paws-off-by-one", "RFC 7323 5.3")
def reject_equal_timestamp(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A timestamp equal to the last one is rejected."""
    if arrival.has_timestamps and arrival.ts_val == connection.tcb.ts_recent and arrival.text:
        connection.ack_now = True
        return STOP
    return original(connection, arrival)


@TIMESTAMPS.policy("sequence.timestamp_before", "paws-not-modular", "RFC 7323 5.2")
def compare_plainly(_original: Replacement, _space: SequenceSpace, a: int, b: int) -> bool:
    """Timestamps are compared as plain numbers."""
    return a < b


@TIMESTAMPS.rule("timestamps/paws", "paws-applied-to-rst", "RFC 7323 3.2", "RFC 7323 5.2")
def reject_old_reset(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A reset with an old timestamp is dropped."""
    is_old = arrival.has_timestamps and arrival.ts_val < connection.tcb.ts_recent
    return STOP if arrival.flags & RST and is_old else original(connection, arrival)


@TIMESTAMPS.rule("timestamps/paws", "paws-no-ack", "RFC 7323 5.3")
def reject_in_silence(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A segment with an old timestamp draws no ACK."""
    before = len(connection.outgoing)
    verdict = original(connection, arrival)
    del connection.outgoing[before:]
    return verdict


@TIMESTAMPS.rule("timestamps/paws", "paws-updates-on-reject", "RFC 7323 5.3", "RFC 7323 4.3")
def learn_from_rejected(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """The timestamp of a rejected segment becomes TS.Recent."""
    verdict = original(connection, arrival)
    if verdict is STOP:
        connection.tcb.ts_recent = arrival.ts_val
    return verdict


@TIMESTAMPS.rule("timestamps/missing", "ts-missing-aborts", "RFC 7323 3.2")
def abort_without_timestamp(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A segment without the agreed timestamps ends the connection."""
    verdict = original(connection, arrival)
    if verdict is STOP:
        output.send_reset(connection, seq=connection.tcb.snd_nxt)
        connection.fail(0)
    return verdict


@TIMESTAMPS.rule("timestamps/missing", "ts-missing-accepted", "RFC 7323 3.2")
def do_without_timestamp(_original: ArrivalRule, _connection: ConnectionCore, _arrival: Arrival) -> Verdict:
    """A segment without the agreed timestamps is taken like any other."""
    return NEXT


@TIMESTAMPS.rule("timestamps/recent", "ts-recent-frozen", "RFC 7323 4.3")
def keep_first_timestamp(_original: ArrivalRule, _connection: ConnectionCore, _arrival: Arrival) -> Verdict:
    """The echo never follows the peer's clock."""
    return NEXT


@TIMESTAMPS.rule("timestamps/recent", "ts-recent-from-ooo", "RFC 7323 4.3")
def learn_behind_gap(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """TS.Recent is taken from segments behind a gap too."""
    if connection.tcb.has_timestamps and arrival.has_timestamps:
        connection.tcb.ts_recent = arrival.ts_val
    return original(connection, arrival)


@TIMESTAMPS.policy("timestamps.echo", "ts-byte-order", "RFC 7323 3.2")
def swap_octets(original: Replacement, _clock: TimestampClock, connection: ConnectionCore) -> int:
    """The echo has its octets in the wrong order."""
    return int.from_bytes(int(original(connection)).to_bytes(4, "big"), "little")


@TIMESTAMPS.policy("timestamps.value", "ts-not-monotonic", "RFC 7323 5.4")
def run_backwards(_original: Replacement, clock: TimestampClock, connection: ConnectionCore, *, now: int) -> int:
    """The timestamp clock runs backwards."""
    return (connection.ts_offset - now // clock.TICK_US) & 0xFFFF_FFFF


@TIMESTAMPS.policy("options.other", "ts-omitted-on-some", "RFC 7323 3.2")
def omit_on_plain_ack(
    original: Replacement, _policy: SegmentOptions, connection: ConnectionCore, *, now: int
) -> tuple[TcpOption, ...]:
    """Acknowledgments without text lack the timestamps."""
    options: tuple[TcpOption, ...] = original(connection, now=now)
    return options[3:] if connection.tcb.has_timestamps and connection.ack_now else options


@TIMESTAMPS.policy("options.other", "ts-unnegotiated-sent", "RFC 7323 3.2")
def stamp_without_agreement(
    original: Replacement, _policy: SegmentOptions, connection: ConnectionCore, *, now: int
) -> tuple[TcpOption, ...]:
    """Timestamps are sent although they were not agreed on."""
    options: tuple[TcpOption, ...] = original(connection, now=now)
    if connection.tcb.has_timestamps:
        return options
    return (NOP, NOP, connection.timestamps.option(connection, now=now), *options)
