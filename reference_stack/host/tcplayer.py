"""The TCP of a host around its connections: opens, ends, delivery, errors and time."""

from collections.abc import Iterable

from reference_stack.arrival.closed import closed_reset
from reference_stack.connection import Connection, FourTuple, IcmpError
from reference_stack.host.icmp import IcmpReading
from reference_stack.host.incoming import Incoming
from reference_stack.host.listening import ListeningTcp
from reference_stack.host.sockets import Phase, TcpSocket
from reference_stack.host.synrequests import may_send_early, syn_request
from reference_stack.host.sysctl_rows import Acts
from reference_stack.host.values import Micros
from wire.tcp import ACK, FIN, RST, SYN


class TcpLayer(ListeningTcp):
    """All TCP sockets and connections of one host."""

    # --- sockets -------------------------------------------------------------------------------------------------

    def connect(self, socket: TcpSocket, *, now: Micros, text: bytes | None = None) -> int:
        """Open the connection between the socket's two addresses, which are set; the SYN leaves.

        With `text`, also an empty one, it asks for a Fast Open cookie, or carries one and as much text as fits: returns
        how many octets (RFC 7413, 4.2).
        """
        if not socket.is_connect_deferred:
            self._make_client(socket, now=now)
        socket.is_connect_deferred = False
        connection = socket.connection
        assert connection is not None
        # Measured: TCP_DEFER_ACCEPT of an active open holds the last segment of the handshake back for data.
        connection.expects_write = bool(socket.options.defer_accept_s)
        request = None if text is None else syn_request(self._around, socket, text, now=now)
        taken = connection.connect(now=now, request=request)
        if taken and socket.memory is not None:
            socket.memory.takes(connection, taken, socket.lowat)
        self.settle(socket, now=now)
        return taken

    def defer_connect(self, socket: TcpSocket, *, now: Micros) -> None:
        """Get ready to open the connection when there is text for the SYN (TCP_FASTOPEN_CONNECT)."""
        self._make_client(socket, now=now).defer_connect(now=now)
        socket.is_connect_deferred = True

    def may_send_early(self, socket: TcpSocket, *, now: Micros) -> bool:
        """Whether a SYN to the socket's peer could carry text."""
        return may_send_early(self._around, socket, now=now)

    def _make_client(self, socket: TcpSocket, *, now: Micros) -> Connection:
        socket.phase = Phase.CONNECTING
        self._around.counters.count("TcpActiveOpens")
        socket.is_established = socket.has_ended = socket.is_read_shut = socket.is_write_shut = False
        old = self.demux.connection(FourTuple(socket.local_ip, socket.local_port, socket.remote_ip, socket.remote_port))
        least = None
        if old is not None and old.live is not None:
            least = old.live.successor_isn
            old.live.abort(now=now)  # no reset in TIME-WAIT
            self.settle(old, now=now)
        return self._begin(socket, now=now, least_isn=least)

    def is_port_usable(self, socket: TcpSocket, port: int, *, now: Micros) -> bool:
        """Whether an active open may leave from `port`: the four-tuple is free, and no other socket has bound it."""
        taken = self.demux.connection(FourTuple(socket.local_ip, port, socket.remote_ip, socket.remote_port))
        if taken is not None and not self._is_reusable(taken, now=now):
            return False
        others = (other for other in self.demux.ports.holders(port) if other not in (socket, taken))
        return socket.is_bound or not any(other.is_bound and socket.overlaps(other) for other in others)

    def _is_reusable(self, old: TcpSocket, *, now: Micros) -> bool:
        """Whether a new connection may take over an old one's TIME-WAIT (tcp(7), ``tcp_tw_reuse`` 1).

        Measured: only with timestamps, and not within ``tcp_tw_reuse_delay`` milliseconds.
        """
        sysctls = self._around.sysctls
        connection, since = old.live, old.time_wait_since
        if connection is None or since is None or sysctls.number("net.ipv4.tcp_tw_reuse") != 1:
            return False
        is_old = now - since > sysctls.number("net.ipv4.tcp_tw_reuse_delay") * 1_000
        return connection.tcb.has_timestamps and is_old

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
        if socket.live is not None and self._has_too_many_orphans():
            self._around.log.append("TCP: too many orphaned sockets")
            self.drop(socket, now=now)

    def _has_too_many_orphans(self) -> bool:
        """Whether more connections than ``tcp_max_orphans`` belong to no process (tcp(7); Linux, tcp_check_oom())."""
        orphans = [each for each in self.demux if each.is_orphan and each.time_wait_since is None]
        return len(orphans) > self._around.sysctls.number("net.ipv4.tcp_max_orphans")

    def drop(self, socket: TcpSocket, *, now: Micros) -> None:
        """End a connection from outside of its process (tcpdrop(8))."""
        if socket.live is not None:
            socket.live.abort(now=now)
            self.settle(socket, now=now)

    # --- segments in ---------------------------------------------------------------------------------------------

    def deliver(self, arrived: Incoming, *, now: Micros, gso_size: int = 0) -> None:
        """Give an arriving segment to its connection, else to a listener, else answer as CLOSED does."""
        name, segment, ecn, tunnel_port = arrived
        socket = self.demux.connection(name)
        if socket is not None and segment.flags & SYN and self._is_reopened(socket, arrived, now=now):
            return
        if socket is not None:
            if socket.options.tunnel_port != tunnel_port:
                self._answer(arrived, closed_reset(segment, rules=self._rules), socket)
                return
            if self._is_held_back(socket, arrived, now=now):
                return
            assert socket.connection is not None
            if socket.has_new_route and socket.connection.unsent_octets:
                self.before_sending(socket, socket.connection, now=now)
            counters = socket.connection.counters
            before = counters.beyond_window
            was_early = socket.connection.is_early
            socket.connection.on_segment(segment, now=now, ecn=ecn, gso_size=gso_size)
            if counters.beyond_window > before:
                self._around.counters.count("TcpExtBeyondWindow", counters.beyond_window - before)
            if was_early and socket.is_write_shut and not socket.connection.is_early:
                socket.connection.shutdown_send(now=now)
            self.settle(socket, now=now)
            return
        listener = self.demux.listener(name.local_ip, segment.dst_port)
        if listener is None:
            self._on_closed_port(arrived)
        else:
            self._on_listener(listener, arrived, now=now)

    def _on_closed_port(self, arrived: Incoming) -> None:
        """Answer as CLOSED does, unless blackhole(4) says to keep silent; log what log_in_vain asks for (tcp(4))."""
        name, segment = arrived.name, arrived.segment
        number = self._around.sysctls.number
        is_opening = segment.flags & (SYN | ACK | RST | FIN) == SYN
        wanted = number("net.inet.tcp.log_in_vain")
        if wanted == 2 or (wanted == 1 and is_opening):
            ends = f"{name.local_ip}:{name.local_port} from {name.remote_ip}:{name.remote_port}"
            self._around.log.append(f"Connection attempt to TCP {ends}")
        silent = number("net.inet.tcp.blackhole")
        if not (silent == 2 or (silent == 1 and is_opening)):
            bound = self.demux.bound(name) if self._around.traits.bound_socket_answers else None
            self._answer(arrived, closed_reset(segment, rules=self._rules), bound)

    # --- errors and time -----------------------------------------------------------------------------------------

    def on_icmp(
        self, name: FourTuple, reading: IcmpReading, quoted_seq: int, *, now: Micros, tunnel_port: int = 0
    ) -> None:
        """An ICMP error that quotes a segment of the connection `name` arrived."""
        socket = self.demux.connection(name)
        if socket is None or socket.live is None or socket.options.tunnel_port != tunnel_port:
            return
        if reading.mtu is not None and self._around.routes.route_to(name.remote_ip).is_mtu_locked:
            return  # ip-route(8): "mtu lock" means that path MTU discovery is not done
        tcb = socket.live.tcb
        oldest = tcb.iss if socket.live.is_early else tcb.snd_una
        if not oldest <= socket.live.sequence.unwrap(tcb.snd_una, quoted_seq) <= tcb.snd_nxt:
            self._around.counters.count("TcpExtOutOfWindowIcmps")
        is_opening, hard = socket.is_in_handshake, reading.hard
        if socket.live.is_early:
            # Measured: until it is accepted, the connection ends like one whose handshake goes on; then it does not.
            is_opening = socket.parent is not None
            hard = hard and is_opening
        hard = hard or (self._around.traits.any_icmp_ends_connect and is_opening)
        had_soft = socket.live.soft_error
        socket.live.on_icmp_error(
            IcmpError(reading.errno, hard, reading.mtu, quoted_seq, reading.is_unreachable), now=now
        )
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

    def settings_changed(self, idle: Iterable[TcpSocket], *, now: Micros) -> None:
        """A sysctl was written: what acts at once reaches the sockets in `idle` and all connections."""
        sysctls = self._around.sysctls
        for socket in {id(each): each for each in (*idle, *self.demux)}.values():
            sysctls.apply(socket.settings, Acts.ALWAYS, socket.kept_fields)
            if socket.live is not None:
                socket.live.settings_changed(now=now)
                self.settle(socket, now=now)
