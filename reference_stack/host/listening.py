"""Listeners: SYN queue, accept queue, SYN cookies, deferred accepts, and the reopening of TIME-WAIT."""

from dataclasses import replace

from reference_stack.arrival.closed import closed_reset
from reference_stack.arrival.listen import listen_decision
from reference_stack.authentication.algorithms import Path
from reference_stack.authentication.signing import accepts_unconnected, sign_unconnected
from reference_stack.connection import FourTuple
from reference_stack.host.fastopen import (
    FAST_OPEN_SERVER,
    FAST_OPEN_SERVER_WITHOUT_COOKIE,
    Keys,
    asked_cookie,
    cookie,
    read_keys,
)
from reference_stack.host.incoming import Incoming
from reference_stack.host.iplayer import fields_of
from reference_stack.host.sockets import Phase, TcpSocket
from reference_stack.host.syncookies import LIFETIME_MINUTES, MINUTE_US
from reference_stack.host.tcpbase import TcpBase
from reference_stack.host.values import Micros
from reference_stack.rules import ListenVerdict
from wire.options import FastOpen, Md5, Mss, Timestamps
from wire.tcp import ACK, AE, FIN, RST, SYN, TcpSegment


class ListeningTcp(TcpBase):
    """The part of a host's TCP that makes connections from segments which find only a listener."""

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

    def _on_listener(
        self,
        listener: TcpSocket,
        arrived: Incoming,
        *,
        now: Micros,
        least_isn: int | None = None,
    ) -> None:
        name, segment = arrived.name, arrived.segment
        self.take_secrets(listener)
        if not accepts_unconnected(listener.settings, Path(name.remote_ip, name.local_ip), segment):
            return
        if listener.settings.drop_synfin and segment.flags & (SYN | FIN) == SYN | FIN:
            return
        verdict = listen_decision(segment, rules=self._rules)
        if verdict is ListenVerdict.RESET:
            if not self._is_cookie(listener, arrived, now=now):
                self._refuse(listener, arrived)
        elif verdict is ListenVerdict.ACCEPT and not listener.is_backlog_full:
            if self._wants_cookie(listener):
                self._send_cookie(listener, arrived, now=now)
            elif self._has_room(listener):
                is_early, option = self._fast_open(listener, name, segment, now=now)
                child = self._child(listener, arrived)
                connection = self._begin(child, now=now, least_isn=least_isn)
                connection.accept_syn(segment, now=now, ecn=arrived.ecn, option=option, is_early=is_early)
                if is_early:
                    listener.pending_opens.add(connection)
                    child.opened_by = listener.pending_opens
                self.settle(child, now=now)

    def _refuse(self, listener: TcpSocket, arrived: Incoming) -> None:
        """Answer a segment, which was verified, by a reset."""
        name, segment = arrived.name, arrived.segment
        plain = tuple(option for option in segment.options if not isinstance(option, Md5))
        reset = closed_reset(segment._replace(options=plain), rules=self._rules)
        if reset is not None:
            reset = sign_unconnected(listener.settings, Path(name.local_ip, name.remote_ip), reset)
        self._answer(arrived, reset)

    def _fast_open(
        self, listener: TcpSocket, name: FourTuple, syn: TcpSegment, *, now: Micros
    ) -> tuple[bool, FastOpen | None]:
        """Return whether the SYN opens the connection at once, and the cookie that the SYN-ACK grants (RFC 7413, 4.2).

        A cookie is granted where one was asked for, or in place of one that is not ours, or of an older key.
        """
        asked = asked_cookie(syn)
        mode = self._around.sysctls.number("net.ipv4.tcp_fastopen")
        if not (mode & FAST_OPEN_SERVER and (asked or syn.payload) and listener.pending_opens.has_room(now=now)):
            return False, None
        if mode & FAST_OPEN_SERVER_WITHOUT_COOKIE or listener.options.fastopen_no_cookie:
            return True, None
        if asked is None:
            return False, None
        keys = listener.fastopen_keys or self._fast_open_keys()
        valid = [cookie(key, name.remote_ip, name.local_ip) for key in keys]
        granted = FastOpen(valid[0], experimental=asked.experimental)
        return asked.cookie in valid, None if asked.cookie == valid[0] else granted

    def _fast_open_keys(self) -> Keys:
        """Return the host's keys: those that were set, else one of its own making."""
        name = "net.ipv4.tcp_fastopen_key"
        if self._around.sysctls.was_written(name):
            return read_keys(self._around.sysctls.read(name))
        words = (self._around.secrets.hash32("fast open", at) for at in range(4))
        return (b"".join(word.to_bytes(4, "little") for word in words),)

    def _wants_cookie(self, listener: TcpSocket) -> bool:
        """Whether a SYN is answered without keeping it (tcp(7), tcp_syncookies: 1 when full, 2 always)."""
        number = self._around.sysctls.number
        mode = 2 if number("net.inet.tcp.syncookies_only") else number("net.ipv4.tcp_syncookies")
        if listener.settings.keys:
            return False  # a cookie changes the SYN-ACK after it was signed
        return mode == 2 or (mode != 0 and len(listener.syn_queue) > listener.backlog)

    def _send_cookie(self, listener: TcpSocket, arrived: Incoming, *, now: Micros) -> None:
        """Answer with a SYN-ACK that a connection makes which is then forgotten."""
        name, syn = arrived.name, arrived.segment
        has_timestamps = any(isinstance(option, Timestamps) for option in syn.options)
        if not (has_timestamps or self._cookies.layout.keeps_options):
            # Measured: without timestamps only the MSS survives.
            kept = tuple(option for option in syn.options if isinstance(option, Mss))
            syn = syn._replace(options=kept)
        # A cookie has no room for accurate ECN: such a SYN is answered as one that asks for classic ECN.
        syn = syn._replace(flags=syn.flags & ~AE)
        child = self._child(listener, arrived)
        connection = self._connection(child, self._cookies.isn(name, syn, now=now), now=now)
        connection.accept_syn(syn, now=now)
        for each in connection.take_outgoing():
            answer = self._cookies.stamp(each.segment, syn, connection.ts_offset)
            self._around.emit(self._around.ip.tcp(name, answer, fields_of(child), each.ecn))
        listener.syn_queue.remove(child)
        listener.cookie_sent_at = now

    def _is_cookie(self, listener: TcpSocket, arrived: Incoming, *, now: Micros) -> bool:
        """Whether an ACK without a connection brought a cookie back; the connection is made of it then."""
        name, segment = arrived.name, arrived.segment
        sent_at = listener.cookie_sent_at
        is_recent = sent_at is not None and now - sent_at < LIFETIME_MINUTES * MINUTE_US
        if not is_recent or segment.flags & (SYN | RST):
            return False
        ts_offset = self._timestamp_offset(name)
        syn = self._cookies.syn(name, segment, ts_offset=ts_offset, now=now)
        if syn is None:
            return False
        if not listener.is_backlog_full:
            child = self._child(listener, arrived)
            connection = self._connection(child, (segment.ack - 1) % 2**32, now=now)
            self._enter(child)
            connection.window.on_cookie()
            connection.accept_syn(syn, now=now)
            connection.take_outgoing()
            connection.on_segment(segment, now=now)
            self.settle(child, now=now)
        return True

    def _is_reopened(self, socket: TcpSocket, arrived: Incoming, *, now: Micros) -> bool:
        """Whether a SYN ended this TIME-WAIT and began a new connection with a listener (RFC 9293 3.6.1, RFC 6191)."""
        old = socket.live
        listener = self.demux.listener(socket.local_ip, socket.local_port)
        if old is None or listener is None or not old.may_reopen(arrived.segment, now=now):
            return False
        least = old.successor_isn
        old.abort(now=now)  # no reset in TIME-WAIT
        self.settle(socket, now=now)
        self._on_listener(listener, arrived, now=now, least_isn=least)
        return True

    def _has_room(self, listener: TcpSocket) -> bool:
        """Whether a SYN is kept (measured: at most backlog + 1 half-open connections).

        Without cookies ``tcp_max_syn_backlog`` bounds them too; Linux leaves a quarter of it to known peers.
        """
        half_open = len(listener.syn_queue)
        if self._around.sysctls.number("net.ipv4.tcp_syncookies"):
            return half_open <= listener.backlog
        limit = self._around.sysctls.number("net.ipv4.tcp_max_syn_backlog")
        return half_open <= listener.backlog and limit - half_open >= limit >> 2

    def _child(self, listener: TcpSocket, arrived: Incoming) -> TcpSocket:
        name = arrived.name
        settings = replace(listener.settings)
        if listener.memory is not None:
            settings.sndbuf = listener.memory.sndbuf
        child = TcpSocket(listener.family, listener.kind, listener.protocol, settings, listener.traits)
        if child.memory is not None and listener.memory is not None:
            child.memory.is_locked = listener.memory.is_locked
        child.options = replace(listener.options, stored=dict(listener.options.stored), tunnel_port=arrived.tunnel_port)
        child.send_times.flags = listener.send_times.flags
        child.kept_fields = set(listener.kept_fields)
        child.local_ip, child.local_port = name.local_ip, name.local_port
        child.remote_ip, child.remote_port = name.remote_ip, name.remote_port
        child.phase = Phase.CONNECTED
        child.parent = listener
        listener.syn_queue.append(child)
        return child

    def _is_held_back(self, socket: TcpSocket, arrived: Incoming, *, now: Micros) -> bool:
        """Whether the ACK that would complete a passive open is dropped: no room, or TCP_DEFER_ACCEPT."""
        segment = arrived.segment
        parent = socket.parent
        if parent is None or socket not in parent.syn_queue or segment.flags & (ACK | RST | SYN) != ACK:
            return False
        if parent.is_backlog_full:
            if self._around.sysctls.number("net.ipv4.tcp_abort_on_overflow"):
                self._answer(arrived, closed_reset(segment, rules=self._rules))
                self._drop_embryo(socket, now=now)
            return True
        if not parent.options.defer_accept_s or segment.payload or segment.flags & FIN:
            return False
        assert socket.connection is not None
        if segment.seq != socket.connection.sequence.wire(socket.connection.tcb.irs + 1):
            return False
        # Measured: the bare ACK is ignored, and one that comes after the period completes the connection.
        if socket.bare_ack_seen is None:
            socket.bare_ack_seen = now
        return now - socket.bare_ack_seen < parent.options.defer_accept_s * 1_000_000
