"""The mptcp dialect behind the seam of `play.dialects`."""

from packetdrill_compat.ast import Direction, Event, PacketEvent
from packetdrill_compat.config import Config
from packetdrill_compat.mptcp_notation import Scripted
from packetdrill_compat.play.dialects import UPSTREAM_KINDS, Dialect
from packetdrill_compat.play.errors import packet_error
from packetdrill_compat.play.mapping import is_of_socket, learn_from_connect
from packetdrill_compat.play.mptcp.connection import Address, Connection
from packetdrill_compat.play.mptcp.environment import exports
from packetdrill_compat.play.mptcp.expected import Expected, note_data, to_script
from packetdrill_compat.play.mptcp.inbound import Injection
from packetdrill_compat.play.mptcp.matching import Matcher, unknown_variables
from packetdrill_compat.play.mptcp.written import Written
from packetdrill_compat.play.records import SocketRecord, SocketTable
from packetdrill_compat.play.timing import Due, Tolerance
from targets.base import Micros
from wire import mptcp
from wire.packet import Packet
from wire.tcp import TcpSegment

_ACCECN_KINDS = (172, 174)
_GRACE: Micros = 2_000_000


class MptcpDialect(Dialect):
    """The fork of about 2020 with Multipath TCP."""

    name = "mptcp"
    walkable_kinds = {kind: size for kind, size in UPSTREAM_KINDS.items() if kind not in _ACCECN_KINDS} | {
        mptcp.KIND: None
    }

    def __init__(self, config: Config, sockets: SocketTable) -> None:
        super().__init__(config, sockets)
        self.connection = Connection()
        self._matcher = Matcher(config, sockets, self.connection, self.ephemeral_ports)
        self._unknown: tuple[str, str] = ("", "")

    def read(self, events: tuple[Event, ...]) -> None:
        """Take the values that the script gives its variables anywhere."""
        for event in events:
            self.connection.define(event)

    def tolerance(self) -> Tolerance:
        """In this fork the tolerance does not grow with the distance to the event before."""
        return Tolerance(self.config.tolerance_usecs, 0.0)

    @staticmethod
    def environment(config: Config) -> dict[str, str]:
        """Options and definitions."""
        return exports(config)

    def patience(self, due: Due, reference: Micros | None, now: Micros) -> Micros | None:
        """The fork itself waits for ever; here, until the packet could only be too late, and two seconds more.

        The verdict is the same, for a packet that comes after its time and tolerance is a failure as well.
        """
        known = super().patience(due, reference, now)
        return known if known is None else max(due.latest - now, 0) + self.config.tolerance_usecs + _GRACE

    def socket_of(self, packet: PacketEvent) -> SocketRecord:
        """Ask all tracked sockets."""
        self._unknown = unknown_variables(packet, self.connection)
        return self._matcher.socket_of(packet)

    def claims(self, packet: Packet, record: SocketRecord) -> bool:
        """A packet of any tracked socket counts; one of another socket than expected is an error."""
        owner = next((known for known in reversed(self.sockets.records) if is_of_socket(packet, known)), None)
        if owner is None and learn_from_connect(packet, record):
            owner = record
        if owner is not None and owner is not record:
            error = packet_error("packet is not for expected socket")
            error.next_step = "expect the packets of all subflows in the order they come, and name their addresses"
            raise error
        return owner is record

    def inject(self, segment: TcpSegment, record: SocketRecord) -> TcpSegment:
        """Fill in keys, tokens, HMACs and numbers."""
        options = tuple(
            Injection(self.connection, record, segment, Written(option.written)).option()
            if isinstance(option, Scripted)
            else option
            for option in segment.options
        )
        return segment._replace(options=options)

    def compare(self, want: TcpSegment, got: TcpSegment, record: SocketRecord) -> tuple[TcpSegment, TcpSegment]:
        """Learn from what came, make what should have come, and give both the numbers of the script."""
        wanted = tuple(
            Expected(self.connection, record, got, Written(option.written)).option()
            if isinstance(option, Scripted)
            else option
            for option in want.options
        )
        came = tuple(to_script(option, self.connection) for option in got.options)
        for option in came:
            note_data(option, self.connection)
        return want._replace(options=wanted), got._replace(options=came)

    def played(self, packet: PacketEvent, record: SocketRecord) -> None:
        """Give the packet's new address variables the addresses of its socket."""
        local = Address(record.local_ip, record.local_port)
        remote = Address(record.remote_ip, record.remote_port)
        ends = (local, remote) if packet.direction is Direction.OUTBOUND else (remote, local)
        for name, end in zip(self._unknown, ends, strict=True):
            if name:
                self.connection.endpoints[name] = end
