"""The personality ``linux``: constants and choices of Linux 6.18, so that packetdrill scripts for Linux pass.

Not there: automatic tuning of the receive buffer, autocorking.
"""

from errno import ECONNRESET, EPIPE

from reference_stack.arrival import linux as arrival
from reference_stack.arrival.closed import CLOSED_RULES, ignore_signed
from reference_stack.arrival.control import RESET_ERRNO
from reference_stack.arrival.linux_time_wait import TIME_WAIT_RULES
from reference_stack.arrival.listen import LISTEN_RULES
from reference_stack.arrival.tables import SYN_SENT_RULES, SYNCHRONIZED_RULES
from reference_stack.personality import Personality, Policies
from reference_stack.policies.linux.acking import LinuxDelayedAck
from reference_stack.policies.linux.ecn import LinuxEcn
from reference_stack.policies.linux.icmp import LinuxIcmpErrors
from reference_stack.policies.linux.misc import (
    LinuxChallengeAck,
    LinuxLimits,
    LinuxProbes,
    LinuxResets,
    LinuxSegmentOptions,
    LinuxSegmentSizes,
    LinuxTimeWait,
)
from reference_stack.policies.linux.mtu_search import LinuxMtuSearch
from reference_stack.policies.linux.sack import LinuxSackGenerator
from reference_stack.policies.linux.start import LinuxCongestionStart, linux_rtt
from reference_stack.policies.linux.timing import LinuxRoundTripTimer
from reference_stack.policies.linux.transmission import LinuxTransmission
from reference_stack.policies.linux.window import LinuxReceiveWindow
from reference_stack.policies.opening import ForgetfulOpening
from reference_stack.rules import Rule, RuleSet
from reference_stack.settings import ConnectionSettings
from reference_stack.states import State
from reference_stack.timer_rules import TIMER_RULES
from reference_stack.user_calls import CALL_RULES

RULES = (
    RuleSet(
        closed=(Rule("closed/ignore-signed", "rfc2385/2.0", ignore_signed), *CLOSED_RULES),
        listen=LISTEN_RULES,
        syn_sent=SYN_SENT_RULES,
        synchronized=SYNCHRONIZED_RULES,
        time_wait=TIME_WAIT_RULES,
        timers=TIMER_RULES,
        calls=CALL_RULES,
    )
    .without("timestamps/missing")
    .replace("syn-sent/text", arrival.take_syn_ack_text)
    .replace("syn-sent/fin", arrival.take_syn_ack_fin)
    .replace("syn-received/syn-again", arrival.repeat_syn_ack)
    .replace("syn-sent/ack", arrival.check_syn_sent_ack)
    .replace("listen/accept-syn", arrival.drop_syn_with_fin)
    .replace("timestamps/paws", arrival.protect_against_wrap)
    .replace("sequence/acceptable", arrival.check_sequence)
    .replace("sequence/trim", arrival.trim)
    .replace("syn/challenge", arrival.check_syn)
    .replace("syn-received/ack", arrival.complete_handshake)
    .replace("ack/ancient", arrival.reject_ancient_ack)
    .replace("ack/future", arrival.reject_future_ack)
    .replace("ack/window", arrival.update_window)
    .replace("reset/validate", arrival.check_reset)
    .replace("ack/close", arrival.follow_close)
    # tcp_rcv_established() drops what has none of ACK, RST and SYN before it looks at anything else.
    .replace("ack/missing", arrival.require_ack)
    .moved("ack/missing", before="timestamps/paws")
    # tcp_data_queue(): what is wrong with the acknowledgment is seen before what was there already.
    .moved("sequence/trim", before="urgent/pointer")
    .replace("text/take", arrival.take_text)
)

SETTINGS = ConnectionSettings(
    congestion_control="cubic",
    sndbuf=16_384,
    max_tso_segments=65_535,
    rcvbuf=131_072,
    rmem_max=33_554_432,
    ecn=2,
    rfc1337=False,
    fin_timeout_us=60_000_000,
    fin_timeout_turn_us=60_000_000,
    keeps_unread_data=True,
    syn_linear_timeouts=4,
    challenge_ack_limit=2**31 - 1,
    accepts_unknown_ao=False,
)

POLICIES = Policies(
    sack=LinuxSackGenerator,
    rtt=linux_rtt,
    congestion=LinuxCongestionStart,
    timing=LinuxRoundTripTimer,
    delayed_ack=LinuxDelayedAck,
    transmission=LinuxTransmission,
    window=LinuxReceiveWindow,
    mss=LinuxSegmentSizes,
    icmp=LinuxIcmpErrors,
    options=LinuxSegmentOptions,
    mtu_search=LinuxMtuSearch,
    challenge=LinuxChallengeAck,
    limits=LinuxLimits,
    probes=LinuxProbes,
    resets=LinuxResets,
    time_wait=LinuxTimeWait,
    opening=ForgetfulOpening,
    ecn=LinuxEcn,
)

RESET_ERRORS = {**RESET_ERRNO, State.CLOSE_WAIT: EPIPE, State.SYN_RECEIVED: ECONNRESET}
"""tcp(7), EPIPE: the other end closed, then reset. Only a reset in SYN-SENT is reported as "connection refused"."""


def create() -> Personality:
    """Return the personality."""
    return Personality(name="linux", rules=RULES, settings=SETTINGS, policies=POLICIES, reset_errors=RESET_ERRORS)
