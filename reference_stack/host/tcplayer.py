"""The TCP of a host around its connections: passive opens, queues, delivery, errors, and everything that goes out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from reference_stack.arrival.closed import closed_reset
from reference_stack.arrival.listen import listen_decision
from reference_stack.connection import Connection, FourTuple, IcmpError
from reference_stack.host.demux import TcpDemux
from reference_stack.host.icmp import IcmpReading
from reference_stack.host.iplayer import IpFields, IpLayer, fields_of
from reference_stack.host.isn import Secrets
from reference_stack.host.routes import Routes
from reference_stack.host.sockets import Phase, TcpSocket
from reference_stack.host.sysctls import Acts, SysctlSettings
from reference_stack.host.traits import HostTraits
from reference_stack.host.values import Micros
from reference_stack.personality import Personality
from reference_stack.rules import ListenVerdict
from reference_stack.states import State
from wire.seq import Seq
from wire.tcp import ACK, FIN, RST, SYN, TcpSegment

Emit: TypeAlias = Callable[[bytes], None]

_HANDSHAKE = frozenset({State.SYN_SENT, State.SYN_RECEIVED})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the protocols of one host share."""

    personality: Personality
    traits: HostTraits
    sysctls: SysctlSettings
    routes: Routes
    secrets: Secrets
    ip: IpLayer
    emit: Emit


