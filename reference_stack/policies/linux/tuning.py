"""What a Linux receive buffer is tuned by: how much the application reads in a round trip (tcp_rcv_space_adjust())."""

Micros = int


class ReadingRate:
    """Octets read in one round trip, and the round trip as a receiver sees it. Sequence numbers are the unbounded ones.

    `space` is the most that was read in a round trip so far (``tcpi_rcv_space``), 0 before the first text.
    """

    __slots__ = ("_echo", "_eighths", "_read_from", "_since", "_window_end", "_window_since", "space")

    def __init__(self) -> None:
        self.space = 0
        self._eighths = 0
        """Eight times the round trip, 0 while there is none."""
        self._echo: int | None = None
        self._read_from = 0
        self._since: Micros = 0
        self._window_end = 0
        self._window_since: Micros | None = None

    @property
    def rtt(self) -> Micros:
        """The round trip (``tcpi_rcv_rtt``), 0 while there is none."""
        return self._eighths >> 3

    def begin(self, space: int, *, read_seq: int, now: Micros) -> None:
        """The connection is established, and that much counts as read in a round trip."""
        self.space, self._read_from, self._since = space, read_seq, now

    # --- the round trip ----------------------------------------------------------------------------------------------

    def on_window(self, *, rcv_nxt: int, window: int, now: Micros) -> None:
        """Text came in order: a whole window takes at least a round trip, so the least of such times is an estimate."""
        if self._window_since is not None:
            if rcv_nxt < self._window_end:
                return
            self._take(max(now - self._window_since, 1), is_window=True, is_read=True)
        self._window_end, self._window_since = rcv_nxt + window, now

    def is_new_echo(self, echo: int) -> bool:
        """Tell whether a timestamp is echoed for the first time, and remember it."""
        is_new, self._echo = echo != self._echo, echo
        return is_new

    def on_echo(self, delay: Micros, *, is_read: bool) -> None:
        """A full segment echoed a timestamp `delay` microseconds old; `is_read` says that nothing waits to be read."""
        if delay > 0:
            self._take(delay, is_window=False, is_read=is_read)

    def _take(self, sample: Micros, *, is_window: bool, is_read: bool) -> None:
        if not self._eighths or sample << 3 < self._eighths:
            self._eighths = sample << 3
        elif not is_window and is_read:
            self._eighths += sample - (self._eighths >> 3)

    # --- reading -----------------------------------------------------------------------------------------------------

    def on_read(self, *, read_seq: int, rcv_nxt: int, now: Micros) -> int | None:
        """The application has read up to `read_seq`: return what it read in a round trip, if that is a new most."""
        if not self._eighths or now - self._since < self.rtt:
            return None
        read = read_seq - self._read_from - (rcv_nxt - read_seq)
        self._read_from, self._since = read_seq, now
        return read if read > self.space else None
