"""What Linux 6.18 was measured to do with windows that shrink, with repeated SYNs, and with the echo of a mark."""

import pytest

from tests.reference_stack.engine.scene import Out, Scene, established, syn_received_passive
from wire.options import Mss
from wire.tcp import CWR


@pytest.mark.parametrize(("name", "window"), [("linux", 65535), ("rfc", 2000)])
def test_a_smaller_window_with_the_same_numbers_is_not_taken(name: str, window: int) -> None:
    # Measured: after "ack 1 win 65535" an "ack 1 win 2000" does not stop three segments. RFC 9293, 3.10.7.4, takes it.
    scene = established(name=name)
    scene.arrive("A", window=2000)
    assert scene.connection.tcb.snd_wnd == window


@pytest.mark.parametrize(("change", "window"), [({"window": 0}, 0), ({"seq": 2, "window": 9}, 9), ({"ack": 2}, 65535)])
def test_a_closed_window_a_newer_segment_or_a_new_ack_sets_it(change: dict[str, int], window: int) -> None:
    scene = established(name="linux")
    scene.write(1)
    scene.arrive("A", data=b"x")
    scene.arrive("A", **{"seq": 2, **change})
    assert scene.connection.tcb.snd_wnd == window


def opened(name: str) -> Scene:
    """A SYN that asks for ECN, and the same without the flags before the handshake ends."""
    scene = syn_received_passive(flags="SEW", name=name, ecn=1)
    scene.arrive("S", seq=0, options=(Mss(1460),))
    scene.connection.take_segments()
    scene.arrive("A")
    scene.write(10)
    return scene


@pytest.mark.parametrize(("name", "codepoint"), [("linux", 2), ("rfc", 0)])
def test_a_plain_syn_again_ends_ecn_in_the_rfc_only(name: str, codepoint: int) -> None:
    # RFC 3168, 6.1.1, SHOULD NOT; Linux goes on (measured).
    assert [each.ecn for each in opened(name).connection.take_outgoing()] == [codepoint]


@pytest.mark.parametrize("name", ["linux", "rfc"])
def test_the_echo_of_a_mark_is_answered_by_cwr_also_when_everything_is_acknowledged(name: str) -> None:
    # RFC 3168, 6.1.2; measured on Linux.
    scene = syn_received_passive(flags="SEW", name=name, ecn=1, nodelay=True)
    scene.arrive("A")
    scene.write(1000)
    scene.expect(Out("PA", length=1000))
    scene.arrive("EA", ack=1001)
    seen = []
    for _ in range(2):
        scene.write(10)
        seen += [bool(segment.flags & CWR) for segment in scene.connection.take_segments()]
    assert seen == [True, False]
