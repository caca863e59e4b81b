"""The red-black tree of segments ahead of RCV.NXT."""

import random

import pytest

from reference_stack.policies.linux.early import LEFT, RIGHT, Node, SegmentTree
from reference_stack.policies.linux.memory import Frame, Held


def add(tree: SegmentTree, start: int) -> Node:
    parent, above, side = None, tree.root, LEFT
    while above is not None:
        side = LEFT if start < above.held.start else RIGHT
        parent, above = above, above.children[side]
    return tree.insert(Held(start, start + 1, Frame(0, 0)), parent, side)


def black_height(node: Node | None) -> int:
    """Return the number of black nodes on every way down; the rules of the tree hold below."""
    if node is None:
        return 1
    for side in (LEFT, RIGHT):
        child = node.children[side]
        if child is not None:
            assert child.parent is node
            assert not (node.is_red and child.is_red)
            assert (child.held.start > node.held.start) is (side == RIGHT)
    heights = {black_height(child) for child in node.children}
    assert len(heights) == 1
    return heights.pop() + (not node.is_red)


@pytest.mark.parametrize("seed", range(20))
def test_the_tree_stays_in_order_and_balanced(seed: int) -> None:
    dice, tree = random.Random(seed), SegmentTree()
    nodes: dict[int, Node] = {}
    for _ in range(300):
        if nodes and dice.random() < 0.45:
            start = dice.choice(list(nodes))
            tree.erase(nodes.pop(start))
        else:
            start = dice.choice([at for at in range(200) if at not in nodes])
            nodes[start] = add(tree, start)
        assert [held.start for held in tree] == sorted(nodes)
        assert tree.root is None or not tree.root.is_red
        black_height(tree.root)


def test_segments_in_order_make_the_tree_of_the_kernel() -> None:
    # lib/rbtree.c, by hand: 1 to 6 in order end with 2 above, 4 red on its right with 3 and 5, and 6 red below 5.
    tree = SegmentTree()
    for start in range(1, 7):
        add(tree, start)
    root = tree.root
    assert root is not None
    assert root.held.start == 2
    right = root.children[RIGHT]
    assert right is not None
    assert (right.held.start, right.is_red) == (4, True)
    assert [child and (child.held.start, child.is_red) for child in right.children] == [(3, False), (5, False)]
