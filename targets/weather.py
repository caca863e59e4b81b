"""What a bad path does to packets, from a seed: loss, duplication, reordering, delay."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from targets.base import Micros


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad a path is: shares of packets in 0..1, times in microseconds.

    `delay` is the time that every packet takes; a reordered one takes `extra_delay` more, so that later ones overtake
    it. Raises `ValueError` for a share that is none or a negative time.
    """

    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    delay: Micros = 0
    extra_delay: Micros = 2_000

    def __post_init__(self) -> None:
        for name in ("loss", "duplication", "reordering"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share between 0 and 1, not {getattr(self, name)}")
        for name in ("delay", "extra_delay"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is a time of at least 0 us, not {getattr(self, name)}")

    @property
    def is_calm(self) -> bool:
        """Every packet passes once and at once."""
        return not (self.loss or self.duplication or self.reordering or self.delay)


class Path:
    """One direction of a path. Equal seeds and equal questions give equal answers."""

    def __init__(self, weather: Weather, *, seed: int = 0) -> None:
        self.weather = weather
        self.lost = self.duplicated = self.reordered = 0
        self._random = Random(seed)

    def delays(self) -> Iterator[Micros]:
        """Yield after how long each copy of the next packet arrives; nothing when it is lost."""
        weather, random = self.weather, self._random.random
        if random() < weather.loss:
            self.lost += 1
            return
        is_doubled = random() < weather.duplication
        self.duplicated += is_doubled
        for _copy in range(1 + is_doubled):
            is_late = random() < weather.reordering
            self.reordered += is_late
            yield weather.delay + is_late * weather.extra_delay
