"""The nplab dialect behind the seam of `play.dialects` (language specification, section 10.1)."""

from packetdrill_compat.play.dialects import Dialect


class NplabDialect(Dialect):
    """The FreeBSD fork: what its calls and its end of test do otherwise."""

    name = "nplab"
    waits_for_blocked_call = False
    has_non_fatal_calls = True
    cleanup_needs_init = False