class TcpLayer:
    """All TCP sockets and connections of one host."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._rules = around.personality.rules
        self.demux = TcpDemux()

    # --- sockets -------------------------------------------------------------------------------------------------

    def new_socket(self, family: int, kind: int, protocol: int) -> TcpSocket:
        """Return an unconnected socket with the settings that personality and sysctls give it."""
        around = self._around
        settings = around.personality.new_settings()
        around.sysctls.apply(settings, Acts.AT_SOCKET)
        socket = TcpSocket(family, kind, protocol, settings, around.traits)
        socket.options.v6only = bool(around.sysctls.number("net.ipv6.bindv6only"))
        return socket

    def connect(self, socket: TcpSocket, *, now: Micros) -> None:
        """Open the connection between the socket's two addresses, which are set; the SYN leaves."""
        socket.phase = Phase.CONNECTING
        socket.is_established = socket.has_ended = socket.is_read_shut = socket.is_write_shut = False
        self._begin(socket, now=now).connect(now=now)
        self.settle(socket, now=now)

    def _begin(self, socket: TcpSocket, *, now: Micros, least_isn: int | None = None) -> Connection:
        """Make the connection of `socket` and enter it into the tables."""
        around = self._around
        name = FourTuple(socket.local_ip, socket.local_port, socket.remote_ip, socket.remote_port)
        around.sysctls.apply(socket.settings, Acts.AT_CONNECT, socket.kept_fields)
        around.routes.prepare(socket.settings, name.remote_ip, now=now)
        socket.seen_path_mtu = socket.settings.path_mtu
        if around.traits.has_flow_labels:
            socket.flow_label = around.secrets.flow_label(name)
        socket.connection = Connection(
            name,
            personality=around.personality,
            settings=socket.settings,
            isn=_not_below(around.secrets.isn(name, now=now), least_isn),
            ts_offset=self._timestamp_offset(name),
        )
        self.demux.add(name, socket)
        self.demux.ports.add(socket)
        return socket.connection

    def _timestamp_offset(self, name: FourTuple) -> int:
        # tcp(7), tcp_timestamps: 1 adds a random offset for each connection, 2 does not.
        wants_offset = self._around.traits.random_timestamps
        if not wants_offset or self._around.sysctls.number("net.ipv4.tcp_timestamps") == 2:
            return 0
        return self._around.secrets.timestamp_offset(name)

    def is_port_usable(self, socket: TcpSocket, port: int) -> bool:
        """Whether an active open may leave from `port`: the four-tuple is free, and no other socket has bound it."""
        if self.demux.connection(FourTuple(socket.local_ip, port, socket.remote_ip, socket.remote_port)) is not None:
            return False
        others = (other for other in self.demux.ports.holders(port) if other is not socket)
        return socket.is_bound or not any(other.is_bound and socket.overlaps(other) for other in others)

    def stop_listening(self, listener: TcpSocket, *, now: Micros) -> None:
        """End LISTEN: half-open connections vanish, those that nobody accepted are reset."""
        listener.phase = Phase.UNCONNECTED
        for embryo in list(listener.syn_queue):
            self._drop_embryo(embryo, now=now)
        while listener.accept_queue:
            child = listener.accept_queue.popleft()
            child.is_orphan = True
            child.parent = None
            if child.live is not None:
                child.live.abort(now=now)
                self.settle(child, now=now)

    def release(self, socket: TcpSocket, *, now: Micros) -> None:
        """The last descriptor of `socket` was closed (close(2), RFC 9293, 3.10.4 and 3.10.5)."""
        socket.is_orphan = True
        if socket.is_listening:
            self.stop_listening(socket, now=now)
        connection = socket.live
        if connection is None:
            self.demux.ports.remove(socket)
            return
        if socket.options.linger_on and socket.options.linger_s == 0:
            connection.abort(now=now)
        else:
            connection.close(now=now)
        self.settle(socket, now=now)

    # --- segments in ---------------------------------------------------------------------------------------------

    def deliver(self, local_ip: str, remote_ip: str, segment: TcpSegment, *, now: Micros, ecn: int = 0) -> None:
        """Give an arriving segment to its connection, else to a listener, else answer as CLOSED does."""
        name = FourTuple(local_ip, segment.dst_port, remote_ip, segment.src_port)
        socket = self.demux.connection(name)
        if socket is not None and segment.flags & SYN and self._is_reopened(socket, segment, now=now):
            return
        if socket is not None:
            if self._is_held_back(socket, segment, now=now):
                return
            assert socket.connection is not None
            socket.connection.on_segment(segment, now=now, ecn=ecn)
            self.settle(socket, now=now)
            return
        listener = self.demux.listener(local_ip, segment.dst_port)
        if listener is None:
            self._answer(name, closed_reset(segment, rules=self._rules))
        else:
            self._on_listener(listener, name, segment, now=now)

    def _on_listener(
        self, listener: TcpSocket, name: FourTuple, segment: TcpSegment, *, now: Micros, least_isn: int | None = None
    ) -> None:
        verdict = listen_decision(segment, rules=self._rules)
        if verdict is ListenVerdict.RESET:
            self._answer(name, closed_reset(segment, rules=self._rules))
        elif verdict is ListenVerdict.ACCEPT and self._has_room(listener):
            child = self._child(listener, name)
            self._begin(child, now=now, least_isn=least_isn).accept_syn(segment, now=now)
            self.settle(child, now=now)

    def _is_reopened(self, socket: TcpSocket, segment: TcpSegment, *, now: Micros) -> bool:
        """Whether a SYN ended this TIME-WAIT and began a new connection with a listener (RFC 9293 3.6.1, RFC 6191)."""
        old = socket.live
        listener = self.demux.listener(socket.local_ip, socket.local_port)
        if old is None or listener is None or not old.may_reopen(segment, now=now):
            return False
        least = old.successor_isn
        old.abort(now=now)  # no reset in TIME-WAIT
        self.settle(socket, now=now)
        self._on_listener(listener, old.four_tuple, segment, now=now, least_isn=least)
        return True

    def _answer(self, name: FourTuple, segment: TcpSegment | None) -> None:
        if segment is not None:
            fields = IpFields(dont_fragment=True)
            self._around.emit(self._around.ip.tcp(name, segment, fields))

    def _has_room(self, listener: TcpSocket) -> bool:
        """Whether a SYN is taken (measured: at most backlog + 1 half-open ones, and none behind a full accept queue).

        ``tcp_max_syn_backlog`` bounds the half-open ones too; Linux leaves a quarter of it to known peers.
        """
        limit = self._around.sysctls.number("net.ipv4.tcp_max_syn_backlog")
        half_open = len(listener.syn_queue)
        return not listener.is_backlog_full and half_open <= listener.backlog and limit - half_open >= limit >> 2

    def _child(self, listener: TcpSocket, name: FourTuple) -> TcpSocket:
        child = TcpSocket(
            listener.family, listener.kind, listener.protocol, replace(listener.settings), listener.traits
        )
        child.options = replace(listener.options, stored=dict(listener.options.stored))
        child.kept_fields = set(listener.kept_fields)
        child.local_ip, child.local_port = name.local_ip, name.local_port
        child.remote_ip, child.remote_port = name.remote_ip, name.remote_port
        child.phase = Phase.CONNECTED
        child.parent = listener
        listener.syn_queue.append(child)
        return child

    def _is_held_back(self, socket: TcpSocket, segment: TcpSegment, *, now: Micros) -> bool:
        """Whether the ACK that would complete a passive open is dropped: no room, or TCP_DEFER_ACCEPT."""
        parent = socket.parent
        if parent is None or socket.state is not State.SYN_RECEIVED or segment.flags & (ACK | RST | SYN) != ACK:
            return False
        if parent.is_backlog_full:
            if self._around.sysctls.number("net.ipv4.tcp_abort_on_overflow"):
                assert socket.connection is not None
                self._answer(socket.connection.four_tuple, closed_reset(segment, rules=self._rules))
                self._drop_embryo(socket, now=now)
            return True
        if not parent.options.defer_accept_s or segment.payload or segment.flags & FIN:
            return False
        # Measured: the bare ACK is ignored, and one that comes after the period completes the connection.
        if socket.bare_ack_seen is None:
            socket.bare_ack_seen = now
        return now - socket.bare_ack_seen < parent.options.defer_accept_s * 1_000_000

    # --- after every engine entry --------------------------------------------------------------------------------

    def settle(self, socket: TcpSocket, *, now: Micros) -> None:
        """Send what the connection has ready and take over its new state, errors and readiness."""
        connection = socket.connection
        if connection is None:
            return
        outgoing = connection.take_outgoing()
        if outgoing:
            fields = fields_of(socket)
            for each in outgoing:
                self._around.emit(self._around.ip.tcp(connection.four_tuple, each.segment, fields, each.ecn))
        if connection.error:
            socket.error, connection.error = connection.error, 0
            _wake(socket)
        if connection.soft_error:
            socket.soft_error = connection.soft_error
        if not socket.is_established and connection.state not in _HANDSHAKE and not connection.is_deleted:
            self._on_established(socket)
        if socket.settings.path_mtu not in (None, socket.seen_path_mtu):
            self._learn_path_mtu(socket, now=now)
        _notice_changes(socket, connection)
        if connection.is_deleted:
            self._on_deleted(socket, now=now)

    def _learn_path_mtu(self, socket: TcpSocket, *, now: Micros) -> None:
        """Keep what a connection found out for later ones to the same host (RFC 8201, 5.2)."""
        mtu = socket.seen_path_mtu = socket.settings.path_mtu
        if mtu is not None:
            minimum = socket.settings.min_pmtu
            self._around.routes.learn_path_mtu(socket.remote_ip, mtu, minimum=minimum, now=now)

    def _on_established(self, socket: TcpSocket) -> None:
        socket.is_established = True
        _wake(socket)
        parent = socket.parent
        if parent is not None and socket in parent.syn_queue:
            parent.syn_queue.remove(socket)
            parent.accept_queue.append(socket)
            parent.read_wakeups += 1

    def _on_deleted(self, socket: TcpSocket, *, now: Micros) -> None:
        if self.demux.holds(socket):
            _wake(socket)
        self.demux.remove(socket)
        if socket.is_established:
            socket.has_ended = True
        parent = socket.parent
        if parent is not None and socket in parent.syn_queue:
            self._drop_embryo(socket, now=now)
        elif socket.is_orphan or not socket.is_bound:
            self.demux.ports.remove(socket)

    def _drop_embryo(self, socket: TcpSocket, *, now: Micros) -> None:
        """Forget a half-open connection without a word to the peer."""
        if socket.parent is not None and socket in socket.parent.syn_queue:
            socket.parent.syn_queue.remove(socket)
        self.demux.remove(socket)
        self.demux.ports.remove(socket)
        connection = socket.live
        if connection is not None:
            connection.abort(now=now)
            connection.take_outgoing()

    # --- errors and time -----------------------------------------------------------------------------------------

    def on_icmp(self, name: FourTuple, reading: IcmpReading, quoted_seq: int, *, now: Micros) -> None:
        """An ICMP error that quotes a segment of the connection `name` arrived."""
        socket = self.demux.connection(name)
        if socket is None or socket.live is None:
            return
        if reading.mtu is not None and self._around.routes.route_to(name.remote_ip).is_mtu_locked:
            return  # ip-route(8): "mtu lock" means that path MTU discovery is not done
        hard = reading.hard or (self._around.traits.any_icmp_ends_connect and socket.is_in_handshake)
        had_soft = socket.live.soft_error
        socket.live.on_icmp_error(IcmpError(reading.errno, hard, reading.mtu, quoted_seq), now=now)
        if socket.options.recverr and socket.live is not None and socket.live.soft_error not in (0, had_soft):
            # tcp(7), IP_RECVERR: errors are passed on at once; measured: one failing call, and the connection lives.
            socket.error, socket.live.soft_error = socket.live.soft_error, 0
        self.settle(socket, now=now)

    def next_timer(self) -> Micros | None:
        """When some connection wants to be called next."""
        times = [
            time
            for socket in self.demux
            if socket.connection is not None and (time := socket.connection.next_timer()) is not None
        ]
        return min(times, default=None)

    def run_timers(self, *, now: Micros) -> None:
        """Run the due timers of all connections."""
        for socket in self.demux:
            time = None if socket.connection is None else socket.connection.next_timer()
            if time is not None and time <= now and socket.connection is not None:
                socket.connection.on_timer(now=now)
                self.settle(socket, now=now)

    def settings_changed(self, *, now: Micros) -> None:
        """A sysctl was written: connections that exist take what acts at once."""
        for socket in self.demux:
            self._around.sysctls.apply(socket.settings, Acts.ALWAYS, socket.kept_fields)
            if socket.connection is not None:
                socket.connection.settings_changed(now=now)
                self.settle(socket, now=now)


def _wake(socket: TcpSocket) -> None:
    socket.read_wakeups += 1
    socket.write_wakeups += 1


def _notice_changes(socket: TcpSocket, connection: Connection) -> None:
    """Count what wakes a process that waits in epoll: new octets, room for more, urgent data, the end."""
    available = connection.receive_available + connection.receive_eof
    if available > socket.seen_available or connection.urgent_count != socket.seen_urgent:
        socket.read_wakeups += 1
    socket.seen_available, socket.seen_urgent = available, connection.urgent_count
    is_writable = socket.can_write
    if is_writable and not socket.seen_writable:
        socket.write_wakeups += 1
    socket.seen_writable = is_writable


def _not_below(isn: int, least: int | None) -> int:
    """Return the ISN, or `least` when that is ahead of it in sequence space."""
    return isn if least is None or Seq(isn) >= Seq(least) else least
