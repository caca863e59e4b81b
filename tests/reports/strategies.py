"""Random traces and failures, sensible and not."""

from hypothesis import strategies as st

from packetdrill_compat.outcome import Difference, Failure, FailureKind
from targets.calls import CallResult, Close, Open, Read, SetSockOpt, Syscall
from targets.trace import CallFinished, CallStarted, Departed, Injected, ShellRan, Trace, TraceEvent
from tests.reports.samples import NETWORK, from_peer, from_stack

TIMES = st.integers(0, 10**10)
FLAGS = st.integers(0, 0x1FF)
NUMBERS = st.integers(0, 2**32 - 1)
PACKETS = st.one_of(
    st.binary(max_size=80),
    st.builds(from_peer, FLAGS, NUMBERS, NUMBERS),
    st.builds(from_stack, FLAGS, NUMBERS, NUMBERS, payload=st.binary(max_size=20)),
)
SYSCALLS: st.SearchStrategy[Syscall] = st.one_of(
    st.builds(Read, st.integers(0, 9), st.integers(0, 10**6)),
    st.builds(Close, st.integers(0, 9)),
    st.builds(Open, st.text(max_size=30), st.integers(0, 2**31)),
    st.builds(SetSockOpt, st.just(4), NUMBERS, NUMBERS, st.none() | st.binary(max_size=40), st.integers(0, 99)),
)
RESULTS = st.builds(
    CallResult,
    st.integers(-1, 10**6),
    errno=st.integers(0, 200),
    data=st.binary(max_size=9),
    optval=st.binary(max_size=9),
)
EVENTS: st.SearchStrategy[TraceEvent] = st.one_of(
    st.builds(Injected, TIMES, PACKETS, st.none() | TIMES),
    st.builds(Departed, TIMES, PACKETS),
    st.builds(CallStarted, TIMES, st.integers(0, 5), SYSCALLS),
    st.builds(CallFinished, TIMES, st.integers(0, 5), SYSCALLS, RESULTS),
    st.builds(ShellRan, TIMES, st.text(max_size=50), st.none() | st.integers(0, 255), st.integers(0, 31)),
)
TRACES = st.builds(Trace, st.text(max_size=10), st.just(NETWORK), st.lists(EVENTS, max_size=30), TIMES)
TEXTS = st.text(max_size=60)
FAILURES = st.builds(
    Failure,
    st.sampled_from(FailureKind),
    TEXTS,
    st.integers(0, 500),
    st.integers(0, 80),
    TEXTS,
    want=TEXTS,
    got=TEXTS,
    differences=st.lists(st.builds(Difference, TEXTS, TEXTS, TEXTS), max_size=3).map(tuple),
    source_line=TEXTS,
)
