"""Running a storm: life after life, each in its state, from one seed."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from fuzz.storm.judge import before, judge
from fuzz.storm.packets import draw
from fuzz.storm.stage import STATES, Stage, states_of
from oracles import check_trace
from reference_stack.personality import Personality

PACKETS_A_LIFE = 40
_SECOND = 1_000_000
_CERTAIN = frozenset(each for each in STATES if not each.startswith(("CLOSED", "LISTEN", "SYN")))
"""Lives in which the packets tell what was agreed on: both SYNs are known before the storm begins."""


@dataclass(slots=True)
class Finding:
    """What went wrong, and how to see it again: `life` of the seed, at its packet number `packet`."""

    message: str
    state: str
    life: int
    packet: int
    octets: str

    def __str__(self) -> str:
        return f"{self.state}, life {self.life}, packet {self.packet}: {self.message}\n    {self.octets}"


@dataclass(slots=True)
class Storm:
    """A storm over one personality. `reached` counts the states in which packets came."""

    personality: Personality
    seed: int = 0
    packets: int = 0
    reached: "Counter[str]" = field(default_factory=Counter)

    def run(self, packets: int) -> Iterator[Finding]:
        """Send at least `packets` packets, life after life; yield what is found."""
        life = 0
        while self.packets < packets:
            yield from self.live(life)
            life += 1

    def live(self, life: int) -> Iterator[Finding]:
        """Play one life; yield what is found in it. An exception of the stack is a finding and ends the life."""
        random = Random(f"{self.seed}/{life}")
        states = states_of(self.personality)
        state = states[life % len(states)]
        try:
            stage = Stage(state, self.personality, random)
        except Exception as error:  # as below
            self.packets += 1
            yield Finding(f"raises {type(error).__name__} on the way to the state: {error}", state, life, -1, "")
            return
        for number in range(PACKETS_A_LIFE):
            packet = b""
            try:
                _user(stage, random)
                packet = draw(stage, random)
                self.packets += 1
                problems = self._step(stage, packet)
            except Exception as error:  # whatever it is, it must not have been raised
                yield Finding(f"raises {type(error).__name__}: {error}", state, life, number, packet.hex())
                return
            yield from (Finding(problem, state, life, number, packet.hex()) for problem in problems)
            if problems:
                return
            if stage.connection is not None and stage.connection.is_deleted:
                break  # a second connection of the same name would confuse those who see packets only
        for violation in check_trace(stage.trace) if state in _CERTAIN else ():
            if violation.oracle == "right-edge-left" and stage.is_linux and _is_resting(stage):
                continue  # Linux (measured): the field of TIME-WAIT is what a larger window leaves in 16 bits.
            yield Finding(str(violation), state, life, violation.event_index, violation.packet.hex())

    def _step(self, stage: Stage, packet: bytes) -> list[str]:
        connection = stage.connection
        was = before(connection) if connection is not None else None
        self.reached[was.state.value if was is not None else "no connection"] += 1
        stage.departed.clear()
        stage.inject(packet)
        return list(judge(stage, packet, was))


def _is_resting(stage: Stage) -> bool:
    return stage.connection is not None and stage.connection.segments_before_rest is not None


def _user(stage: Stage, random: Random) -> None:
    """Let the user do something, or time pass, now and then."""
    choice = random.random()
    if choice < 0.1:
        stage.pass_time(random.choice((1, 1000, _SECOND // 25, _SECOND, 60 * _SECOND)))
    if stage.descriptor < 0 or stage.connection is None:
        return
    if choice > 0.9:
        data = bytes(random.choice((1, 100, 3000)))
        stage.call("write", fd=stage.descriptor, data=data, count=len(data))
    elif choice > 0.85:
        stage.call("read", fd=stage.descriptor, count=random.choice((1, 5000)), null_buffer=False)
    elif choice > 0.84:
        stage.call("shutdown", fd=stage.descriptor, how=1)
    elif choice > 0.835:
        stage.close()
