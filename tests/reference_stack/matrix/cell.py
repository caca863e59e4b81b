"""One cell of the matrix, and the register of checks by the names of cells.

A cell's name is its requirement id without document and section: ``RST-FIN-WAIT-2-inwindow``. A check is registered
under names with ``*`` for the state; the test of a cell calls the only check that matches.
"""

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, TypeAlias, TypeVar

from reference_stack.states import State
from tests.reference_stack.engine.scene import CONSTRUCTORS, MS, Out, Scene
from tests.reference_stack.host.world import World

NUMBERS = {
    "SYN-SENT": (0, 1, 0),
    "SYN-RECEIVED": (0, 1, 1),
    "ESTABLISHED": (1, 1, 1),
    "FIN-WAIT-1": (1, 2, 1),
    "FIN-WAIT-2": (2, 2, 1),
    "CLOSE-WAIT": (1, 1, 2),
    "CLOSING": (1, 2, 2),
    "LAST-ACK": (1, 2, 2),
    "TIME-WAIT": (2, 2, 2),
}
"""SND.UNA, SND.NXT and RCV.NXT of each set-up, relative to the initial numbers (the catalogue's meta.setup)."""


class Cell:
    """The state that a cell is about, by the name of its set-up, and what is known of its numbers."""

    def __init__(self, name: str, state: str) -> None:
        self.name = name
        self.state = state
        self.set_up = state
        if state == "SYN-RECEIVED":
            self.set_up += "-active" if "-active" in name or "-nodata" in name else "-passive"
        self.snd_una, self.snd_nxt, self.rcv_nxt = NUMBERS.get(state, (0, 0, 0))

    def scene(self, **settings: Any) -> Scene:
        """A connection in the state."""
        return CONSTRUCTORS[self.set_up](**settings)

    def world(self) -> World:
        """A host; with a listener where the state is LISTEN."""
        world = World()
        if self.state == "LISTEN":
            world.listen()
        return world

    @property
    def plain_ack(self) -> Out:
        """<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>."""
        return Out("A", seq=self.snd_nxt, ack=self.rcv_nxt)

    def window(self, scene: Scene) -> int:
        """W: the offered window."""
        return scene.connection.tcb.rcv_wnd

    def assert_unharmed(self, scene: Scene) -> None:
        """The connection is in its state and does what that state does."""
        connection = scene.connection
        connection.take_segments()
        assert connection.state.value == self.state
        assert connection.error == 0
        tcb = connection.tcb
        assert tcb.rcv_nxt - tcb.irs == self.rcv_nxt or self.state == "SYN-SENT"
        if self.state == "SYN-SENT":
            scene.arrive("SA", seq=0)
            assert connection.state is State.ESTABLISHED
        elif self.state == "SYN-RECEIVED":
            scene.arrive("A")
            assert connection.state is State.ESTABLISHED
        elif self.state in ("ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2"):
            scene.arrive("PA", data=b"!")
            assert scene.wait_for_segments(within=500 * MS) <= 500 * MS
            scene.expect(Out("A", seq=self.snd_nxt, ack=2))
        elif self.state == "CLOSE-WAIT":
            scene.write(1)
            scene.expect(Out("PA", seq=1, ack=2, length=1))
        else:
            scene.arrive("A", ack=2)
            after = {"CLOSING": "TIME-WAIT", "LAST-ACK": "CLOSED", "TIME-WAIT": "TIME-WAIT"}
            assert connection.state.value == after[self.state]

    def assert_gone(self, scene: Scene, *, error: int) -> None:
        """The TCB is deleted, in silence, and the user hears of it where there is one to hear."""
        scene.expect()
        assert scene.connection.is_deleted
        assert scene.connection.error == error
        assert scene.connection.next_timer() is None


Check: TypeAlias = Callable[[Cell], None]
_Check = TypeVar("_Check", bound=Check)
CHECKS: dict[str, Check] = {}
"""Checks by pattern."""


def check(*patterns: str) -> Callable[[_Check], _Check]:
    """Register a check for the cells whose names match."""

    def register(function: _Check) -> _Check:
        for pattern in patterns:
            assert pattern not in CHECKS, pattern
            CHECKS[pattern] = function
        return function

    return register


def checks_of(name: str) -> list[str]:
    """Patterns that match a cell's name."""
    return [pattern for pattern in CHECKS if fnmatchcase(name, pattern)]
