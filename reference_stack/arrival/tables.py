"""The tables of SEGMENT ARRIVES, in the order of RFC 9293, section 3.10.7. The third check, security, is not there:
this stack knows no security compartments (RFC 9293, appendix A.1 leaves them to multilevel-secure systems).
"""

from reference_stack import early
from reference_stack.arrival import acknowledgment, content, control, order, syn_sent
from reference_stack.rules import ArrivalRule, Rule

SYN_SENT_RULES: tuple[Rule[ArrivalRule], ...] = (
    Rule("syn-sent/ack", "rfc9293/3.10.7.3", syn_sent.check_ack),
    Rule("syn-sent/reset", "rfc9293/3.10.7.3", syn_sent.check_reset),
    Rule("syn-sent/other", "rfc9293/3.10.7.3", syn_sent.require_syn),
    Rule("syn-sent/syn", "rfc9293/3.10.7.3", syn_sent.take_syn),
    Rule("syn-sent/urgent", "rfc9293/3.10.7.3", content.check_urgent),
    Rule("syn-sent/text", "rfc9293/3.10.7.3", content.take_text),
    Rule("syn-sent/fin", "rfc9293/3.10.7.3", content.take_fin),
)

SYNCHRONIZED_RULES: tuple[Rule[ArrivalRule], ...] = (
    Rule("time-wait/fin-again", "rfc9293/3.10.7.4", order.restart_time_wait),
    Rule("timestamps/missing", "rfc7323/3.2", order.require_timestamps),
    Rule("timestamps/paws", "rfc7323/5.3", order.protect_against_wrap),
    Rule("syn-received/syn-again", "rfc9293/3.5", order.repeat_syn_ack),
    Rule("sequence/acceptable", "rfc9293/3.10.7.4", order.check_sequence),
    Rule("reset/validate", "rfc5961/3.2", control.check_reset),
    Rule("sequence/trim", "rfc9293/3.10.7.4", order.trim),
    Rule("timestamps/recent", "rfc7323/4.3", order.update_recent_timestamp),
    Rule("syn/challenge", "rfc5961/4.2", control.check_syn),
    Rule("ack/missing", "rfc9293/3.10.7.4", acknowledgment.require_ack),
    Rule("syn-received/early-ack", "rfc7413/4.2.2", early.take_handshake_ack),
    Rule("syn-received/ack", "rfc9293/3.10.7.4", acknowledgment.complete_handshake),
    Rule("ack/ancient", "rfc5961/5.2", acknowledgment.reject_ancient_ack),
    Rule("ack/future", "rfc9293/3.10.7.4", acknowledgment.reject_future_ack),
    Rule("ack/advance", "rfc9293/3.10.7.4", acknowledgment.take_ack),
    Rule("ack/window", "rfc9293/3.10.7.4", acknowledgment.update_window),
    Rule("user-timeout/option", "rfc5482/3.1", content.take_user_timeout),
    Rule("ack/close", "rfc9293/3.10.7.4", acknowledgment.follow_close),
    Rule("ecn/marks", "rfc3168/6.1.3", content.note_congestion_marks),
    Rule("urgent/pointer", "rfc9293/3.10.7.4", content.check_urgent),
    Rule("text/take", "rfc9293/3.10.7.4", content.take_text),
    Rule("fin/take", "rfc9293/3.10.7.4", content.take_fin),
)
