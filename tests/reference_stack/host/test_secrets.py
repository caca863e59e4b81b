"""Numbers of a host that nobody guesses (RFC 6528, RFC 7323 section 7.1, RFC 6437) and everybody can repeat."""

from reference_stack.connection import FourTuple
from reference_stack.host.isn import Secrets

ONE = FourTuple("192.168.0.1", 8080, "192.0.2.1", 40000)
OTHER = FourTuple("192.168.0.1", 8080, "192.0.2.1", 40001)


def test_the_isn_clock_ticks_every_four_microseconds() -> None:
    # RFC 9293, MUST-8 and section 3.4.1.
    secrets = Secrets(0)
    first = secrets.isn(ONE, now=1_000)
    assert (secrets.isn(ONE, now=1_003) - first) % 2**32 == 0
    assert (secrets.isn(ONE, now=1_000 + 4 * 77) - first) % 2**32 == 77


def test_isns_of_other_connections_are_unrelated_and_seeds_decide() -> None:
    # RFC 6528 section 3: each four-tuple has its own sequence number space.
    assert Secrets(0).isn(ONE, now=0) != Secrets(0).isn(OTHER, now=0)
    assert Secrets(0).isn(ONE, now=0) != Secrets(1).isn(ONE, now=0)
    assert Secrets(5).isn(ONE, now=9) == Secrets(5).isn(ONE, now=9)


def test_flow_labels_are_stable_and_never_zero() -> None:
    # RFC 6437 section 3: one flow, one nonzero label of 20 bits.
    labels = {Secrets(0).flow_label(FourTuple("::1", port, "::2", 1)) for port in range(200)}
    assert Secrets(0).flow_label(ONE) == Secrets(0).flow_label(ONE)
    assert min(labels) > 0
    assert max(labels) < 2**20
    assert len(labels) > 190


def test_timestamp_offsets_follow_the_pair_of_addresses() -> None:
    assert Secrets(0).timestamp_offset(ONE) == Secrets(0).timestamp_offset(OTHER)
    assert Secrets(0).timestamp_offset(ONE) != Secrets(1).timestamp_offset(ONE)
