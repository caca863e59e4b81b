"""Planted faults: known mistakes of TCP implementations, each put into the reference stack on its own.

They measure the suite. A script that passes on the sound stack and fails with a fault in it can find that fault; a
fault that nothing finds shows where tests are missing (``python -m benchmarks power``). The stack knows nothing of
them: a fault takes the place of one named rule, of one method of a policy, or of one method of the connection or host,
when a target is made.

    from fuzz import faults
    target = faults.create("paws-missing")            # a ReferenceTarget like any other
    faults.FAULTS["paws-missing"].title               # "Old timestamps are not rejected."
"""

from fuzz.faults import (  # noqa: F401 (each module registers its faults)
    acknowledging,
    closing,
    congestion,
    dragonfly,
    fastopen,
    opening,
    options,
    receiving,
    recovering,
    resetting,
    selective,
    sending,
    signatures,
    sockets,
    stamping,
    timing,
)
from fuzz.faults.registry import FAULTS, Fault, create

__all__ = ["FAULTS", "Fault", "create"]
