"""Positions: lines and columns from 1. Source: language specification, section 1.3 (line of an event)."""

from packetdrill_compat.ast import PacketEvent, Position, SyscallEvent, TcpSpec
from tests.packetdrill_compat.reading.helpers import read, refused

SCRIPT = """\
--mtu=1500
`init`

  0
  socket(..., SOCK_STREAM,
         IPPROTO_TCP) = 3
+0 > [ect0] S. 0:0(0) ack 1 <mss 5,
                             nop,nop,nop,nop>
"""


def test_an_event_stands_where_its_time_stands() -> None:
    script = read(SCRIPT)
    assert [event.position for event in script.events] == [Position(4, 3), Position(7, 1)]
    assert [event.time.position for event in script.events] == [Position(4, 3), Position(7, 1)]
    assert script.options[0].position == Position(1, 1)
    assert script.init
    assert script.init.position == Position(2, 1)


def test_parts_have_positions_of_their_own() -> None:
    first, second = (event.action for event in read(SCRIPT).events)
    assert isinstance(first, SyscallEvent)
    assert isinstance(second, PacketEvent)
    assert isinstance(second.body, TcpSpec)
    assert first.position == Position(5, 3)
    assert [argument.position for argument in first.arguments] == [Position(5, 10), Position(5, 15), Position(6, 10)]
    assert first.result.position == Position(6, 25)
    assert second.position == Position(7, 4)
    assert second.info
    assert second.info.position == Position(7, 7)
    assert second.body.options
    assert [option.position for option in second.body.options][:2] == [Position(7, 30), Position(8, 30)]


def test_errors_have_positions() -> None:
    error = refused("0 `a\nb`\n  +0 > . 1:1(0) ack\n5000000000")
    assert error.position == Position(4, 1)
    assert refused("--mtu=1500\n  --bind_port=0\n0 `true`").position == Position(2, 3)


def test_the_end_of_the_script_has_a_position() -> None:
    assert refused("").position == Position(1, 1)
    assert refused("`init`\n").position == Position(2, 1)


def test_a_tab_is_one_column() -> None:
    assert refused("0\t>\t?").position == Position(1, 5)
