"""Traps that need the events before: times, the socket under test, timestamps, descriptors, commands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from packetdrill_compat.ast import (
    CodeBlock,
    Command,
    Direction,
    Event,
    IcmpSpec,
    Integer,
    PacketEvent,
    PlainOption,
    Script,
    SyscallEvent,
    TcpSpec,
    TimeKind,
    TimestampPattern,
    Word,
)
from packetdrill_compat.lint.calls import call_findings
from packetdrill_compat.lint.finding import Finding
from packetdrill_compat.lint.packets import packet_findings
from wire.options import Timestamps
from wire.tcp import ACK, SYN

_LONG = 1_000_000
_RELATIVE = (TimeKind.RELATIVE, TimeKind.RELATIVE_RANGE, TimeKind.ANY)
_MAKE_FD = frozenset({"socket", "accept", "open", "epoll_create"})
_NO_FD_FIRST = frozenset({"socket", "open", "epoll_create", "pipe", "poll", "cap_set"})
_SENDS = frozenset({"write", "writev", "send", "sendto", "sendmsg", "shutdown", "close", "connect", "splice"})


@dataclass(slots=True)
class _State:
    """What is known of the run in front of an event."""

    is_mptcp: bool
    previous: Event | None = None
    protocol: str = ""
    under_test: int | None = None
    """Descriptor of the newest socket, None for a connection that was not accepted yet."""
    is_listening: bool = False
    is_child: bool = False
    values: set[int] = field(default_factory=set)
    closed: set[int] = field(default_factory=set)
    nonblocking: set[int] = field(default_factory=set)
    is_quick: bool = False
    """A Fast Open option makes connect() return at once."""
    unseen_from: Event | None = None
    """The first event behind the last look at what the stack sends, if that may make it send."""


def event_findings(script: Script) -> Iterator[Finding]:
    """Yield the traps of all events, in their order."""
    state = _State(is_mptcp=script.dialect == "mptcp")
    scaled = any(line.name == "tcp_ts_ecr_scaled" for line in script.options)
    is_strict = script.dialect == "nplab" or any(line.name == "strict_segments" for line in script.options)
    for event in script.events:
        yield from _time(event, state)
        match event.action:
            case PacketEvent() as packet:
                yield from packet_findings(packet, is_strict=is_strict)
                yield from _packet(packet, event, state, scaled=scaled)
            case SyscallEvent() as call:
                is_relative = event.time.kind in _RELATIVE
                yield from call_findings(call, is_relative=is_relative, start=event.time.start)
                yield from _call(call, event, state)
            case Command() as command:
                yield from command_findings(command)
            case CodeBlock() as code:
                yield from _code(code, state)
        state.previous = event
    if script.cleanup is not None and script.init is None and script.dialect != "nplab":
        yield Finding(
            script.cleanup.position,
            "this cleanup command never runs, because the script has no init command",
            "begin the script with a command, for instance `true`",
        )
    for command in filter(None, (script.init, script.cleanup)):
        yield from command_findings(command)
    yield from _end(state)


def _time(event: Event, state: _State) -> Iterator[Finding]:
    previous, time = state.previous, event.time
    if previous is None:
        if time.start != 0:
            yield Finding(event.position, "the first event must be at time 0", "write 0 or +0")
        return
    both_absolute = time.kind not in _RELATIVE and previous.time.kind not in _RELATIVE
    if both_absolute and time.start < previous.time.start:
        yield Finding(event.position, "time goes backward: the script fails when it comes here", "correct the times")
    if time.kind is TimeKind.ANY:
        yield Finding(event.position, "* waits for ever when the packet never comes", "write a range", is_note=True)
    distance = time.start if time.kind in _RELATIVE else time.start - previous.time.start
    if _is_expected(event) and time.kind is not TimeKind.ANY and distance >= _LONG:
        yield Finding(
            event.position,
            f"this packet may come {distance / 8 / 1e6:g} s too early or too late: the tolerance is 12.5 % of the time "
            "since the event before",
            "set --tolerance_percent=0 and --tolerance_usecs",
            is_note=True,
        )


def _is_expected(event: Event) -> bool:
    return isinstance(event.action, PacketEvent) and event.action.direction is Direction.OUTBOUND


def _packet(packet: PacketEvent, event: Event, state: _State, *, scaled: bool) -> Iterator[Finding]:
    body = packet.body
    if packet.direction is Direction.OUTBOUND:
        state.unseen_from = None
        if isinstance(body, IcmpSpec) and state.protocol in ("IPPROTO_TCP", "IPPROTO_UDP"):
            yield Finding(
                packet.position,
                f"an ICMP packet is never matched while the newest socket is of {state.protocol}: this times out",
                "expect it with a socket of IPPROTO_ICMP",
            )
        state.values.update(_timestamps(body))
        return
    state.unseen_from = state.unseen_from or event
    if not isinstance(body, TcpSpec):
        return
    yield from _child(body, packet, state)
    for option in body.options or ():
        stamp = option.option if isinstance(option, PlainOption) else None
        if not isinstance(stamp, Timestamps) or not body.flags.mask & ACK or scaled:
            continue
        if stamp.ecr not in state.values:
            yield Finding(
                option.position,
                f"no expected packet before has TS val {stamp.ecr}: the script fails when it comes here",
                "echo a val that is written in an expected packet; <...> and packets without the option teach none",
            )


def _timestamps(body: object) -> Iterator[int]:
    for option in (body.options or ()) if isinstance(body, TcpSpec) else ():
        if isinstance(option, PlainOption) and isinstance(option.option, Timestamps):
            yield option.option.val
        elif isinstance(option, TimestampPattern) and option.val is not None:
            yield option.val


def _child(body: TcpSpec, packet: PacketEvent, state: _State) -> Iterator[Finding]:
    """Follow how inbound packets make connections (section 4.2)."""
    is_syn = body.flags.mask & (SYN | ACK) == SYN
    if state.is_listening:
        state.is_listening, state.is_child, state.under_test = False, True, None
        if not is_syn:
            yield Finding(
                packet.position,
                "the first packet to a listening socket begins a connection, whatever its flags are",
                "begin with a SYN",
            )
    elif is_syn and state.is_child and not state.is_mptcp:
        yield Finding(
            packet.position,
            "this SYN has the addresses and ports of the connection before: it is no second connection",
            "call socket(), bind() and listen() again for another connection",
        )


def _call(call: SyscallEvent, event: Event, state: _State) -> Iterator[Finding]:
    fd = call.arguments[0].value if call.arguments and isinstance(call.arguments[0], Integer) else None
    result = call.result.value if isinstance(call.result, Integer) else -1
    if call.name not in _NO_FD_FIRST and fd in state.closed:
        yield Finding(
            call.position,
            f"descriptor {fd} is closed: the script fails with 'unable to find fd', so no EBADF can be expected",
            "leave the call out",
        )
    yield from _blocks(call, fd, result, state)
    if call.name in _SENDS:
        state.unseen_from = state.unseen_from or event
    if call.name in _MAKE_FD and result >= 0:
        state.closed.discard(result)
    if call.name == "socket" and result >= 0:
        protocol = call.arguments[-1] if call.arguments else None
        state.protocol = protocol.name if isinstance(protocol, Word) else ""
        state.under_test, state.is_listening, state.is_child = result, False, False
    elif call.name == "listen" and fd == state.under_test:
        state.is_listening = True
    elif call.name == "accept" and result >= 0 and state.under_test is None:
        state.under_test = result
    elif call.name == "close" and result == 0 and fd is not None:
        state.closed.add(fd)


def _blocks(call: SyscallEvent, fd: int | None, result: int, state: _State) -> Iterator[Finding]:
    """Follow O_NONBLOCK as far as it is written, and find the connect() that never lets the script go on."""
    words = {word for argument in call.arguments for word in _words(argument)}
    if "O_NONBLOCK" in words and fd is not None:
        state.nonblocking.add(fd)
    if call.name == "socket" and "SOCK_NONBLOCK" in words:
        state.nonblocking.add(result)
    state.is_quick = state.is_quick or "TCP_FASTOPEN_CONNECT" in words
    is_stuck = call.name == "connect" and call.end is None and result == 0 and state.protocol == "IPPROTO_TCP"
    if is_stuck and fd not in state.nonblocking and not state.is_quick and "AF_UNSPEC" not in words:
        yield Finding(
            call.position,
            "connect() waits for the answer to its SYN, and the script does not go on to give one",
            "give it an end: +0...0.1 connect(…), or set O_NONBLOCK and expect -1 EINPROGRESS",
        )


def _words(node: object) -> Iterator[str]:
    if isinstance(node, Word):
        yield node.name
    for name in ("left", "right", "items"):
        inner = getattr(node, name, None)
        for each in inner if isinstance(inner, tuple) else () if inner is None else (inner,):
            yield from _words(each)


def _code(code: CodeBlock, state: _State) -> Iterator[Finding]:
    if state.is_child and state.under_test is None:
        yield Finding(
            code.position,
            "the newest socket has no descriptor before accept(): the block fails",
            "place the block behind accept()",
        )
    elif state.under_test is not None and state.under_test in state.closed:
        yield Finding(
            code.position, "the newest socket is closed here: the block fails", "place the block before close()"
        )


def command_findings(command: Command) -> Iterator[Finding]:
    """Yield the traps of a shell command."""
    text = command.text.strip()
    if re.search(r"[^\\\s;&|]\s*(?:\n|;)\s*[^\s#;]", text) and "set -e" not in text:
        yield Finding(
            command.position,
            "only the status of the last line counts: the others may fail unnoticed",
            "join them with &&, or begin with set -e",
        )
    if found := re.search(r"\btun[1-9]\d*\b", text):
        yield Finding(command.position, f"the device is called tun0, never {found[0]}", "write tun0")


def _end(state: _State) -> Iterator[Finding]:
    if state.unseen_from is not None:
        yield Finding(
            state.unseen_from.position,
            "what the stack sends from here on is never looked at: the script passes whatever it is",
            "end with an expected packet, for instance by provoking an answer",
            is_note=True,
        )
