"""One call on a connection of the fake target: its result is written down, the message of the run is looked at."""

from collections.abc import Mapping, Sequence

from packetdrill_compat.outcome import RunResult
from packetdrill_compat.reader import load
from packetdrill_compat.runner import play
from packetdrill_compat.variants import variant_config
from targets.base import Micros
from targets.calls import Accept, CallResult, SocketAddress, Syscall
from tests.packetdrill_compat.play.fake import REMOTE, FakeTarget, answering_syn
from wire.abi import AF_INET
from wire.packet import Packet
from wire.tcp import TcpSegment

LIVE_FD = 101
OPENING = """
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 1000
+0 > S. 0:0(0) ack 1
+0 < . 1:1(0) ack 1 win 1000
+0 accept(3, ..., ...) = 4
"""


class Connection(FakeTarget):
    """A fake whose script has accepted a connection as descriptor 4, live 101."""

    def __init__(self, answers: Mapping[type[Syscall], Sequence[CallResult]] | None = None) -> None:
        results: dict[type, list[CallResult | tuple[CallResult, Micros]]] = {
            kind: list(wanted) for kind, wanted in (answers or {}).items()
        }
        super().__init__(results=results, on_inject=self._answer)

    def _answer(self, target: FakeTarget, packet: Packet) -> None:
        answering_syn(target, packet)
        body = packet.body
        if len(target.injected) == 2 and isinstance(body, TcpSegment):
            peer = SocketAddress(AF_INET, REMOTE, body.src_port)
            target.results[Accept] = [CallResult(LIVE_FD, address=peer)]

    def made(self, kind: type[Syscall]) -> list[Syscall]:
        """The calls of one kind that came here."""
        return [call for call in self.calls if isinstance(call, kind)]


def run(
    text: str, target: FakeTarget, *, opening: str = OPENING, variant: str = "ipv4", dialect: str = "google"
) -> RunResult:
    """Play a script that goes on behind the accepted connection."""
    script, config = load("t.pkt", text=opening + text + "\n", config=variant_config(variant), dialect=dialect)
    return play(script, config, target)


def complaint(text: str, target: FakeTarget | None = None, *, dialect: str = "google") -> str:
    """What the run says about the call; empty when it passes."""
    result = run(text, target or Connection(), dialect=dialect)
    if result.failure is None:
        return ""
    return result.failure.message.partition(" call: ")[2] or result.failure.message
