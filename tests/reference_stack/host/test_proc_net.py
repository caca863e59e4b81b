"""``/proc/net/tcp``: the columns of Linux' proc_net_tcp.rst, lines compared with those of 6.18.44."""

import pytest

from tests.reference_stack.host.world import World


def lines(world: World, name: str) -> list[list[str]]:
    outcome = world.host.shell(f"cat /proc/net/{name}", now=world.now)
    assert outcome.status == 0
    return [line.split() for line in outcome.output.splitlines()[1:]]


def test_a_listener_and_a_connection_have_a_line_each() -> None:
    world = World()
    fd = world.established()
    world.write(fd, 5)
    world.inject("P. 1:4(3) ack 1")
    listener, connection = lines(world, "tcp")
    assert listener[:5] == ["0:", "0100A8C0:1F90", "00000000:0000", "0A", "00000000:00000000"]
    assert connection[:5] == [
        "1:",
        "0100A8C0:1F90",
        "020000C0:9C40".replace("020000C0", "010200C0"),
        "01",
        "00000005:00000003",
    ]
    assert lines(world, "tcp6") == []


@pytest.mark.parametrize(
    ("kind", "address"),
    [("ipv6", "0B0A3DFD0000D6170000000001000000"), ("mapped", "0000000000000000FFFF00000100A8C0")],
)
def test_ipv6_sockets_are_in_a_table_of_their_own(kind: str, address: str) -> None:
    world = World(kind)
    world.listen()
    (line,) = lines(world, "tcp6")
    assert line[1] == f"{address}:1F90"
    assert lines(world, "tcp") == []


def test_a_listener_is_found_with_grep() -> None:
    world = World()
    world.listen()
    command = 'grep " 0A " /proc/net/tcp /proc/net/tcp6 | grep ":1F90"'
    assert world.host.shell(command, now=world.now).status == 0
    assert world.host.shell(command.replace("1F90", "1F91"), now=world.now).status == 1
