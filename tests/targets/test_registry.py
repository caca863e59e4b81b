"""Targets by name: the entry-point group is the only list."""

from importlib.metadata import EntryPoint

import pytest

from targets import registry
from targets.base import TargetError
from targets.registry import create_target, target_names
from tests.packetdrill_compat.play.fake import FakeTarget


def test_the_bundled_targets_are_known() -> None:
    assert {"reference", "kernel"} <= set(target_names())


def test_the_bundled_targets_are_the_entry_points_of_this_distribution() -> None:
    found = {entry.name: entry.value for entry in registry.installed() if entry.name in registry.BUNDLED}
    assert found == registry.BUNDLED


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(TargetError, match=r"no target 'nosuch'; known targets are: .*kernel.*reference"):
        create_target("nosuch:argument")


def test_a_plug_in_is_found_and_gets_its_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("mine", "tests.targets.test_registry:create", registry.GROUP)
    monkeypatch.setattr(registry, "installed", lambda: (entry,))
    assert create_target("mine:there", size=3).name == "there of size 3"
    with pytest.raises(TargetError, match="does not take that"):
        create_target("mine:there", colour="red")
    with pytest.raises(TargetError, match="no such place"):
        create_target("mine:nowhere")


def test_a_plug_in_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("broken", "no.such.module:create", registry.GROUP)
    monkeypatch.setattr(registry, "installed", lambda: (entry,))
    with pytest.raises(TargetError, match=r"'broken' cannot be loaded from no\.such\.module:create"):
        create_target("broken")


def create(place: str, *, size: int = 1) -> FakeTarget:
    """The factory of the plug-in in these tests."""
    if place == "nowhere":
        raise ValueError("no such place")
    return FakeTarget(name=f"{place} of size {size}")
