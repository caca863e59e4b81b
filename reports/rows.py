"""A trace as rows of a diagram: one line of text with a time and a place, and marks where the test failed."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace

from packetdrill_compat.outcome import Failure, FailureKind
from reports.calls import describe_call, describe_result
from reports.flows import Flows
from targets.base import Micros
from targets.trace import CallFinished, CallStarted, Departed, Injected, ShellRan, Trace


class Place(enum.Enum):
    """Where a row is drawn."""

    TO_STACK = "packet to the stack"
    FROM_STACK = "packet from the stack"
    CALL = "system call"
    COMMAND = "command"
    NOTE = "note across the diagram"


class Mark(enum.Enum):
    """What a row means for the verdict."""

    NONE = ""
    WANT = "want"
    GOT = "got"
    DIFFERS = "differs in"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a diagram.

    `time` is in microseconds of the script, None for a row that did not happen; `line` is that of the script, 0 when it
    is not known. `call_id` joins the rows of one system
    call; `opens` and `closes` say which end of it a row shows (a call that returns at once is one row with both).
    `frame` is the number of the packet in a capture of the same trace, counted from 1.
    """

    place: Place
    text: str
    time: Micros | None = None
    mark: Mark = Mark.NONE
    call_id: int | None = None
    opens: bool = False
    closes: bool = False
    frame: int | None = None
    line: int = 0
    lateness: Micros = 0


def rows_of(trace: Trace, failure: Failure | None = None) -> list[Row]:
    """Return the rows of `trace` in order, with the failing one marked and a row for what was wanted instead."""
    rows = _join_calls(_plain_rows(trace))
    return rows if failure is None else _mark(rows, failure)


def _plain_rows(trace: Trace) -> Iterable[Row]:
    flows = Flows()
    frame = 0
    for event in trace.events:
        time = event.time - trace.origin
        if isinstance(event, Injected | Departed):
            frame += 1
            outbound = isinstance(event, Departed)
            text = flows.describe(event.packet, outbound=outbound)
            lateness = event.lateness if isinstance(event, Injected) else 0
            yield Row(Place.FROM_STACK if outbound else Place.TO_STACK, text, time, frame=frame, lateness=lateness)
        elif isinstance(event, CallStarted):
            yield Row(Place.CALL, describe_call(event.syscall), time, call_id=event.call_id, opens=True)
        elif isinstance(event, CallFinished):
            text = f"{describe_call(event.syscall)} {describe_result(event.result)}"
            yield Row(Place.CALL, text, time, call_id=event.call_id, closes=True)
        else:
            yield Row(Place.COMMAND, _describe_command(event), time)


def _describe_command(event: ShellRan) -> str:
    command = " ⏎ ".join(line.strip() for line in event.command.splitlines() if line.strip())
    if event.signal:
        return f"$ {command}  → signal {event.signal}"
    return f"$ {command}" + (f"  → status {event.status}" if event.status else "")


def _join_calls(rows: Iterable[Row]) -> list[Row]:
    """Make one row of a call whose start and end have nothing between them."""
    joined: list[Row] = []
    for row in rows:
        last = joined[-1] if joined else None
        if last is not None and row.closes and last.opens and last.call_id == row.call_id:
            joined[-1] = replace(row, opens=True)
        else:
            joined.append(row)
    return joined


# Which rows a failure of each kind can be about. The other kinds name no row: they end the diagram with a note.
_PACKETS = (Place.FROM_STACK, Place.TO_STACK)
_PLACES: dict[FailureKind, tuple[Place, ...]] = {
    FailureKind.PACKET: (Place.FROM_STACK,),
    FailureKind.TIMING: (*_PACKETS, Place.CALL),
    FailureKind.SYSCALL: (Place.CALL,),
    FailureKind.COMMAND: (Place.COMMAND,),
}


def _mark(rows: list[Row], failure: Failure) -> list[Row]:
    wanted = _want_row(failure)
    want = [] if wanted is None else [wanted]
    differs = [
        Row(Place.NOTE, f"{each.name}: want {each.want}, got {each.got}", mark=Mark.DIFFERS)
        for each in failure.differences
    ]
    failing = _failing_rows(rows, failure)
    if not failing:
        got = failure.got or "nothing" if want else failure.message
        return [*rows, *want, Row(Place.NOTE, got, mark=Mark.GOT, line=0 if want else failure.line), *differs]
    marked = [replace(row, mark=Mark.GOT) if index in failing else row for index, row in enumerate(rows)]
    first, behind = failing[0], failing[-1] + 1
    return [*marked[:first], *want, *marked[first:behind], *differs, *marked[behind:]]


def _failing_rows(rows: list[Row], failure: Failure) -> list[int]:
    """Return the rows the failure is about: the last one that `got` quotes, else the last of the right place.

    Several packets that were taken together for one are listed in `got`, one a line: ``#0 at …``, ``#1 at …``.
    """
    places = _PLACES.get(failure.kind, ())
    candidates = [index for index, row in enumerate(rows) if row.place in places and not (row.opens and not row.closes)]
    if failure.got.startswith("#0 at "):
        return candidates[-failure.got.count("#") :]
    quoted = [index for index in candidates if rows[index].text and rows[index].text in failure.got]
    return (quoted or candidates)[-1:]


def _want_row(failure: Failure) -> Row | None:
    # A wrong time and a wrong call result say little without the line of the script around them.
    whole_line = failure.kind in (FailureKind.TIMING, FailureKind.SYSCALL) and failure.source_line
    text = (failure.source_line if whole_line else failure.want).strip()
    if not text:
        return None
    if failure.kind is FailureKind.TIMING:
        place = {"<": Place.TO_STACK, ">": Place.FROM_STACK}.get(_direction(text), Place.CALL)
    else:
        place = _WANTED.get(failure.kind, Place.NOTE)
    return Row(place, text, mark=Mark.WANT, line=failure.line)


_WANTED = {
    FailureKind.PACKET: Place.FROM_STACK,
    FailureKind.MISSING: Place.FROM_STACK,
    FailureKind.SYSCALL: Place.CALL,
}


def _direction(line: str) -> str:
    """Return the arrow of a script line such as ``+0 > . 1:1(0) ack 1``, empty when it is no packet."""
    return next((word for word in line.split()[:2] if word in ("<", ">")), "")
