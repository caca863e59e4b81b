"""The order that Linux keeps segments ahead of RCV.NXT in: a red-black tree, of which the newest segment sees one path.

What a segment is compared with on its way decides what is reported as a duplicate and what is copied together, so the
tree has the shape that insertion and removal give it in the kernel (lib/rbtree.c; tcp_data_queue_ofo()).
"""

from collections.abc import Iterator

from reference_stack.policies.linux.memory import Held

LEFT, RIGHT = 0, 1


class Node:
    """A buffer and its place in the tree."""

    __slots__ = ("children", "held", "is_red", "parent")

    def __init__(self, held: Held) -> None:
        self.held = held
        self.parent: Node | None = None
        self.children: list[Node | None] = [None, None]
        self.is_red = True


def _is_red(node: Node | None) -> bool:
    return node is not None and node.is_red


class SegmentTree:
    """Buffers by the sequence number they start at."""

    __slots__ = ("last", "root")

    def __init__(self) -> None:
        self.root: Node | None = None
        self.last: Node | None = None
        """The buffer that is furthest on."""

    def first(self) -> Node | None:
        """Return the buffer that starts first."""
        node = self.root
        while node is not None and (left := node.children[LEFT]) is not None:
            node = left
        return node

    def after(self, node: Node) -> Node | None:
        """Return the buffer that starts next."""
        following = node.children[RIGHT]
        if following is not None:
            while (left := following.children[LEFT]) is not None:
                following = left
            return following
        while node.parent is not None and node is node.parent.children[RIGHT]:
            node = node.parent
        return node.parent

    def __iter__(self) -> Iterator[Held]:
        node = self.first()
        while node is not None:
            yield node.held
            node = self.after(node)

    # --- changes -----------------------------------------------------------------------------------------------------

    def insert(self, held: Held, parent: Node | None, side: int) -> Node:
        """Hang a buffer below `parent`, and balance."""
        node = Node(held)
        node.parent = parent
        if parent is None:
            self.root = node
        else:
            parent.children[side] = node
        self._balance_inserted(node)
        return node

    def erase(self, node: Node) -> None:
        """Take a buffer out, and balance."""
        left, right = node.children
        if left is None or right is None:
            child, parent, is_short = left or right, node.parent, not node.is_red
            self._put(node, child)
        else:
            heir = right
            while (lower := heir.children[LEFT]) is not None:
                heir = lower
            child, is_short = heir.children[RIGHT], not heir.is_red
            parent = heir if heir is right else heir.parent
            if heir is not right:
                self._put(heir, child)
                heir.children[RIGHT] = right
                right.parent = heir
            heir.children[LEFT] = left
            left.parent = heir
            self._put(node, heir)
            heir.is_red = node.is_red
        if child is not None:
            child.is_red = False
        elif is_short and parent is not None:
            self._balance_erased(parent)

    def _put(self, old: Node, new: Node | None) -> None:
        """Let the parent of `old` have `new` in its place."""
        parent = old.parent
        if parent is None:
            self.root = new
        else:
            parent.children[RIGHT if parent.children[RIGHT] is old else LEFT] = new
        if new is not None:
            new.parent = parent

    def _rotate(self, node: Node, side: int) -> Node:
        """Move `node` down to `side`; return the child that takes its place."""
        child = node.children[1 - side]
        assert child is not None
        inner = child.children[side]
        self._put(node, child)
        node.children[1 - side] = inner
        if inner is not None:
            inner.parent = node
        child.children[side] = node
        node.parent = child
        return child

    def _balance_inserted(self, node: Node) -> None:
        while (parent := node.parent) is not None and parent.is_red:
            above = parent.parent
            assert above is not None
            side = RIGHT if above.children[RIGHT] is parent else LEFT
            uncle = above.children[1 - side]
            if uncle is not None and uncle.is_red:
                parent.is_red = uncle.is_red = False
                above.is_red = True
                node = above
                continue
            if node is parent.children[1 - side]:
                parent = self._rotate(parent, side)
            parent.is_red = False
            above.is_red = True
            self._rotate(above, 1 - side)
            return
        if node.parent is None:
            node.is_red = False

    def _balance_erased(self, parent: Node) -> None:
        """One black node is missing on one side below `parent`."""
        side = LEFT if parent.children[LEFT] is None else RIGHT
        while True:
            sibling = parent.children[1 - side]
            assert sibling is not None
            if sibling.is_red:
                sibling.is_red, parent.is_red = False, True
                self._rotate(parent, side)
                sibling = parent.children[1 - side]
                assert sibling is not None
            if not _is_red(sibling.children[1 - side]):
                if not _is_red(sibling.children[side]):
                    sibling.is_red = True
                    above = parent.parent
                    if parent.is_red or above is None:
                        parent.is_red = False
                        return
                    side, parent = (LEFT if above.children[LEFT] is parent else RIGHT), above
                    continue
                sibling = self._rotate(sibling, 1 - side)
            outer = sibling.children[1 - side]
            sibling.is_red, parent.is_red = parent.is_red, False
            if outer is not None:
                outer.is_red = False
            self._rotate(parent, side)
            return
