"""ICMP errors: errno as in Linux' table, hard and soft as in RFC 1122 4.2.3.9 and RFC 9293 3.9.2.2."""

import pytest

from reference_stack.host.errnos import Errno
from reference_stack.host.icmp import IcmpReading, read_error


@pytest.mark.parametrize(
    ("version", "kind", "code", "rest", "expected"),
    [
        (4, 3, 0, 0, IcmpReading(Errno.ENETUNREACH, False, is_unreachable=True)),
        (4, 3, 1, 0, IcmpReading(Errno.EHOSTUNREACH, False, is_unreachable=True)),
        (4, 3, 2, 0, IcmpReading(Errno.ENOPROTOOPT, True)),
        (4, 3, 3, 0, IcmpReading(Errno.ECONNREFUSED, True)),
        (4, 3, 4, 1400, IcmpReading(Errno.EMSGSIZE, False, 1400)),
        (4, 3, 4, 0, IcmpReading(Errno.EMSGSIZE, False, 0)),
        (4, 3, 4, 7 << 16 | 1400, IcmpReading(Errno.EMSGSIZE, False, 1400)),
        (4, 3, 5, 0, IcmpReading(Errno.EOPNOTSUPP, False)),
        (4, 3, 13, 0, IcmpReading(Errno.EHOSTUNREACH, True)),
        (4, 3, 16, 0, None),
        (4, 11, 0, 0, IcmpReading(Errno.EHOSTUNREACH, False)),
        (4, 12, 0, 0, IcmpReading(Errno.EPROTO, False)),
        (4, 5, 1, 0, None),
        (6, 1, 0, 0, IcmpReading(Errno.ENETUNREACH, False, is_unreachable=True)),
        (6, 1, 1, 0, IcmpReading(Errno.EACCES, True)),
        (6, 1, 3, 0, IcmpReading(Errno.EHOSTUNREACH, False)),
        (6, 1, 4, 0, IcmpReading(Errno.ECONNREFUSED, True)),
        (6, 2, 0, 1400, IcmpReading(Errno.EMSGSIZE, False, 1400)),
        (6, 3, 0, 0, IcmpReading(Errno.EHOSTUNREACH, False)),
        (6, 4, 1, 0, IcmpReading(Errno.EPROTO, True)),
        (6, 128, 0, 0, None),
    ],
)
def test_an_icmp_error_is_read(version: int, kind: int, code: int, rest: int, expected: IcmpReading | None) -> None:
    assert read_error(version, kind, code, rest) == expected


def test_source_quench_is_ignored() -> None:
    # RFC 6633 section 3: a host must silently ignore it.
    assert read_error(4, 4, 0, 0) is None
