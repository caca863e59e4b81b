"""From an error at an event to a `Failure` that shows everything at a glance."""

from packetdrill_compat.ast import Direction, PacketEvent, Position, Script, SyscallEvent
from packetdrill_compat.notation import describe_packet
from packetdrill_compat.outcome import Failure, FailureKind
from packetdrill_compat.play.errors import PlayError
from packetdrill_compat.play.player import Player
from packetdrill_compat.play.records import SocketRecord
from packetdrill_compat.play.timing import seconds
from targets.base import Departure
from wire.errors import MalformedPacket
from wire.packet import parse_packet

MAX_SEEN = 12
_NOWHERE = Position()
_CORRECT = "correct this line of the script"
_PACKET_KINDS = (FailureKind.PACKET, FailureKind.MISSING, FailureKind.TIMING, FailureKind.SCRIPT)


def failure_of_event(error: PlayError, script: Script, player: Player) -> Failure:
    """Describe an error of the event it names, or else of the one that was being played."""
    index = player.current if error.event_index is None else error.event_index
    event = script.events[index]
    lines = script.source.split("\n")
    line = event.position.line
    is_virtual = player.has_virtual_time
    waiting = isinstance(event.action, PacketEvent) and event.action.direction is Direction.OUTBOUND
    return Failure(
        kind=error.kind,
        path=script.path,
        line=line,
        column=event.position.column,
        message=_message(error, event.action),
        want=error.want,
        got=error.got,
        differences=error.differences,
        seen=_seen(player) if waiting else (),
        source_line=lines[line - 1] if 1 <= line <= len(lines) else "",
        lateness=None if is_virtual else max(player.lateness, default=None),
        next_step=error.next_step or (_CORRECT if error.kind is FailureKind.SCRIPT else ""),
        event_index=index,
        excess=error.excess,
        is_of_whole_script=error.message.startswith("error executing code"),
    )


def _message(error: PlayError, action: object) -> str:
    """Word the error as the C tool does (section 8), so that its users recognise it."""
    if error.stands_alone:
        return error.message
    if isinstance(action, SyscallEvent) and error.kind in (FailureKind.SYSCALL, FailureKind.SCRIPT):
        return f"runtime error in {action.name} call: {error.message}"
    if isinstance(action, PacketEvent) and error.kind in _PACKET_KINDS:
        own_time = error.kind is FailureKind.TIMING and action.direction is Direction.INBOUND
        return error.message if own_time else f"error handling packet: {error.message}"
    return error.message


def script_wide_failure(
    kind: FailureKind,
    script: Script,
    message: str,
    *,
    next_step: str = "",
    got: str = "",
    position: Position = _NOWHERE,
) -> Failure:
    """Describe an error that belongs to no event; `position` is that of an init or cleanup command.

    packetdrill names no line for commands of these two that fail.
    """
    lines = script.source.split("\n")
    return Failure(
        kind=kind,
        path=script.path,
        line=position.line,
        column=position.column,
        message=message,
        got=got,
        is_of_whole_script=kind is FailureKind.SCRIPT,
        source_line=lines[position.line - 1] if 1 <= position.line <= len(lines) else "",
        next_step=next_step,
    )


def _seen(player: Player) -> tuple[str, ...]:
    record = player.sockets.under_test
    departures = [*player.waiter.seen, *player.waiter.departures]
    texts = [_seen_text(departure, record, player.waiter.start) for departure in departures[:MAX_SEEN]]
    if len(departures) > MAX_SEEN:
        texts.append(f"… and {len(departures) - MAX_SEEN} more")
    return tuple(texts)


def _seen_text(departure: Departure, record: SocketRecord | None, start: int) -> str:
    try:
        packet = parse_packet(departure.packet)
    except MalformedPacket as error:
        return f"{seconds(departure.time - start)} malformed: {error}"
    text = describe_packet(
        packet,
        local_isn=record.live_local_isn if record else None,
        remote_isn=record.remote_isn if record else None,
        outbound=True,
        local_script_isn=record.script_local_isn if record else 0,
    )
    return f"{seconds(departure.time - start)} {text}"
