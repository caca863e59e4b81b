"""TCP of a host: making connections, and taking over what they say after every entry into the engine."""

from reference_stack.authentication.algorithms import Path
from reference_stack.authentication.keys import Md5Key
from reference_stack.authentication.signing import sign_unconnected
from reference_stack.connection import Connection, FourTuple
from reference_stack.host.demux import TcpDemux
from reference_stack.host.errnos import Errno
from reference_stack.host.incoming import Incoming
from reference_stack.host.iplayer import IpFields, fields_of
from reference_stack.host.sendtimes import Departed
from reference_stack.host.sockets import TcpSocket
from reference_stack.host.surroundings import Surroundings
from reference_stack.host.syncookies import SynCookies
from reference_stack.host.synrequests import note_syn
from reference_stack.host.sysctl_rows import Acts
from reference_stack.host.values import Micros
from reference_stack.states import State
from wire.seq import Seq
from wire.tcp import SYN, TcpSegment


class TcpBase:
    """The sockets and connections of one host, and the way out for their segments."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._rules = around.personality.rules
        self._cookies = SynCookies(around.secrets, around.traits.cookies)
        self.demux = TcpDemux()

    # --- making --------------------------------------------------------------------------------------------------

    def new_socket(self, family: int, kind: int, protocol: int) -> TcpSocket:
        """Return an unconnected socket with the settings that personality and sysctls give it."""
        around = self._around
        settings = around.personality.new_settings()
        around.sysctls.apply(settings, Acts.AT_SOCKET)
        socket = TcpSocket(family, kind, protocol, settings, around.traits)
        socket.options.v6only = bool(around.sysctls.number("net.ipv6.bindv6only"))
        return socket

    def _begin(self, socket: TcpSocket, *, now: Micros, least_isn: int | None = None) -> Connection:
        """Make the connection of `socket`, whose addresses are set, and enter it into the tables."""
        name = FourTuple(socket.local_ip, socket.local_port, socket.remote_ip, socket.remote_port)
        isn = self._around.secrets.isn(name, now=now, epoch=self._isn_epoch(now))
        if least_isn is not None and (self._around.traits.successor_isn_is_exact or Seq(isn) < Seq(least_isn)):
            isn = least_isn
        connection = self._connection(socket, isn, now=now)
        self._enter(socket)
        return connection

    def _isn_epoch(self, now: Micros) -> int:
        """Count the reseedings of the secret behind sequence numbers (DragonFly tcp(4), ``isn_reseed_interval``)."""
        seconds = self._around.sysctls.number("net.inet.tcp.isn_reseed_interval")
        return now // (seconds * 1_000_000) if seconds else 0

    def _connection(self, socket: TcpSocket, isn: int, *, now: Micros) -> Connection:
        """Make a connection with the settings of sysctls, route and socket."""
        around = self._around
        name = FourTuple(socket.local_ip, socket.local_port, socket.remote_ip, socket.remote_port)
        around.sysctls.apply(socket.settings, Acts.AT_CONNECT, socket.kept_fields)
        around.routes.prepare(socket.settings, name.remote_ip, now=now)
        self.take_secrets(socket)
        if socket.options.min_mtu == 1 and name.ip_version == 6:
            socket.settings.mtu = min(socket.settings.mtu, 1280)
        if socket.options.tunnel_port:
            socket.settings.tunnel_octets = around.sysctls.number("net.inet.tcp.udp_tunneling_overhead")
        socket.seen_path_mtu = socket.settings.path_mtu
        socket.seen_routes = around.routes.version
        socket.time_wait_since = None
        socket.error_queue.restart()
        socket.send_times.restart()
        if socket.memory is not None:
            socket.memory.restart()
        if around.traits.has_flow_labels:
            socket.flow_label = around.secrets.flow_label(name)
        socket.connection = Connection(
            name,
            personality=around.personality,
            settings=socket.settings,
            isn=isn,
            ts_offset=self._timestamp_offset(name),
        )
        return socket.connection

    def take_secrets(self, socket: TcpSocket) -> None:
        """Give a socket that signs the keys for its peers, as they are now (FreeBSD, setkey(8))."""
        if socket.options.signs:
            secrets = self._around.associations
            is_local = self._around.routes.is_local
            socket.settings.keys = tuple(Md5Key(dst, secret) for (src, dst), secret in secrets.items() if is_local(src))

    def _enter(self, socket: TcpSocket) -> None:
        assert socket.connection is not None
        self.demux.add(socket.connection.four_tuple, socket)
        self.demux.ports.add(socket)

    def _timestamp_offset(self, name: FourTuple) -> int:
        # tcp(7), tcp_timestamps: 1 adds a random offset for each connection, 2 does not.
        wants_offset = self._around.traits.random_timestamps
        if not wants_offset or self._around.sysctls.number("net.ipv4.tcp_timestamps") == 2:
            return 0
        return self._around.secrets.timestamp_offset(name)

    # --- after every engine entry --------------------------------------------------------------------------------

    def _answer(self, arrived: Incoming, segment: TcpSegment | None, socket: TcpSocket | None = None) -> None:
        """Send `segment` back the way that another came, with the header fields of `socket` if that is known."""
        if segment is not None:
            fields = IpFields(dont_fragment=True) if socket is None else fields_of(socket)
            fields = fields._replace(tunnel_port=arrived.tunnel_port)
            if socket is not None and socket.options.signs:
                self.take_secrets(socket)
                path = Path(arrived.name.local_ip, arrived.name.remote_ip)
                segment = sign_unconnected(socket.settings, path, segment)
            self._around.emit(self._around.ip.tcp(arrived.name, segment, fields))

    def settle(self, socket: TcpSocket, *, now: Micros) -> None:
        """Send what the connection has ready and take over its new state, errors and readiness."""
        connection = socket.connection
        if connection is None:
            return
        self._tell_acknowledged(socket, connection, now=now)
        outgoing = connection.take_outgoing()
        if outgoing:
            fields = fields_of(socket)
            for each in outgoing:
                packet = self._around.ip.tcp(connection.four_tuple, each.segment, fields, each.ecn)
                self._around.emit(packet)
                if each.segment.payload:
                    self._note_departure(socket, connection, each.segment, packet, now=now)
            socket.has_new_route = socket.has_new_route or socket.seen_routes != self._around.routes.version
        if connection.syn_request is not None:
            note_syn(self._around, connection, now=now)
        if connection.error:
            socket.error, connection.error = connection.error, 0
            _wake(socket)
        if connection.soft_error:
            socket.soft_error = connection.soft_error
        if not socket.is_established and not connection.is_opening and not connection.is_deleted:
            self._on_established(socket)
        if socket.settings.path_mtu not in (None, socket.seen_path_mtu):
            self._learn_path_mtu(socket, now=now)
        if socket.memory is not None:
            if socket.memory.is_short:
                self._grow_send_memory(socket, connection)
            connection.is_writer_waiting = socket.memory.is_short
        if connection.state is State.TIME_WAIT and socket.time_wait_since is None:
            self._on_time_wait(socket, connection, now=now)
        _notice_changes(socket, connection)
        if connection.is_deleted:
            self._on_deleted(socket, now=now)

    @staticmethod
    def _tell_acknowledged(socket: TcpSocket, connection: Connection, *, now: Micros) -> None:
        """Put into the error queue what an acknowledgment completed."""
        times = socket.send_times.acknowledge(connection.counters.bytes_acknowledged, now=now)
        socket.error_queue.entries.extend(times)
        is_complete = socket.options.zerocopy and socket.error_queue.acknowledge(connection.unacknowledged_octets)
        if times or is_complete:
            _wake(socket)

    @staticmethod
    def _note_departure(
        socket: TcpSocket, connection: Connection, segment: TcpSegment, packet: bytes, *, now: Micros
    ) -> None:
        """Octets leave: their buffer is on its way, and the application may want to know when that was."""
        start = (segment.seq + bool(segment.flags & SYN) - connection.tcb.iss - 1) % 2**32
        end = start + len(segment.payload)
        if socket.memory is not None:
            socket.memory.sent(end)
        if not socket.send_times.is_recording:
            return
        times = socket.send_times.on_departure(Departed(start, end, packet, segment.payload), now=now)
        if times:
            socket.error_queue.entries.extend(times)
            _wake(socket)

    def before_sending(self, socket: TcpSocket, connection: Connection, *, now: Micros) -> None:
        """Take over the sizes of a route that changed: the packet before this one found it (measured)."""
        if not socket.has_new_route:
            return
        routes, settings = self._around.routes, socket.settings
        socket.has_new_route, socket.seen_routes = False, routes.version
        found = routes.interface_mtu(socket.remote_ip), routes.path_mtu(socket.remote_ip, now=now)
        if found != (settings.mtu, settings.path_mtu):
            settings.mtu, settings.path_mtu = found
            socket.seen_path_mtu = settings.path_mtu
            connection.update_segment_size()

    def _learn_path_mtu(self, socket: TcpSocket, *, now: Micros) -> None:
        """Keep what a connection found out for later ones to the same host (RFC 8201, 5.2)."""
        mtu = socket.seen_path_mtu = socket.settings.path_mtu
        if mtu is not None:
            minimum = socket.settings.min_pmtu
            self._around.routes.learn_path_mtu(socket.remote_ip, mtu, minimum=minimum, now=now)

    def _grow_send_memory(self, socket: TcpSocket, connection: Connection) -> None:
        """Let the send buffer follow the congestion window, unless that is full (Linux, tcp_should_expand_sndbuf)."""
        assert socket.memory is not None
        congestion = connection.congestion
        in_flight = connection.unacknowledged_octets - connection.unsent_octets
        if in_flight < congestion.cwnd_segments * connection.tcb.snd_mss:
            socket.memory.expand(connection, self._around.sysctls.number("net.ipv4.tcp_wmem", 2))
        if socket.can_write:
            socket.memory.is_short = False

    def _on_time_wait(self, socket: TcpSocket, connection: Connection, *, now: Micros) -> None:
        """Keep at most ``tcp_max_tw_buckets`` connections in TIME-WAIT (measured: one more is gone at once)."""
        socket.time_wait_since = now
        kept = sum(1 for other in self.demux if other.time_wait_since is not None)
        if kept > self._around.sysctls.number("net.ipv4.tcp_max_tw_buckets"):
            connection.abort(now=now)  # no reset in TIME-WAIT

    def _on_established(self, socket: TcpSocket) -> None:
        socket.is_established = True
        if socket.memory is not None and socket.live is not None:
            socket.memory.expand(socket.live, self._around.sysctls.number("net.ipv4.tcp_wmem", 2))
        _wake(socket)
        parent = socket.parent
        if parent is not None and socket in parent.syn_queue:
            self._around.counters.count("TcpPassiveOpens")
            parent.syn_queue.remove(socket)
            parent.accept_queue.append(socket)
            parent.read_wakeups += 1

    def _on_deleted(self, socket: TcpSocket, *, now: Micros) -> None:
        if self.demux.holds(socket):
            _wake(socket)
            if _was_reset_early(socket) and socket.opened_by is not None and socket.parent is None:
                socket.opened_by.note_reset(now=now)
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


def _was_reset_early(socket: TcpSocket) -> bool:
    """Whether a reset ended the connection before its handshake was over."""
    return socket.connection is not None and socket.connection.is_early and socket.error == Errno.ECONNRESET


def _wake(socket: TcpSocket) -> None:
    socket.read_wakeups += 1
    socket.write_wakeups += 1


def _notice_changes(socket: TcpSocket, connection: Connection) -> None:
    """Count what wakes a process that waits in epoll: new octets, room for more, urgent data, the end."""
    available = connection.receive_available + connection.receive_eof
    if available > socket.seen_available or connection.urgent_count != socket.seen_urgent:
        socket.read_wakeups += 1
    socket.seen_available, socket.seen_urgent = available, connection.urgent_count
    if socket.seen_writable and not connection.unacknowledged_octets:
        return  # and so it stays
    is_writable = socket.can_write
    if is_writable and not socket.seen_writable:
        socket.write_wakeups += 1
    socket.seen_writable = is_writable
