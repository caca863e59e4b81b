"""The scripts of the suite themselves: what every one of them must have."""

import re
from functools import cache
from pathlib import Path

import pytest

import conformance
from conformance import catalogue
from packetdrill_compat.header import Header, read_header
from targets.base import LINUX, LINUX_SETTINGS

ROOT = Path(conformance.__file__).parent
SCRIPTS = sorted(ROOT.rglob("*.pkt"))


@cache
def headers() -> dict[str, Header]:
    return {
        path.relative_to(ROOT).as_posix(): read_header(path.read_text(encoding="utf-8"), str(path)) for path in SCRIPTS
    }


def test_every_requirement_that_a_script_names_is_in_the_catalogue() -> None:
    known = catalogue.load()
    unknown = [(name, each) for name, header in headers().items() for each in header.requirements if each not in known]
    assert unknown == []


def test_every_script_begins_with_a_sentence_about_what_it_shows() -> None:
    assert [name for name, header in headers().items() if not re.search(r"[.!?:]$", header.title)] == []


def test_every_script_names_a_requirement_unless_it_must_fail() -> None:
    assert [name for name, each in headers().items() if not each.requirements and each.expect != "fail"] == []


def test_a_requirement_about_one_system_is_checked_on_that_system_only() -> None:
    known = catalogue.load()
    wrong = []
    for name, header in headers().items():
        named = [each for each in map(known.get, header.requirements) if each is not None]
        systems = {system for each in named for system in each.systems}
        if named and "all" not in systems and not (header.systems and set(header.systems) <= systems):
            wrong.append(name)
    assert wrong == []


def test_a_script_that_sets_what_only_linux_has_says_so() -> None:
    lacking = []
    for path in SCRIPTS:
        header = headers()[path.relative_to(ROOT).as_posix()]
        is_setting = re.search(r"\bnet\.(ipv4|ipv6|core)\.", path.read_text(encoding="utf-8"))
        if is_setting and not (header.systems == (LINUX,) or LINUX_SETTINGS in header.capabilities):
            lacking.append(path.name)
    assert lacking == []


def test_no_two_scripts_of_one_folder_differ_only_in_case() -> None:
    names = [name.lower() for name in headers()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("pattern", ["/work", "/home/", "/root/", "/tmp/"])
def test_no_script_names_a_path_of_one_machine(pattern: str) -> None:
    assert [str(path) for path in SCRIPTS if pattern in path.read_text(encoding="utf-8")] == []
