"""Scripts that are good until a test breaks them, and the question whether a text is one clear error."""

import re

LISTEN = """\
0   socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0  bind(3, ..., ...) = 0
+0  listen(3, 1) = 0
"""
ESTABLISHED = (
    LISTEN
    + """\
+.1 < S 0:0(0) win 65535 <mss 1460>
+0  > S. 0:0(0) ack 1 <...>
+.1 < . 1:1(0) ack 1 win 65535
+0  accept(3, ..., ...) = 4
"""
)
LINES = ESTABLISHED.count("\n")
"""What a test appends begins at the line behind."""

_OF_PYTHON = ("Traceback (most recent call last)", "INTERNALERROR", "Exception ignored in", "\n    raise ")


def assert_clear(text: str) -> None:
    """Assert that a text for a user holds nothing that only a programmer understands."""
    assert [each for each in _OF_PYTHON if each in text] == []


def places(text: str) -> list[str]:
    """Return the places in scripts that a text names: ``a.pkt:3:5`` or ``a.pkt:3``."""
    return re.findall(r"^(?:\S*/)?(\S+\.pkt:\d+(?::\d+)?): ", text, re.MULTILINE)
