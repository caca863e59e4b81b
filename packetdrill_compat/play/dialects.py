"""What a dialect decides while a script is played: whose a packet is, what options mean, and how long to wait.

`Dialect` is upstream packetdrill; other dialects differ from it in a few methods.
"""

from collections.abc import Iterator
from itertools import count

from packetdrill_compat.ast import Event, PacketEvent
from packetdrill_compat.config import Config
from packetdrill_compat.play.mapping import is_of_socket, learn_from_connect, socket_of_script_packet
from packetdrill_compat.play.records import SocketRecord, SocketTable
from packetdrill_compat.play.timing import Due, Tolerance, receive_timeout
from targets.base import Micros
from wire.packet import Packet
from wire.tcp import TcpSegment

FIRST_EPHEMERAL_PORT = 32768
# The options that the C tool can walk over, with their lengths where it checks them (section 4.7, step 4).
UPSTREAM_KINDS: dict[int, int | None] = {
    0: 1,
    1: 1,
    2: 4,
    3: 3,
    4: 2,
    5: None,
    8: 10,
    19: None,
    34: None,
    172: None,
    174: None,
    254: None,
}


class Dialect:
    """Upstream packetdrill."""

    name = "google"
    walkable_kinds = UPSTREAM_KINDS
    # A call that is not in blocking form waits for one that is, up to a second (section 5.5).
    waits_for_blocked_call = True
    # With --non_fatal=syscall a wrong result is a warning (section 2.6: not upstream).
    has_non_fatal_calls = False
    # Otherwise the cleanup command runs without an init command, too (section 7.3).
    cleanup_needs_init = True
    # In mapped runs every new socket is opened to IPv4 addresses (IPV6_V6ONLY; section 10.1).
    opens_to_mapped = False
    # Every UDP datagram is a tunnel around TCP (--udp_encapsulation=tcp; section 10.1).
    opens_udp = False

    def __init__(self, config: Config, sockets: SocketTable) -> None:
        self.config = config
        self.sockets = sockets
        self.ephemeral_ports: Iterator[int] = count(FIRST_EPHEMERAL_PORT)

    def read(self, events: tuple[Event, ...]) -> None:
        """Look at the events before they are played."""

    def tolerance(self) -> Tolerance:
        """How far off a moment may be."""
        return Tolerance(self.config.tolerance_usecs, self.config.tolerance_percent)

    @staticmethod
    def environment(config: Config) -> dict[str, str]:  # noqa: ARG004
        """What commands find in their environment beside that of the caller."""
        return {}

    def patience(self, due: Due, reference: Micros | None, now: Micros) -> Micros | None:  # noqa: ARG002
        """How long one receive operation waits for an outbound packet, None for ever."""
        return receive_timeout(due, reference or 0)

    def socket_of(self, packet: PacketEvent) -> SocketRecord:
        """Find, or for a first inbound packet create, the socket that a script packet belongs to."""
        return socket_of_script_packet(packet, self.sockets, self.config, self.ephemeral_ports)

    def claims(self, packet: Packet, record: SocketRecord) -> bool:
        """Tell whether a captured packet belongs to the socket, learning its local side from a first SYN."""
        return is_of_socket(packet, record) or learn_from_connect(packet, record)

    def inject(self, segment: TcpSegment, record: SocketRecord) -> TcpSegment:  # noqa: ARG002
        """Complete the options of an inbound segment with live ports and sequence numbers."""
        return segment

    def compare(self, want: TcpSegment, got: TcpSegment, record: SocketRecord) -> tuple[TcpSegment, TcpSegment]:  # noqa: ARG002
        """Make the options of both segments comparable."""
        return want, got

    def played(self, packet: PacketEvent, record: SocketRecord) -> None:
        """Take note that a packet event went well."""


def dialect_of(name: str) -> type[Dialect]:
    """The way a dialect is played; one without a way of its own is played as upstream's."""
    if name == "mptcp":
        from packetdrill_compat.play.mptcp.dialect import MptcpDialect  # noqa: PLC0415  loaded for its scripts only

        return MptcpDialect
    if name == "nplab":
        from packetdrill_compat.play.nplab import NplabDialect  # noqa: PLC0415

        return NplabDialect
    return Dialect
