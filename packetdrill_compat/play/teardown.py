"""The end of a good test: close what is open and reset every connection, so that the stack forgets (section 4.9)."""

from packetdrill_compat.play.inbound import make_reset
from packetdrill_compat.play.player import Player
from packetdrill_compat.play.records import SocketRecord
from targets.base import Unsupported
from targets.calls import Close
from targets.recording import Recording
from wire.ip import Ipv4Header, Ipv6Header
from wire.packet import Packet, build_packet


def close_and_reset(player: Player, target: Recording) -> None:
    """Close the script's descriptors, newest first, and inject a RST for every TCP connection that is known."""
    for entry in player.sockets.newest_first():
        if entry.live_fd is not None and not entry.is_closed:
            try:
                player.call_now(Close(entry.live_fd))
            except Unsupported:
                continue
        if isinstance(entry, SocketRecord) and entry.is_tcp:
            reset(entry, target)


def reset(record: SocketRecord, target: Recording) -> None:
    """Inject the RST for one connection."""
    segment = make_reset(record)
    if segment is None:
        return
    header: Ipv4Header | Ipv6Header
    if ":" in record.remote_ip:
        header = Ipv6Header(src=record.remote_ip, dst=record.local_ip, hop_limit=255)
    else:
        header = Ipv4Header(src=record.remote_ip, dst=record.local_ip, ttl=255)
    target.inject(build_packet(Packet((header,), segment)))
