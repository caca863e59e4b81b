"""The personality ``rfc``: every MUST and SHOULD.

Where documents disagree the choice is named here. A reset ends TIME-WAIT as RFC 9293 (3.10.7.4) says, not as RFC 1337
would have it (``settings.rfc1337`` switches). A hard ICMP error in a synchronized state is taken as soft: RFC 5927
(5.2) against RFC 9293 (SHLD-26). The initial window is that of RFC 6928, and one segment after any lost SYN: RFC 5681
(3.1) is the stricter one there. With SACK losses are found by RFC 6675; RFC 8985 is a setting. F-RTO (RFC 5682) is on;
accurate ECN (RFC 9768), the user timeout option (RFC 5482) and path MTU probing (RFC 4821) are there and off.
"""

from reference_stack.arrival.closed import CLOSED_RULES, with_timestamps
from reference_stack.arrival.control import RESET_ERRNO
from reference_stack.arrival.listen import LISTEN_RULES
from reference_stack.arrival.tables import SYN_SENT_RULES, SYNCHRONIZED_RULES
from reference_stack.personality import Personality, Policies
from reference_stack.rules import Rule, RuleSet
from reference_stack.settings import ConnectionSettings
from reference_stack.timer_rules import TIMER_RULES
from reference_stack.user_calls import CALL_RULES

RULES = RuleSet(
    closed=tuple(Rule(rule.name, rule.section, with_timestamps(rule.function)) for rule in CLOSED_RULES),
    listen=LISTEN_RULES,
    syn_sent=SYN_SENT_RULES,
    synchronized=SYNCHRONIZED_RULES,
    timers=TIMER_RULES,
    calls=CALL_RULES,
)

SETTINGS = ConnectionSettings(
    rfc1337=False,
    fin_timeout_us=None,
    user_timeout_us=0,
    ecn=2,
    min_pmtu=68,
    min_snd_mss=8,
)


def create() -> Personality:
    """Return the personality."""
    return Personality(name="rfc", rules=RULES, settings=SETTINGS, policies=Policies(), reset_errors=RESET_ERRNO)
