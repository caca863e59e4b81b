"""Two connections and a network between them, in virtual time: delay, loss, reordering, duplication from a seed."""

import heapq
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from reference_stack.connection import Connection, FourTuple
from reference_stack.personality import Personality, personality
from reference_stack.states import State
from wire.tcp import TcpSegment

MS = 1_000
CLIENT, SERVER = 0, 1


@dataclass
class Weather:
    """What the network does to segments; probabilities in 0..1, times in microseconds."""

    delay: int = 20 * MS
    jitter: int = 0
    loss: float = 0.0
    duplication: float = 0.0


@dataclass
class Pair:
    """A client and a server connection."""

    ends: list[Connection]
    weather: Weather
    random: Random
    now: int = 0
    flying: list[tuple[int, int, int, TcpSegment]] = field(default_factory=list)
    carried: int = 0
    lost: int = 0
    _serial: "count[int]" = field(default_factory=count)

    def collect(self) -> None:
        """Put what the ends have sent on the way."""
        for end, connection in enumerate(self.ends):
            for segment in connection.take_segments():
                self.carried += 1
                if self.random.random() < self.weather.loss:
                    self.lost += 1
                    continue
                for _ in range(1 + (self.random.random() < self.weather.duplication)):
                    arrival = self.now + self.weather.delay + self.random.randint(0, self.weather.jitter)
                    heapq.heappush(self.flying, (arrival, next(self._serial), 1 - end, segment))

    def step(self, *, until: int = 1 << 60) -> bool:
        """Let the next thing happen, if it happens before `until`; tell whether anything did."""
        times = [time for connection in self.ends if (time := connection.next_timer()) is not None]
        if self.flying:
            times.append(self.flying[0][0])
        if not times or min(times) > until:
            return False
        self.now = max(self.now, min(times))
        if self.flying and self.flying[0][0] <= self.now:
            _, _, end, segment = heapq.heappop(self.flying)
            self.deliver(end, segment)
        for connection in self.ends:
            connection.on_timer(now=self.now)
        self.collect()
        return True

    def deliver(self, end: int, segment: TcpSegment) -> None:
        """A segment reaches an end; the server makes its connection from the SYN."""
        connection = self.ends[end]
        if end == SERVER and connection.state is State.CLOSED and not connection.is_deleted:
            connection.accept_syn(segment, now=self.now)
        else:
            connection.on_segment(segment, now=self.now)

    def run(self, *, until: int) -> None:
        """Let things happen until the clock reaches `until`."""
        self.collect()
        while self.step(until=until):
            pass
        self.now = max(self.now, until)


def make_pair(
    *, weather: Weather | None = None, seed: int = 0, name: str | Personality = "rfc", **settings: Any
) -> Pair:
    """Return a pair whose client has sent its SYN."""
    chosen = personality(name) if isinstance(name, str) else name
    names = FourTuple("192.0.2.1", 1000, "192.0.2.2", 80), FourTuple("192.0.2.2", 80, "192.0.2.1", 1000)
    ends = []
    for number, four_tuple in enumerate(names):
        own = chosen.new_settings()
        for key, value in settings.items():
            assert hasattr(own, key), key
            setattr(own, key, value)
        ends.append(
            Connection(four_tuple, personality=chosen, settings=own, isn=0xFFFF_F000 + number, ts_offset=77 * number)
        )
    made = Pair(ends, weather or Weather(), Random(seed))
    ends[CLIENT].connect(now=0)
    return made


def transfer(
    pair: Pair, data: bytes, *, source: int = CLIENT, limit: int = 3_600_000_000, chunk: int = 20_000
) -> bytes:
    """Send `data` from one end, close, and return what the other end read; the reader reads all there is."""
    sender, reader = pair.ends[source], pair.ends[1 - source]
    offset, received = 0, []
    pair.collect()
    while pair.now < limit:
        if offset < len(data) and sender.state in (State.ESTABLISHED, State.CLOSE_WAIT):
            offset += sender.send(data[offset : offset + chunk], now=pair.now)
            if offset == len(data):
                sender.shutdown_send(now=pair.now)
        if reader.receive_available:
            received.append(reader.receive(1 << 20, now=pair.now))
        if reader.receive_eof and not reader.receive_available:
            break
        pair.collect()
        if not pair.step():
            break
    return b"".join(received)
