"""Rules that hold for every TCP: a recorded trace goes in, violations come out.

`check_trace` runs all registered oracles. An oracle judges only what is certain from the packets of both directions:
it knows nothing of sockets, timers or personalities, so it holds for any stack in any state.
"""

from oracles import sequence
from oracles.base import ORACLES, Oracle, Violation, check_trace

__all__ = ["ORACLES", "Oracle", "Violation", "check_trace", "sequence"]
