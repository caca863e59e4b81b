"""Proportional rate reduction (RFC 9937, which replaces RFC 6937): the window shrinks evenly during a recovery."""


class Prr:
    """The state of one episode (RFC 9937, 6.1). Everything is octets.

    `recover_fs` is the flight at the start without what was SACKed before, with what the first acknowledgment delivers.
    """

    __slots__ = ("delivered", "out", "recover_fs", "smss", "ssthresh")

    def __init__(self, *, ssthresh: int, recover_fs: int, smss: int) -> None:
        self.ssthresh = ssthresh
        self.recover_fs = max(recover_fs, 1)
        self.smss = smss
        self.delivered = 0
        self.out = 0

    def on_sent(self, octets: int) -> None:
        """Data left, new or again."""
        self.out += octets

    def window(self, *, delivered: int, in_flight: int, is_safe: bool) -> int:
        """Return `cwnd` after an acknowledgment that delivered so much (6.2).

        `is_safe`: SND.UNA advanced and no further loss was indicated.
        """
        self.delivered += delivered
        if in_flight > self.ssthresh:
            count = -(-self.delivered * self.ssthresh // self.recover_fs) - self.out
        else:
            count = max(self.delivered - self.out, delivered)
            if is_safe:
                count += self.smss
            count = min(self.ssthresh - in_flight, count)
        if self.out == 0:
            # 6.2: the fast retransmit leaves whatever the formula says.
            count = max(count, self.smss)
        return in_flight + max(count, 0)
