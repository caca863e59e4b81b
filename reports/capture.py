"""The packets of a trace as a pcapng capture for Wireshark and tshark, with a comment where the test failed."""

from packetdrill_compat import capture
from packetdrill_compat.outcome import Failure
from reports.rows import Mark, rows_of
from targets.trace import Trace


def capture_bytes(trace: Trace, failure: Failure | None = None) -> bytes:
    """Return a capture of every packet of `trace`, timed from the start of the script.

    The failing packet carries the failure as a comment; when there is none (a packet is missing, a call went wrong) the
    last one does. Packets from before the start of the script have its time.
    """
    return capture.capture_bytes(trace, failure, _comments(trace, failure))


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
