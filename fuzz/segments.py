"""Strategies for segments whose numbers are chosen relative to what the connection expects."""

from dataclasses import dataclass

from hypothesis import strategies as st

from wire.options import Mss, Nop, Sack, SackPermitted, TcpOption, Timestamps, WindowScale
from wire.tcp import ACK, ECE, FIN, PSH, RST, SYN, URG

SMALL = st.integers(-3, 3)
NEAR = st.one_of(SMALL, st.sampled_from((-1460, -100, 100, 536, 1460, 65535, -65535)))
FAR = st.integers(-(2**31), 2**31 - 1)
FLAG_MASKS = st.sampled_from(
    (
        ACK,
        PSH | ACK,
        FIN | ACK,
        RST,
        RST | ACK,
        SYN,
        SYN | ACK,
        ACK | URG,
        ACK | ECE,
        FIN,
        PSH,
        0,
        FIN | SYN | RST | ACK,
    )
)
WINDOWS = st.one_of(st.sampled_from((0, 1, 100, 536, 1460, 4096, 65535)), st.integers(0, 65535))
LENGTHS = st.one_of(st.integers(1, 20), st.sampled_from((100, 536, 1000, 1460)))


@dataclass(frozen=True, slots=True)
class Offsets:
    """Distances from the expected sequence number and from the highest acknowledgment that is valid."""

    seq: int
    ack: int


OFFSETS_NEAR = st.builds(Offsets, NEAR, NEAR)
OFFSETS_ANY = st.builds(Offsets, st.one_of(NEAR, FAR), st.one_of(NEAR, FAR))


def _syn_options(mss: int | None, shift: int | None, sack: bool, timestamps: bool) -> tuple[TcpOption, ...]:
    options: list[TcpOption] = []
    if mss is not None:
        options.append(Mss(mss))
    if sack:
        options += [Nop(), Nop(), SackPermitted()]
    if timestamps:
        options += [Nop(), Nop(), Timestamps(1, 0)]
    if shift is not None:
        options += [Nop(), WindowScale(shift)]
    return tuple(options)


SYN_OPTIONS = st.builds(
    _syn_options,
    st.sampled_from((None, 100, 536, 1460)),
    st.sampled_from((None, None, 0, 1, 7, 14)),
    st.booleans(),
    st.booleans(),
)


def sack_blocks(acknowledged: int, highest: int) -> st.SearchStrategy[tuple[TcpOption, ...]]:
    """A SACK option with one or two blocks, inside and outside of what was sent."""
    edge = st.integers(acknowledged - 3, highest + 3).map(lambda number: number % 2**32)
    block = st.tuples(edge, edge)
    return st.lists(block, min_size=1, max_size=2).map(lambda blocks: (Nop(), Nop(), Sack(tuple(blocks))))
