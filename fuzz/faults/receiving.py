"""Faults on the way of octets to the reader: order, delivery, delayed ACK, offered window, urgent data."""

from typing import Any

from fuzz.faults.alter import Replacement
from fuzz.faults.registry import Area
from reference_stack import output
from reference_stack.arrival.arrival import Arrival
from reference_stack.core import ConnectionCore
from reference_stack.policies.acking import DelayedAck
from reference_stack.policies.window import ReceiveWindow
from reference_stack.reassembly import ReassemblyQueue
from reference_stack.rules import ArrivalRule, Verdict
from reference_stack.states import State
from reference_stack.timers import DELAYED_ACK
from wire.tcp import PSH

NEXT, STOP = Verdict.NEXT, Verdict.STOP
REASSEMBLY = Area("reassembly")
RECEIVE = Area("receive")
DELACK = Area("delack")
WINDOW = Area("window")
URGENT = Area("urgent")
FIN_WAIT = frozenset({State.FIN_WAIT_1, State.FIN_WAIT_2})


# --- order -----------------------------------------------------------------------------------------------------------


@REASSEMBLY.rule("text/take", "ooo-discarded", "RFC 9293 3.10.7.4")
def discard_ahead(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """Text behind a gap is not kept."""
    if arrival.text and arrival.text_seq > connection.tcb.rcv_nxt:
        connection.ack_now = True
        return NEXT
    return original(connection, arrival)


@REASSEMBLY.policy("reassembly.insert", "ooo-overlap-stuck", "RFC 9293 3.10.7.4")
def refuse_overlap(original: Replacement, queue: ReassemblyQueue, start: int, data: bytes) -> tuple[int, int] | None:
    """A segment that overlaps stored octets is dropped instead of united with them."""
    end = start + len(data)
    if any(left < end and start < right for left, right in queue.ranges()):
        return None
    found: tuple[int, int] | None = original(start, data)
    return found


@REASSEMBLY.policy("reassembly.pop", "ooo-overlap-corrupts", "RFC 9293 3.10.7.4")
def deliver_twice(original: Replacement, _queue: ReassemblyQueue, rcv_nxt: int) -> list[bytes]:
    """Octets that came twice are delivered twice."""
    chunks: list[bytes] = original(rcv_nxt)
    return [chunks[0], *chunks] if len(chunks) > 1 else chunks


@REASSEMBLY.rule("fin/take", "ooo-fin-early", "RFC 9293 3.10.7.4")
def take_fin_before_gap(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A FIN counts before the gap in front of it is filled."""
    tcb = connection.tcb
    if arrival.has_fin and arrival.text_seq > tcb.rcv_nxt and tcb.state is State.ESTABLISHED:
        tcb.rcv_nxt = arrival.text_seq + len(arrival.text)
    return original(connection, arrival)


@REASSEMBLY.rule("fin/take", "ooo-fin-forgotten", "RFC 9293 3.10.7.4")
def forget_fin_behind_gap(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A FIN behind a gap is forgotten."""
    if arrival.text_seq + len(arrival.text) > connection.tcb.rcv_nxt:
        arrival.has_fin = False
    return original(connection, arrival)


# --- delivery --------------------------------------------------------------------------------------------------------


@RECEIVE.rule("text/take", "psh-needed-for-delivery", "RFC 9293 3.9.1.3")
def wait_for_push(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """Text without PSH is kept back until a segment with PSH comes."""
    if arrival.text and not arrival.flags & PSH and arrival.text_seq == connection.tcb.rcv_nxt:
        connection.reassembly.insert(arrival.text_seq, arrival.text)
        return NEXT
    return original(connection, arrival)


@RECEIVE.rule("text/take", "data-after-fin-accepted", "RFC 9293 3.10.7.4")
def take_text_after_fin(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """Text behind the peer's FIN is delivered."""
    if connection.tcb.state is State.CLOSE_WAIT and arrival.text:
        connection.tcb.rcv_nxt += len(arrival.text)
        connection.receive_queue.append(arrival.text)
        connection.ack_now = True
    return original(connection, arrival)


@RECEIVE.rule("sequence/acceptable", "fin-twice-counted", "RFC 9293 3.10.7.4")
def count_fin_again(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A repeated FIN moves RCV.NXT once more."""
    if arrival.has_fin and connection.tcb.peer_fin is not None and arrival.end == connection.tcb.rcv_nxt:
        connection.tcb.rcv_nxt += 1
    return original(connection, arrival)


@RECEIVE.rule("text/take", "finwait-data-acked-and-lost", "RFC 9293 3.6.1", "RFC 2525 2.16")
def lose_text_after_our_fin(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """Text that comes after our FIN is acknowledged and thrown away."""
    if arrival.text and connection.tcb.state in FIN_WAIT:
        connection.tcb.rcv_nxt = arrival.text_seq + len(arrival.text)
        connection.ack_now = True
        return NEXT
    return original(connection, arrival)


@RECEIVE.rule("text/take", "data-in-finwait2-refused", "RFC 9293 3.10.7.4", "RFC 9293 3.6.1")
def refuse_text_after_our_fin(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """Text in FIN-WAIT-2 draws a reset."""
    if arrival.text and connection.tcb.state is State.FIN_WAIT_2:
        output.send_reset(connection, seq=connection.tcb.snd_nxt)
        connection.fail(0)
        return STOP
    return original(connection, arrival)


# --- delayed ACK -----------------------------------------------------------------------------------------------------

DELACK.constant(
    "delayed_ack.DELAY_US",
    600_000,
    "delack-too-long",
    "An ACK is held back for more than half a second.",
    "RFC 9293 3.8.6.3",
    "RFC 5681 4.2",
)


@DELACK.policy("delayed_ack.on_timeout", "delack-lost", "RFC 9293 3.8.6.3")
def forget_delayed_ack(_original: Replacement, _policy: DelayedAck, _connection: ConnectionCore, *, now: int) -> None:
    """An ACK that was held back is never sent."""


@DELACK.policy("delayed_ack.on_data", "stretch-ack", "RFC 5681 4.2")
def stretch(original: Replacement, _policy: DelayedAck, connection: ConnectionCore, arrival: Arrival) -> None:
    """Only the timer sends ACKs, however many full segments have come."""
    before = connection.ack_now
    original(connection, arrival)
    connection.ack_now = before
    if not connection.timers.is_running(DELAYED_ACK):
        connection.timers.set(DELAYED_ACK, arrival.now + 200_000)


@DELACK.rule("text/take", "delack-out-of-order", "RFC 5681 4.2")
def delay_duplicate_ack(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """The ACK for text behind a gap is delayed."""
    return _delay(original, connection, arrival, is_meant=arrival.text_seq > connection.tcb.rcv_nxt)


@DELACK.rule("text/take", "delack-gap-fill", "RFC 5681 4.2")
def delay_ack_of_filler(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """The ACK for text that fills a gap is delayed."""
    is_meant = bool(connection.reassembly) and arrival.text_seq == connection.tcb.rcv_nxt
    return _delay(original, connection, arrival, is_meant=is_meant)


def _delay(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival, *, is_meant: bool) -> Verdict:
    verdict = original(connection, arrival)
    if is_meant and arrival.text:
        connection.ack_now = False
        connection.timers.set(DELAYED_ACK, arrival.now + 200_000)
    return verdict


@DELACK.connection("settings_changed", "quickack-sticky", "Linux tcp(7)", "RFC 9293 3.8.6.3")
def stay_quick(original: Replacement, connection: ConnectionCore, **keywords: Any) -> None:
    """TCP_QUICKACK cannot be switched off."""
    if connection.settings.quickack is not None:
        connection.settings.quickack = True
    original(**keywords)


# --- offered window --------------------------------------------------------------------------------------------------


@WINDOW.policy("delayed_ack.after_read", "wnd-update-not-sent", "RFC 9293 3.8.6.2.2")
def keep_quiet_after_read(
    _original: Replacement, _policy: DelayedAck, _connection: ConnectionCore, *, read: int, now: int
) -> None:
    """Reading never sends a window update, even when the window was closed."""


@WINDOW.policy("window.select", "rcv-edge-retreats", "RFC 9293 3.8.6")
def draw_edge_back(original: Replacement, _window: ReceiveWindow, connection: ConnectionCore) -> int:
    """The right edge of the offered window moves left as octets come in."""
    offered: int = original(connection)
    return (
        max(offered - 2 * connection.receive_queue.octets, 0) >> connection.tcb.rcv_wscale << connection.tcb.rcv_wscale
    )


@WINDOW.policy("window.worthwhile", "sws-receiver-tiny", "RFC 9293 3.8.6.2.2")
def open_by_any_amount(_original: Replacement, _window: ReceiveWindow, _connection: ConnectionCore) -> int:
    """The window opens again by as little as one octet."""
    return 1


# --- urgent data -----------------------------------------------------------------------------------------------------


@URGENT.rule("urgent/pointer", "urg-unsupported", "RFC 9293 3.8.5")
def ignore_urgent(_original: ArrivalRule, _connection: ConnectionCore, _arrival: Arrival) -> Verdict:
    """The urgent pointer is not looked at."""
    return NEXT


@URGENT.connection("settle", "urg-off-by-one", "RFC 9293 3.8.5", "RFC 6093 5")
def point_to_last_octet(original: Replacement, connection: ConnectionCore, *, now: int) -> None:
    """The urgent pointer names the last urgent octet, and not the one behind it."""
    connection.settings.urgent_points_to_last = True
    original(now=now)
