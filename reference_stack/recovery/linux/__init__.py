"""Loss recovery as Linux does it: five states, RACK and loss probes (RFC 8985), proportional rate reduction (RFC 6937),
F-RTO (RFC 5682), and undoing of reductions that were not needed (RFC 3522, RFC 3708).

`LinuxRecovery` is made of mixins, one a mechanism, over the variables in `state`.
"""

from reference_stack.recovery.linux.recovery import LinuxRecovery

__all__ = ["LinuxRecovery"]
