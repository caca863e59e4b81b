"""SEGMENT ARRIVES in LISTEN (RFC 9293, 3.10.7.2): pure, no connection needed."""

from reference_stack.rules import ListenRule, ListenVerdict, Rule, RuleSet
from wire.tcp import ACK, RST, SYN, TcpSegment


def ignore_reset(segment: TcpSegment) -> ListenVerdict:
    """First: an incoming RST should be ignored; return."""
    return ListenVerdict.DROP if segment.flags & RST else ListenVerdict.NEXT


def reset_ack(segment: TcpSegment) -> ListenVerdict:
    """Second: any acknowledgment is bad if it arrives in LISTEN; a reset is formed from its ACK field."""
    return ListenVerdict.RESET if segment.flags & ACK else ListenVerdict.NEXT


def accept_syn(segment: TcpSegment) -> ListenVerdict:
    """Third: a SYN makes a connection; other controls and text are queued for later."""
    return ListenVerdict.ACCEPT if segment.flags & SYN else ListenVerdict.NEXT


def drop_other(segment: TcpSegment) -> ListenVerdict:  # noqa: ARG001
    """Fourth: anything else is dropped."""
    return ListenVerdict.DROP


LISTEN_RULES: tuple[Rule[ListenRule], ...] = (
    Rule("listen/ignore-reset", "rfc9293/3.10.7.2", ignore_reset),
    Rule("listen/reset-ack", "rfc9293/3.10.7.2", reset_ack),
    Rule("listen/accept-syn", "rfc9293/3.10.7.2", accept_syn),
    Rule("listen/drop-other", "rfc9293/3.10.7.2", drop_other),
)

_DEFAULT = RuleSet(listen=LISTEN_RULES)


def listen_decision(segment: TcpSegment, *, rules: RuleSet = _DEFAULT) -> ListenVerdict:
    """Tell whether LISTEN drops the segment, resets its sender (`closed_reset` makes the reset) or accepts it.

    `rules` is the personality's rule set. Never returns `ListenVerdict.NEXT`.
    """
    for rule in rules.listen:
        verdict = rule.function(segment)
        if verdict is not ListenVerdict.NEXT:
            return verdict
    return ListenVerdict.DROP
