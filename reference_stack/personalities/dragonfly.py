"""The personality ``dragonfly``: TCP as DragonFly BSD's tcp(4) of April 2018 describes it.

The page is the source. Where it gives no number the one of DragonFly's own source is taken (named at the setting, see
`reference_stack.host.sysctls_bsd`), and where it says nothing of a behaviour that Stevens describes for 4.4BSD ("TCP/IP
Illustrated"), that: a connection that is given up is reset, octets that were received stay readable after an error,
and an orphan in FIN-WAIT-2 is dropped after eleven minutes and 15 seconds. Everything else is as in the RFCs. The page
wins over the source where they differ: TCP_NOPUSH holds full segments back too, and the options of keep-alive count
seconds.

Not there, because tcp(4) does not have it: CUBIC, ECN, TCP_INFO, TCP Fast Open. Not there although the page has it:
answering along a reversed source route, and flushing reassembly queues when memory is short, which a simulated host
never is.
"""

from reference_stack.arrival.control import RESET_ERRNO
from reference_stack.personalities.rfc import RULES
from reference_stack.personality import Personality, Policies
from reference_stack.policies.dragonfly.errors import DragonflyIcmpErrors, DragonflyResets
from reference_stack.policies.dragonfly.sending import (
    DragonflySegmentOptions,
    DragonflySegmentSizes,
    DragonflyTransmission,
)
from reference_stack.policies.dragonfly.start import DragonflyCongestionStart
from reference_stack.policies.dragonfly.timing import (
    DragonflyDelayedAck,
    DragonflyLimits,
    DragonflyTimeWait,
    dragonfly_rtt,
)
from reference_stack.settings import ConnectionSettings

SETTINGS = ConnectionSettings(
    sndbuf=57_344,
    rcvbuf=57_344,
    rmem_max=57_344,
    ecn=0,
    rfc1337=False,
    min_pmtu=68,
    min_snd_mss=8,
    keepcnt=8,
    keeps_unread_data=True,
    # Stevens, TCP/IP Illustrated, volume 1, 18.6: ten minutes and 75 seconds.
    fin_timeout_us=675_000_000,
    rto_min_us=1_000_000,
    always_keepalive=True,
)

POLICIES = Policies(
    rtt=dragonfly_rtt,
    congestion=DragonflyCongestionStart,
    delayed_ack=DragonflyDelayedAck,
    transmission=DragonflyTransmission,
    options=DragonflySegmentOptions,
    mss=DragonflySegmentSizes,
    limits=DragonflyLimits,
    resets=DragonflyResets,
    time_wait=DragonflyTimeWait,
    icmp=DragonflyIcmpErrors,
)


def create() -> Personality:
    """Return the personality."""
    return Personality(name="dragonfly", rules=RULES, settings=SETTINGS, policies=POLICIES, reset_errors=RESET_ERRNO)
