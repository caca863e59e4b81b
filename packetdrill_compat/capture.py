"""The packets of a run as a pcapng capture, for the commands; reports add comments for the failing packet."""

import io
import os
import re
from collections.abc import Mapping

from packetdrill_compat.outcome import Failure
from targets.trace import Departed, Injected, Trace
from wire.pcapng import CapturedPacket, Direction, PcapngWriter


def capture_bytes(trace: Trace, failure: Failure | None, comments: Mapping[int, str]) -> bytes:
    """Return a capture of every packet of `trace`, timed from the start of the script.

    `comments` are those of frames, by number from 1. Packets from before the start of the script have its time.
    """
    events = [event for event in trace.events if isinstance(event, Injected | Departed)]
    packets = [
        CapturedPacket(
            max(event.time - trace.origin, 0),
            event.packet,
            Direction.OUTBOUND if isinstance(event, Departed) else Direction.INBOUND,
            comments.get(frame, ""),
        )
        for frame, event in enumerate(events, 1)
    ]
    description = f"between the peer and the stack under test: {trace.target or 'unnamed'}"
    stream = io.BytesIO()
    writer = PcapngWriter(description=description, comment=failure.first_line if failure else "")
    writer.write(stream, packets)
    return stream.getvalue()


def write_capture(directory: str, name: str, trace: Trace, failure: Failure | None) -> str:
    """Write a capture into a directory, making that if need be; return its path. Raises `OSError`.

    `name` is that of the script with its variant; what a file name cannot hold is replaced. A failing run's last packet
    carries the failure as a comment.
    """
    frames = sum(isinstance(event, Injected | Departed) for event in trace.events)
    comments = {frames: failure.render()} if failure else {}
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, re.sub(r"[^\w.@+-]+", "_", name.removeprefix("./")).lstrip("_") + ".pcapng")
    with open(path, "wb") as file:
        file.write(capture_bytes(trace, failure, comments))
    return path
