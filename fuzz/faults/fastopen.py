"""Faults in Fast Open (RFC 7413): cookies that are not looked at, text that comes twice or never."""

from ipaddress import ip_address
from typing import Any

from fuzz.faults.alter import Replacement, alter
from fuzz.faults.registry import Area
from reference_stack.arrival.arrival import Arrival
from reference_stack.core import ConnectionCore, FourTuple
from reference_stack.host.fastopen import cookie
from reference_stack.host.sockets import TcpSocket
from reference_stack.host.tcplayer import TcpLayer
from reference_stack.policies.options import SegmentOptions
from reference_stack.rules import ArrivalRule, Verdict
from reference_stack.states import State
from wire.options import FastOpen
from wire.tcp import SYN, TcpSegment

FAST_OPEN = Area("tfo")
Answer = tuple[bool, FastOpen | None]
"""Whether the SYN opens the connection, and the cookie that is granted."""
_LENGTHS = range(4, 17, 2)


def _cookie_of(syn: TcpSegment) -> bytes | None:
    return next((option.cookie for option in syn.options if isinstance(option, FastOpen)), None)


@FAST_OPEN.host("_around.sysctls.number", "tfo-switch-ignored", "RFC 7413 4.2")
def overlook_switch(original: Replacement, _settings: object, name: str, index: int = 0) -> int:
    """The bits of tcp_fastopen are not looked at: clients and listeners have it, with cookies."""
    value: int = original(name, index)
    return 3 if name == "net.ipv4.tcp_fastopen" else value


# --- the server -------------------------------------------------------------------------------------------------------


@FAST_OPEN.host("tcp._fast_open", "tfo-cookie-unchecked", "RFC 7413 4.2.2")
def believe_any_cookie(
    original: Replacement, _tcp: TcpLayer, listener: TcpSocket, name: FourTuple, syn: TcpSegment, *, now: int
) -> Answer:
    """Text is taken with any cookie."""
    answer: Answer = original(listener, name, syn, now=now)
    return (True, None) if _cookie_of(syn) and answer[1] is not None else answer


@FAST_OPEN.host("tcp._fast_open", "tfo-cookie-length", "RFC 7413 4.1.1")
def use_any_length(
    original: Replacement, _tcp: TcpLayer, listener: TcpSocket, name: FourTuple, syn: TcpSegment, *, now: int
) -> Answer:
    """A cookie of a length that none can have is used like another, and answered by a good one."""
    asked = _cookie_of(syn)
    if asked and len(asked) not in _LENGTHS:
        syn = syn._replace(options=(FastOpen(bytes(8)),))
    answer: Answer = original(listener, name, syn, now=now)
    return answer


@FAST_OPEN.host("tcp._fast_open", "tfo-cookie-of-the-neighbour", "RFC 7413 4.1.2")
def bind_to_network(
    original: Replacement, tcp: TcpLayer, listener: TcpSocket, name: FourTuple, syn: TcpSegment, *, now: int
) -> Answer:
    """A cookie is good for every client of a network."""
    answer: Answer = original(listener, name, syn, now=now)
    base = int(ip_address(name.remote_ip)) & ~0xFF
    kind = type(ip_address(name.remote_ip))
    keys = listener.fastopen_keys or tcp._fast_open_keys()
    near = {cookie(keys[0], str(kind(base + host)), name.local_ip) for host in range(1, 5)}
    return (True, None) if answer[1] is not None and _cookie_of(syn) in near else answer


@FAST_OPEN.host("tcp._fast_open", "tfo-cookie-prefix-enough", "RFC 7413 4.1.2")
def compare_the_beginning(
    original: Replacement, _tcp: TcpLayer, listener: TcpSocket, name: FourTuple, syn: TcpSegment, *, now: int
) -> Answer:
    """Of a cookie only as much is compared as came."""
    opens, granted = original(listener, name, syn, now=now)
    asked = _cookie_of(syn)
    return (True, None) if granted and asked and granted.cookie.startswith(asked) else (opens, granted)


@FAST_OPEN.host("tcp._fast_open", "tfo-good-cookie-refused", "RFC 7413 4.2.2")
def never_open(
    original: Replacement, _tcp: TcpLayer, listener: TcpSocket, name: FourTuple, syn: TcpSegment, *, now: int
) -> Answer:
    """The text of a SYN is never taken, whatever cookie comes with it."""
    return False, original(listener, name, syn, now=now)[1]


@FAST_OPEN.host("tcp._fast_open", "tfo-no-new-cookie", "RFC 7413 4.2.2", "RFC 7413 4.2.1")
def grant_nothing(
    original: Replacement, _tcp: TcpLayer, listener: TcpSocket, name: FourTuple, syn: TcpSegment, *, now: int
) -> Answer:
    """No cookie is granted."""
    return original(listener, name, syn, now=now)[0], None


@FAST_OPEN.host("tcp._fast_open", "tfo-without-being-asked", "RFC 7413 2", "RFC 7413 4.2")
def open_for_everyone(
    original: Replacement, _tcp: TcpLayer, listener: TcpSocket, name: FourTuple, syn: TcpSegment, *, now: int
) -> Answer:
    """Every listener has Fast Open, and without a limit."""
    limit, listener.pending_opens.limit = listener.pending_opens.limit, 1000
    answer: Answer = original(listener, name, syn, now=now)
    listener.pending_opens.limit = limit
    return answer


@FAST_OPEN.connection("accept_syn", "tfo-cookie-in-every-syn-ack", "RFC 7413 4.2.2")
def repeat_cookie(
    original: Replacement, connection: ConnectionCore, segment: TcpSegment, *, option: Any = None, **rest: Any
) -> None:
    """A SYN-ACK that is sent again carries the cookie again."""
    original(segment, option=option, **rest)

    def with_cookie(sound: Replacement, _options: SegmentOptions, *arguments: Any, **keywords: Any) -> Any:
        connection.first_syn_option = option
        return sound(*arguments, **keywords)

    alter(connection.options, "syn", with_cookie)


@FAST_OPEN.rule("syn-received/syn-again", "tfo-duplicate-delivery", "RFC 7413 2.1", "RFC 9293 3.10.7.4")
def deliver_again(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """The text of a SYN that comes twice is delivered twice."""
    text = arrival.segment.payload
    again = connection.tcb.state is State.SYN_RECEIVED and arrival.flags & SYN and connection.is_early
    verdict = original(connection, arrival)
    if again:
        connection.receive_queue.append(text)
    return verdict


@FAST_OPEN.rule("sequence/acceptable", "tfo-option-outside-syn", "RFC 7413 4.1.1")
def drop_with_option(original: ArrivalRule, connection: ConnectionCore, arrival: Arrival) -> Verdict:
    """A segment without SYN is dropped when it has a Fast Open option."""
    is_odd = _cookie_of(arrival.segment) is not None and not arrival.flags & SYN
    return Verdict.STOP if is_odd else original(connection, arrival)
