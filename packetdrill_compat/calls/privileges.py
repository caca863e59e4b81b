"""cap_set: capabilities of whoever makes the calls (section 5.2, capabilities(7))."""

from packetdrill_compat.calls.arguments import Arguments, call_error
from packetdrill_compat.calls.base import CallContext, Prepared, register
from targets.calls import CapSet

_SETS = range(3)  # CAP_EFFECTIVE, CAP_PERMITTED, CAP_INHERITABLE of libcap
_CAPABILITIES = range(64)
_CLEAR_OR_SET = range(2)


@register("cap_set")
def _cap_set(_context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(3)
    which, capability, value = (args.integer(index) for index in range(3))
    if which not in _SETS or capability not in _CAPABILITIES or value not in _CLEAR_OR_SET:
        raise call_error(
            "Error in cap_set_flag()",
            next_step="write a set (CAP_EFFECTIVE …), a capability (CAP_NET_RAW …), and CAP_SET or CAP_CLEAR",
        )
    # Its result is checked as that of a call that makes a descriptor, in packetdrill as here.
    return Prepared(CapSet(which, capability, is_raised=bool(value)), makes_fd=True)
