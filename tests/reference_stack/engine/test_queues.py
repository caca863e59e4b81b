"""Send queue, receive queue, reassembly and SACK generation on their own."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from reference_stack.reassembly import ReassemblyQueue
from reference_stack.receive_queue import ReceiveQueue
from reference_stack.sack import SackGenerator
from reference_stack.send_queue import SendQueue

TEXT = bytes(range(256)) * 4


def test_the_send_queue_is_addressed_by_sequence_number() -> None:
    queue = SendQueue(1000)
    queue.append(b"hello ")
    queue.append(b"world")
    assert queue.slice(1003, 1008) == b"lo wo"
    assert queue.acknowledge(1006) == 6
    assert (queue.start, queue.end, len(queue)) == (1006, 1011, 5)
    assert queue.slice(1006, 1011) == b"world"
    assert queue.acknowledge(1000) == 0
    assert queue.acknowledge(5000) == 5
    assert queue.start == 1011


def test_the_receive_queue_gives_what_came_in_pieces_of_any_size() -> None:
    queue = ReceiveQueue(50)
    for piece in (b"abc", b"", b"defg", b"h"):
        queue.append(piece)
    assert queue.peek(5) == b"abcde"
    assert queue.peek(3, skip=4) == b"efg"
    assert queue.take(5) == b"abcde"
    assert (queue.read_seq, queue.octets) == (55, 3)
    assert queue.take(100) == b"fgh"
    assert queue.take(1) == b""


def test_islands_grow_together() -> None:
    queue = ReassemblyQueue()
    queue.insert(10, TEXT[10:20])
    queue.insert(30, TEXT[30:40])
    assert queue.ranges() == [(10, 20), (30, 40)]
    queue.insert(20, TEXT[20:30])
    assert queue.ranges() == [(10, 40)]
    assert b"".join(queue.pop(10)) == TEXT[10:40]
    assert queue.octets == 0


def test_the_first_duplicate_part_is_told() -> None:
    # RFC 2883, 4.2.3: of two duplicate parts the first is reported.
    queue = ReassemblyQueue()
    queue.insert(500, TEXT[:500])
    queue.insert(1500, TEXT[:500])
    assert queue.insert(400, TEXT[:1024]) == (500, 1000)
    assert queue.insert(450, TEXT[:10]) == (450, 460)
    assert queue.insert(3000, TEXT[:10]) is None


def test_octets_that_came_first_stay() -> None:
    queue = ReassemblyQueue()
    queue.insert(10, b"AAAA")
    queue.insert(8, b"bbbbbbbb")
    assert b"".join(queue.pop(8)) == b"bbAAAAbb"


def test_popping_cuts_what_was_delivered_already() -> None:
    queue = ReassemblyQueue()
    queue.insert(10, TEXT[10:20])
    assert b"".join(queue.pop(15)) == TEXT[15:20]
    queue.insert(10, TEXT[10:20])
    assert queue.pop(25) == []


def test_too_many_islands_are_shed_from_the_right_but_not_the_newest() -> None:
    # RFC 2018, section 8.
    queue = ReassemblyQueue(max_islands=3)
    for start in (10, 30, 50, 70):
        queue.insert(start, b"x")
    assert queue.ranges() == [(10, 11), (30, 31), (70, 71)]
    queue.insert(20, b"x")
    assert queue.ranges() == [(10, 11), (20, 21), (30, 31)]
    assert queue.octets == 3


@given(st.lists(st.tuples(st.integers(1, 300), st.integers(1, 60)), max_size=40))
def test_whatever_the_order_the_stream_comes_out(pieces: list[tuple[int, int]]) -> None:
    queue = ReassemblyQueue()
    held: set[int] = set()
    for start, length in pieces:
        queue.insert(start, TEXT[start : start + length])
        held |= set(range(start, start + length))
        ranges = queue.ranges()
        assert queue.octets == len(held) == sum(end - begin for begin, end in ranges)
        assert all(left[1] < right[0] for left, right in pairwise(ranges))
    queue.insert(0, TEXT[:1])
    end = 0
    while end in held | {0}:
        end += 1
    assert b"".join(queue.pop(0)) == TEXT[:end]


def test_the_newest_island_is_reported_first_and_the_others_by_age() -> None:
    # RFC 2018, section 4, rules (a) to (c).
    queue, sack = ReassemblyQueue(), SackGenerator()
    for start in (100, 300, 500, 700, 900):
        queue.insert(start, TEXT[:50])
        sack.on_arrival(start)
    assert sack.blocks(queue, 3) == ((900, 950), (700, 750), (500, 550))
    queue.insert(150, TEXT[:50])
    sack.on_arrival(150)
    assert sack.blocks(queue, 3) == ((100, 200), (900, 950), (700, 750))


def test_a_duplicate_goes_first_and_once() -> None:
    # RFC 2883, section 4.
    queue, sack = ReassemblyQueue(), SackGenerator()
    queue.insert(400, TEXT[:100])
    sack.on_arrival(400)
    sack.on_duplicate(200, 250)
    assert sack.blocks(queue, 4) == ((200, 250), (400, 500))
    assert sack.blocks(queue, 4) == ((400, 500),)


def test_a_duplicate_inside_an_island_is_followed_by_the_island() -> None:
    # RFC 2883, 4.2.2.
    queue, sack = ReassemblyQueue(), SackGenerator()
    queue.insert(400, TEXT[:100])
    sack.on_arrival(400)
    sack.on_duplicate(420, 430)
    assert sack.blocks(queue, 4) == ((420, 430), (400, 500))
