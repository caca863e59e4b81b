"""SEGMENT ARRIVES in CLOSED (RFC 9293, 3.10.7.1): pure, no connection needed."""

from reference_stack.rules import ClosedRule, Rule, RuleSet
from reference_stack.sequence import MASK
from wire.options import Md5, Timestamps
from wire.tcp import ACK, RST, TcpSegment


def ignore_reset(segment: TcpSegment) -> TcpSegment | bool:
    """An incoming segment containing a RST is discarded: a reset never answers a reset."""
    return bool(segment.flags & RST)


def ignore_signed(segment: TcpSegment) -> TcpSegment | bool:
    """A segment with an MD5 signature is not answered where no key is known (measured on Linux 6.18)."""
    return any(isinstance(option, Md5) for option in segment.options)


def reset_without_ack(segment: TcpSegment) -> TcpSegment | bool:
    """Without an ACK the reset has sequence number zero and acknowledges the whole segment."""
    if segment.flags & ACK:
        return False
    return TcpSegment(segment.dst_port, segment.src_port, 0, (segment.seq + segment.seg_len) & MASK, RST | ACK, 0)


def reset_with_ack(segment: TcpSegment) -> TcpSegment | bool:
    """With an ACK the reset takes its sequence number from the ACK field."""
    return TcpSegment(segment.dst_port, segment.src_port, segment.ack, 0, RST, 0)


def with_timestamps(rule: ClosedRule) -> ClosedRule:
    """Return the rule with timestamps on the reset when the segment had them (RFC 7323, 5.2: TSval 0, TSecr echoed)."""

    def with_echo(segment: TcpSegment) -> TcpSegment | bool:
        reset = rule(segment)
        if isinstance(reset, bool):
            return reset
        for option in segment.options:
            if isinstance(option, Timestamps):
                return reset._replace(options=(Timestamps(0, option.val),))
        return reset

    with_echo.__doc__ = rule.__doc__
    return with_echo


CLOSED_RULES: tuple[Rule[ClosedRule], ...] = (
    Rule("closed/ignore-reset", "rfc9293/3.10.7.1", ignore_reset),
    Rule("closed/reset-without-ack", "rfc9293/3.10.7.1", reset_without_ack),
    Rule("closed/reset-with-ack", "rfc9293/3.10.7.1", reset_with_ack),
)

_DEFAULT = RuleSet(closed=CLOSED_RULES)


def closed_reset(segment: TcpSegment, *, rules: RuleSet = _DEFAULT) -> TcpSegment | None:
    """Return the reset that answers a segment without a connection, or None for silence (RFC 9293, 3.10.7.1).

    `rules` is the personality's rule set; its first rule that answers wins.
    """
    for rule in rules.closed:
        answer = rule.function(segment)
        if answer is not False:
            return answer if isinstance(answer, TcpSegment) else None
    return None
