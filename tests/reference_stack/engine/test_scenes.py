"""Every state can be reached by segments and calls alone."""

import pytest

from tests.reference_stack.engine import scene as scenes


@pytest.mark.parametrize("name", scenes.CONSTRUCTORS)
def test_the_scene_is_in_the_state_that_its_name_says(name: str) -> None:
    made = scenes.CONSTRUCTORS[name]()
    assert made.state.value == name.removesuffix("-passive").removesuffix("-active")


@pytest.mark.parametrize("name", scenes.CONSTRUCTORS)
def test_the_scene_is_reached_over_ipv6_too(name: str) -> None:
    made = scenes.CONSTRUCTORS[name](ip_version=6)
    assert made.state.value == name.removesuffix("-passive").removesuffix("-active")
