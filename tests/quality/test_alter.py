"""One object is altered and no other: methods, properties and constants, with and without slots."""

from functools import partial

from fuzz.faults.alter import alter


class Thing:
    __slots__ = ("size",)
    LIMIT = 10

    def __init__(self, size: int) -> None:
        self.size = size

    def doubled(self, *, plus: int = 0) -> int:
        return 2 * self.size + plus

    @property
    def half(self) -> int:
        return self.size // 2


def test_only_the_altered_object_changes() -> None:
    sound, altered = Thing(4), Thing(4)
    alter(altered, "doubled", lambda original, thing, **keywords: original(**keywords) + thing.size)
    assert (sound.doubled(plus=1), altered.doubled(plus=1)) == (9, 13)


def test_properties_and_constants_can_be_replaced() -> None:
    thing = Thing(4)
    alter(thing, "half", lambda original, _thing: original() + 100)
    alter(thing, "LIMIT", 3)
    assert (thing.half, thing.LIMIT, Thing.LIMIT) == (102, 3, 10)


def test_equal_alterations_share_a_class() -> None:
    first, second = Thing(1), Thing(2)
    function = partial(lambda _original, _thing: 7)
    alter(first, "half", function)
    alter(second, "half", function)
    assert type(first) is type(second)
