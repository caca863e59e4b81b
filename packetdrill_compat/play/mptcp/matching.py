"""Which tracked socket a packet belongs to: in this dialect all of them are asked, newest first."""

from collections.abc import Iterator
from dataclasses import dataclass

from packetdrill_compat.ast import Direction, Endpoint, IcmpSpec, MptcpOption, PacketEvent, TcpSpec
from packetdrill_compat.config import Config
from packetdrill_compat.play.errors import script_error
from packetdrill_compat.play.mapping import is_first_syn, makes_child, new_child
from packetdrill_compat.play.mptcp.connection import Address, Connection
from packetdrill_compat.play.records import SocketRecord, SocketState, SocketTable, Subflow
from wire import abi
from wire.tcp import ACK, SYN

ANYWHERE = Address("")
_JOIN_WORDS = ("mp_join_syn", "mp_join_syn_ack", "mp_join_ack")


@dataclass(frozen=True, slots=True)
class Matcher:
    """Finds and makes the sockets of script packets."""

    config: Config
    sockets: SocketTable
    connection: Connection
    ports: Iterator[int]

    def socket_of(self, packet: PacketEvent) -> SocketRecord:
        """Find or make the socket of a script packet, which becomes the socket under test."""
        under_test = self.sockets.under_test
        if _is_syn(packet):
            assert isinstance(packet.body, TcpSpec)
            if makes_child(packet, under_test):
                return self.sockets.add(new_child(packet.body, self.config, next(self.ports)))
            if under_test is not None and is_first_syn(packet, under_test):
                under_test.state = SocketState.ACTIVE_SYN_SENT
                under_test.script_local_isn = packet.body.sequence.start
                return under_test
            if under_test is not None and _joins(packet):
                return self.sockets.add(self._joining(packet, packet.body))
        return self._known(packet, under_test)

    def _known(self, packet: PacketEvent, under_test: SocketRecord | None) -> SocketRecord:
        ends = self.ends(packet)
        for record in reversed(self.sockets.records):
            if self._fits(packet, record, ends):
                self.sockets.under_test = record
                return record
        names_port = any(end.port for end in ends)
        if under_test is not None and names_port and not isinstance(packet.body, IcmpSpec):
            return under_test
        raise script_error(
            "no matching socket for script packet",
            next_step="make the socket first: socket(), and bind() with listen(), or connect(); "
            "an address that the packet names must be one that an earlier packet had",
        )

    def ends(self, packet: PacketEvent) -> tuple[Address, Address]:
        """Source and destination as far as they are written and known."""
        body = packet.body
        if isinstance(body, IcmpSpec):
            return ANYWHERE, ANYWHERE
        if body.endpoints is not None:
            source, destination = body.endpoints
            return self._address(source), self._address(destination)
        source_port, destination_port = body.ports or (0, 0)
        return Address("", source_port), Address("", destination_port)

    def _address(self, end: Endpoint) -> Address:
        if end.variable is not None:
            return self.connection.endpoints.get(end.variable, ANYWHERE)
        return Address(end.address or "", end.port or 0)

    def _fits(self, packet: PacketEvent, record: SocketRecord, ends: tuple[Address, Address]) -> bool:
        body = packet.body
        if isinstance(body, IcmpSpec):
            own = abi.IPPROTO_ICMPV6 if self.config.is_wire_ipv6 else abi.IPPROTO_ICMP
            return record.is_tcp or record.protocol in (abi.IPPROTO_UDP, own)
        fits = record.is_tcp if isinstance(body, TcpSpec) else record.protocol == abi.IPPROTO_UDP
        local = Address(record.local_ip, record.local_port)
        remote = Address(record.remote_ip, record.remote_port)
        live = (local, remote) if packet.direction is Direction.OUTBOUND else (remote, local)
        return fits and all(_agree(end, side) for end, side in zip(ends, live, strict=True))

    def _joining(self, packet: PacketEvent, body: TcpSpec) -> SocketRecord:
        """The record of a new subflow; what the script does not name is what the first subflow has."""
        source, destination = self.ends(packet)
        record = SocketRecord(
            family=abi.AF_INET6 if self.config.is_wire_ipv6 else abi.AF_INET,
            type=abi.SOCK_STREAM,
            protocol=abi.IPPROTO_MPTCP,
        )
        if packet.direction is Direction.OUTBOUND:
            record.state = SocketState.ACTIVE_SYN_SENT
            record.remote_ip = destination.ip or self.config.remote_ip
            record.remote_port = destination.port or self.config.connect_port
            record.script_local_isn = body.sequence.start
        else:
            record.state = SocketState.PASSIVE_PACKET_RECEIVED
            record.remote_ip, record.remote_port = self._source(packet, source)
            record.local_ip = destination.ip or self.config.local_ip
            record.local_port = destination.port or self.config.bind_port
            record.remote_isn = body.sequence.start
        own = self.connection.own_address(record.remote_ip)
        record.subflow = Subflow(own_address_id=own.address_id or 0)
        return record

    def _source(self, packet: PacketEvent, source: Address) -> tuple[str, int]:
        """A new subflow comes from a new address of the script's side when its variable has no value yet."""
        ip = source.ip
        if not ip and unknown_variables(packet, self.connection)[0]:
            ip = self.connection.another_own_address(self.config.remote_ip).ip
        return ip or self.config.remote_ip, source.port or next(self.ports)


def unknown_variables(packet: PacketEvent, connection: Connection) -> tuple[str, str]:
    """The address variables of source and destination that have no value yet; empty for the others."""
    endpoints = None if isinstance(packet.body, IcmpSpec) else packet.body.endpoints
    names = [end.variable or "" for end in endpoints] if endpoints else ["", ""]
    source, destination = ("" if name in connection.endpoints else name for name in names)
    return source, destination


def _agree(written: Address, live: Address) -> bool:
    ips_agree = not written.ip or not live.ip or written.ip == live.ip
    return ips_agree and (not written.port or not live.port or written.port == live.port)


def _is_syn(packet: PacketEvent) -> bool:
    return isinstance(packet.body, TcpSpec) and packet.body.flags.mask & (SYN | ACK) == SYN


def _joins(packet: PacketEvent) -> bool:
    assert isinstance(packet.body, TcpSpec)
    return any(isinstance(option, MptcpOption) and option.word in _JOIN_WORDS for option in packet.body.options or ())
