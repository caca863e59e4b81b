"""Text on our own SYN: the active side of TCP Fast Open (RFC 7413, 4.2).

The SYN and its text stand on the scoreboard as two segments: the SYN alone is repeated, without text and option, and
what the SYN-ACK leaves out of the text is lost and leaves again at once.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reference_stack import output
from reference_stack.policies.options import MAX_OPTION_OCTETS
from reference_stack.states import State
from wire.options import FastOpen
from wire.tcp import PSH

if TYPE_CHECKING:
    from reference_stack.arrival.arrival import Arrival
    from reference_stack.core import ConnectionCore
    from reference_stack.recovery.scoreboard import SentSegment


@dataclass(frozen=True, slots=True)
class SynRequest:
    """What the first SYN shall carry. `mss` is what the server announced last, None when it is not known.

    `option` is a cookie, or an empty one that asks for it, or None where no cookie is needed. Without one of these
    that fits the header no `text` leaves.
    """

    option: FastOpen | None
    text: bytes = b""
    mss: int | None = None


@dataclass(frozen=True, slots=True)
class SynAnswer:
    """What the SYN-ACK said to that: its MSS, its cookie, and whether it acknowledged all of the text."""

    mss: int
    cookie: FastOpen | None
    took_text: bool


def prepare(connection: "ConnectionCore", *, now: int) -> bytes:
    """Fix what the SYN will carry, and return the text that leaves with it, which is queued."""
    request = connection.syn_request
    if request is None:
        return b""
    tcb = connection.tcb
    tcb.peer_mss = request.mss or connection.mss.assumed(connection)
    tcb.snd_mss = connection.mss.effective(connection)
    connection.first_syn_option = request.option
    if request.option is not None and request.option not in connection.options.syn(connection, now=now):
        connection.first_syn_option = None
        request = replace(request, option=None, text=b"")
    # RFC 7413, 4.2.2: no more than the MSS; as in Linux, less the room for options that middleboxes may add to a SYN.
    text = request.text[: max(tcb.snd_mss - MAX_OPTION_OCTETS, 0)]
    connection.syn_request = replace(request, text=text)
    connection.send_queue.append(text)
    return text


def enter(connection: "ConnectionCore", text: bytes, *, now: int) -> None:
    """The text has left: it is outstanding behind the SYN."""
    tcb = connection.tcb
    start, end = tcb.snd_nxt, tcb.snd_nxt + len(text)
    tcb.snd_nxt = tcb.snd_max = end
    connection.scoreboard.on_sent(start, end, PSH, now=now, frame=start)


def repeat_syn(connection: "ConnectionCore", *, now: int) -> None:
    """Send our SYN or SYN-ACK again, without text and without the option (RFC 7413, 4.2.2)."""
    front = connection.scoreboard.front
    if front is not None:
        connection.syn_retransmissions += 1
        connection.counters.total_retransmissions += 1
        connection.scoreboard.on_retransmitted(front, now=now)
        output.send_syn(connection, now=now)


def is_text_waiting(connection: "ConnectionCore") -> bool:
    """Tell whether text left with the SYN and is not acknowledged."""
    return connection.tcb.state is State.SYN_SENT and len(connection.scoreboard.segments) > 1


def on_syn_ack(connection: "ConnectionCore", arrival: "Arrival") -> None:
    """The SYN-ACK has been taken: what it left out of the text is lost, and what the owner may learn is kept."""
    request = connection.syn_request
    if request is None:
        return
    left = list(connection.scoreboard)
    took_text = bool(request.text) and not left
    connection.is_syn_data_acked = took_text
    if took_text and connection.counters.delivered > 1:
        # The SYN and its text were one segment.
        connection.counters.delivered -= 1
    connection.syn_answer = SynAnswer(connection.tcb.peer_mss, arrival.fast_open, took_text)
    if left:
        connection.recovery.on_too_big(_cut(connection, left), snd_max=connection.tcb.snd_max)
        connection.ack_now = False


def _cut(connection: "ConnectionCore", segments: "list[SentSegment]") -> "list[SentSegment]":
    """Cut text into segments of the size that is known now; they leave together as they did before."""
    mss = connection.tcb.snd_mss
    cut = []
    for segment in segments:
        rest = segment
        while rest.length > mss:
            second = connection.scoreboard.split(rest, rest.start + mss, first_flags=0)
            cut.append(rest)
            rest = second
        cut.append(rest)
    return cut
