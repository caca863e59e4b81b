"""What conformance tests in Python are written with. The plugin's fixture `connection` is a `Connections`.

```python
from conformance.testing import ACK, RST, Connections, seconds

@pytest.mark.requirement("RFC9293-3.10.7.4-RST-ESTABLISHED-outside")
def test_a_reset_right_of_the_window_is_dropped(connection: Connections) -> None:
    established = connection.established()
    established.send(RST, seq=established.rcv_nxt + established.rcv_wnd + 100)
    established.expect_nothing(during=seconds(3))
```

The state constructors stand on one another, so that a state is reached in one way only. The peer offers an MSS and no
other option and advertises 65535 octets.
"""

from collections.abc import Sequence

from conformance.conversation import SECOND, Conversation, milliseconds, seconds
from conformance.segments import Segment
from targets import calls
from targets.base import Network, Target
from targets.calls import SocketAddress
from wire.abi import AF_INET, AF_INET6, IPPROTO_TCP, SOCK_STREAM
from wire.options import Mss, TcpOption
from wire.tcp import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG

__all__ = [
    "ACK",
    "CWR",
    "ECE",
    "FIN",
    "PSH",
    "RST",
    "SECOND",
    "SYN",
    "URG",
    "Connections",
    "Conversation",
    "Segment",
    "milliseconds",
    "seconds",
]

LOCAL_PORT = 8080
FIRST_REMOTE_PORT = 50_000
# Far from zero and with both halves different, so that swapped or missing octets show.
PEER_ISN = 0x1234_5678


class Connections:
    """Makes connections to a target in any state of RFC 9293 section 3.3.2.

    `options` are those of the peer's SYN; an MSS that fills the link is offered when nothing is said.
    """

    def __init__(self, target: Target, network: Network) -> None:
        self.target = target
        self.network = network
        self._made = 0
        self._listener = -1

    def closed(self, *, irs: int = PEER_ISN) -> Conversation:
        """Nothing: no socket at either port."""
        self._made += 1
        port = FIRST_REMOTE_PORT + self._made
        return Conversation(self.target, self.network, local_port=LOCAL_PORT, remote_port=port, irs=irs)

    def listen(self, *, irs: int = PEER_ISN, backlog: int = 8) -> Conversation:
        """A listening socket; several conversations of one test share it."""
        made = self.closed(irs=irs)
        if self._listener < 0:
            self._listener = made.succeed(self._socket()).value
            made.succeed(calls.Bind(self._listener, self._address("0.0.0.0" if self._is_ipv4 else "::", LOCAL_PORT)))
            made.succeed(calls.Listen(self._listener, backlog))
        made.listener = self._listener
        return made

    def syn_sent(self, *, irs: int = PEER_ISN) -> Conversation:
        """An active open whose SYN came; `fd` is its socket and the call still runs."""
        made = self.closed(irs=irs)
        # Its own port, so that a listener of the same test is not in the way.
        made.local_port += self._made
        made.fd = made.succeed(self._socket()).value
        made.succeed(calls.Bind(made.fd, self._address(self.network.local_ip, made.local_port)))
        made.start(calls.Connect(made.fd, self._address(self.network.remote_ip, made.remote_port)))
        made.expect(SYN)
        return made

    def syn_received(self, *, irs: int = PEER_ISN, options: Sequence[TcpOption] | None = None) -> Conversation:
        """A passive open whose SYN-ACK is not acknowledged."""
        made = self.listen(irs=irs)
        made.send(SYN, options=self._syn_options(options))
        made.expect(Segment(SYN | ACK, ack=int(made.rcv_nxt)))
        return made

    def syn_received_active(self, *, irs: int = PEER_ISN, options: Sequence[TcpOption] | None = None) -> Conversation:
        """A simultaneous open: SYNs crossed, the stack's SYN-ACK is not acknowledged."""
        made = self.syn_sent(irs=irs)
        made.send(SYN, options=self._syn_options(options))
        made.expect(Segment(SYN | ACK, seq=int(made.iss), ack=int(made.rcv_nxt)))
        return made

    def established(self, *, irs: int = PEER_ISN, options: Sequence[TcpOption] | None = None) -> Conversation:
        """A passive open after the handshake, accepted; no data yet."""
        made = self.syn_received(irs=irs, options=options)
        made.send(ACK)
        made.fd = made.succeed(calls.Accept(made.listener)).value
        return made

    def fin_wait_1(self, *, irs: int = PEER_ISN) -> Conversation:
        """The application shut down; its FIN is not acknowledged."""
        made = self.established(irs=irs)
        made.shutdown()
        made.expect(FIN | ACK)
        return made

    def fin_wait_2(self, *, irs: int = PEER_ISN) -> Conversation:
        """The application shut down; its FIN is acknowledged, the peer sends on."""
        made = self.fin_wait_1(irs=irs)
        made.send(ACK)
        return made

    def close_wait(self, *, irs: int = PEER_ISN) -> Conversation:
        """The peer sent FIN and got its ACK; the application has not closed."""
        made = self.established(irs=irs)
        made.send(FIN | ACK)
        made.expect(Segment(ACK, ack=int(made.rcv_nxt)))
        return made

    def closing(self, *, irs: int = PEER_ISN) -> Conversation:
        """FINs crossed: the stack acknowledged the peer's, its own is not acknowledged."""
        made = self.fin_wait_1(irs=irs)
        made.send(FIN | ACK, ack=int(made.snd_una))
        made.expect(Segment(ACK, ack=int(made.rcv_nxt)))
        return made

    def last_ack(self, *, irs: int = PEER_ISN) -> Conversation:
        """The peer closed first, then the application; its FIN is not acknowledged."""
        made = self.close_wait(irs=irs)
        made.close()
        made.expect(FIN | ACK)
        return made

    def time_wait(self, *, irs: int = PEER_ISN) -> Conversation:
        """The application closed first and everything is acknowledged; 2 MSL run."""
        made = self.fin_wait_2(irs=irs)
        made.send(FIN | ACK)
        made.expect(Segment(ACK, ack=int(made.rcv_nxt)))
        return made

    @property
    def _is_ipv4(self) -> bool:
        return self.network.ip_version == 4

    def _socket(self) -> calls.Socket:
        return calls.Socket(self._family, SOCK_STREAM, IPPROTO_TCP)

    @property
    def _family(self) -> int:
        return AF_INET if self._is_ipv4 else AF_INET6

    def _address(self, host: str, port: int) -> SocketAddress:
        return SocketAddress(self._family, host, port)

    def _syn_options(self, options: Sequence[TcpOption] | None) -> Sequence[TcpOption]:
        # RFC 9293 section 3.7.1: MTU less 40 octets of headers over IPv4, 60 over IPv6.
        return (Mss(self.network.mtu - (40 if self._is_ipv4 else 60)),) if options is None else options
