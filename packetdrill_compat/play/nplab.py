"""The nplab dialect behind the seam of `play.dialects` (language specification, section 10.1)."""

from packetdrill_compat.ast import Direction, PacketEvent, TcpSpec
from packetdrill_compat.config import Config
from packetdrill_compat.play.dialects import Dialect
from packetdrill_compat.play.mapping import new_child
from packetdrill_compat.play.records import SocketRecord, SocketState, SocketTable


class NplabDialect(Dialect):
    """The FreeBSD fork: what its calls and its end of test do otherwise."""

    name = "nplab"
    waits_for_blocked_call = False
    has_non_fatal_calls = True
    cleanup_needs_init = False
    opens_to_mapped = True

    def __init__(self, config: Config, sockets: SocketTable) -> None:
        super().__init__(config, sockets)
        self.opens_udp = config.extra.get("udp_encapsulation") == "tcp"

    def socket_of(self, packet: PacketEvent) -> SocketRecord:
        """Find the socket; what comes in for one that is bound and no more is the first packet of a peer."""
        under_test = self.sockets.under_test
        is_bound_only = under_test is not None and under_test.state is SocketState.NEW
        if is_bound_only and packet.direction is Direction.INBOUND and isinstance(packet.body, TcpSpec):
            return self.sockets.add(new_child(packet.body, self.config, next(self.ephemeral_ports)))
        return super().socket_of(packet)
