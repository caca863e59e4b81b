"""The personality ``freebsd``: TCP as FreeBSD's tcp(4) describes it, 14 and later.

The page is the source of the settings and their defaults. Where it is silent, the RFC holds, or what can be read off
the test suite that FreeBSD's own developers publish for packetdrill: the order of the options, that a buffer is rounded
up to whole segments, and what ``insecure_syn`` and ``insecure_rst`` do.
"""

from dataclasses import replace
from errno import ECONNRESET

from reference_stack.arrival import freebsd as arrival
from reference_stack.arrival.control import RESET_ERRNO
from reference_stack.personalities import rfc
from reference_stack.personality import Personality, Policies
from reference_stack.policies.dragonfly.timing import DragonflyLimits
from reference_stack.policies.freebsd.blackhole import BlackHoleDetection
from reference_stack.policies.freebsd.errors import FreebsdIcmpErrors, FreebsdResets
from reference_stack.policies.freebsd.receiving import FreebsdSackGenerator
from reference_stack.policies.freebsd.sending import FreebsdSegmentOptions, FreebsdSegmentSizes, FreebsdTransmission
from reference_stack.policies.freebsd.timing import FreebsdDelayedAck, FreebsdTimeWait, freebsd_rtt
from reference_stack.policies.freebsd.window import FreebsdReceiveWindow
from reference_stack.rules import Rule
from reference_stack.settings import ConnectionSettings
from reference_stack.states import State

RULES = (
    rfc.RULES.replace("listen/reset-ack", arrival.drop_syn_ack)
    .replace("reset/validate", arrival.check_reset)
    .replace("sequence/acceptable", arrival.check_sequence)
    .replace("sequence/trim", arrival.trim)
)
RULES = replace(
    RULES,
    syn_sent=(
        Rule("syn-fin/drop-opening", "tcp(4)/drop_synfin", arrival.drop_syn_fin),
        Rule("syn-fin/ignore-fin", "rfc9293/3.10.7.3", arrival.ignore_fin),
        *RULES.syn_sent,
    ),
    synchronized=(
        Rule("time-wait/acknowledge", "rfc9293/3.10.7.4", arrival.acknowledge_in_time_wait),
        Rule("sequence/window", "tcp(4)", arrival.open_window),
        Rule("syn-fin/drop", "tcp(4)/drop_synfin", arrival.drop_syn_fin),
        Rule("syn/insecure", "tcp(4)/insecure_syn", arrival.check_syn),
        *RULES.synchronized,
    ),
)

SETTINGS = ConnectionSettings(
    congestion_control="cubic",
    sndbuf=32_768,
    rcvbuf=65_536,
    rmem_max=2_097_152,
    ecn=2,
    rfc1337=True,
    min_pmtu=68,
    min_snd_mss=8,
    keepcnt=8,
    keeps_unread_data=True,
    fin_timeout_us=60_000_000,
    rto_min_us=30_000,
    delack_us=40_000,
    default_mss=536,
    ecn_retries=1,
    always_keepalive=True,
)

POLICIES = Policies(
    rtt=freebsd_rtt,
    delayed_ack=FreebsdDelayedAck,
    options=FreebsdSegmentOptions,
    mss=FreebsdSegmentSizes,
    mtu_search=BlackHoleDetection,
    window=FreebsdReceiveWindow,
    sack=FreebsdSackGenerator,
    limits=DragonflyLimits,
    time_wait=FreebsdTimeWait,
    icmp=FreebsdIcmpErrors,
    resets=FreebsdResets,
    transmission=FreebsdTransmission,
)


RESET_ERRORS = {**RESET_ERRNO, State.CLOSING: ECONNRESET, State.LAST_ACK: ECONNRESET}


def create() -> Personality:
    """Return the personality."""
    return Personality(name="freebsd", rules=RULES, settings=SETTINGS, policies=POLICIES, reset_errors=RESET_ERRORS)
