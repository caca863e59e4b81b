"""The packets of a trace as a pcapng capture for Wireshark and tshark, with a comment where the test failed."""

import io

from packetdrill_compat.outcome import Failure
from reports.rows import Mark, rows_of
from targets.trace import Departed, Injected, Trace
from wire.pcapng import CapturedPacket, Direction, PcapngWriter


def capture_bytes(trace: Trace, failure: Failure | None = None) -> bytes:
    """Return a capture of every packet of `trace`, timed from the start of the script.

    The failing packet carries the failure as a comment; when there is none (a packet is missing, a call went wrong) the
    last one does. Packets from before the start of the script have its time.
    """
    comment_of = _comments(trace, failure)
    events = [event for event in trace.events if isinstance(event, Injected | Departed)]
    packets = [
        CapturedPacket(
            max(event.time - trace.origin, 0),
            event.packet,
            Direction.OUTBOUND if isinstance(event, Departed) else Direction.INBOUND,
            comment_of.get(frame, ""),
        )
        for frame, event in enumerate(events, 1)
    ]
    description = f"between the peer and the stack under test: {trace.target or 'unnamed'}"
    stream = io.BytesIO()
    writer = PcapngWriter(description=description, comment=failure.first_line if failure else "")
    writer.write(stream, packets)
    return stream.getvalue()


def _comments(trace: Trace, failure: Failure | None) -> dict[int, str]:
    """Return comments by frame number."""
    if failure is None:
        return {}
    rows = rows_of(trace, failure)
    failing = [row.frame for row in rows if row.mark is Mark.GOT and row.frame is not None]
    frames = [row.frame for row in rows if row.frame is not None]
    if not frames:
        return {}
    text = failure.render()
    return {failing[0]: text} if failing else {frames[-1]: f"behind this packet: {text}"}
