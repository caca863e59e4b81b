"""Every statement of the documents about Linux that can be observed is shown by something, or known to be missing."""

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from conformance.catalogue import DIRECTORY
from packetdrill_compat.header import read_header
from reference_stack.host.sysctl_rows import SysctlError
from reference_stack.host.sysctls import SysctlSettings
from reference_stack.personality import personality

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("linux-fastopen", "linux-tcp7", "linux-send", "busybox-tcp")
TABLE = tomllib.loads((ROOT / "tests" / "quality" / "statements.toml").read_text(encoding="utf-8"))
Statement = dict[str, str]


@cache
def statements() -> dict[str, Statement]:
    """Return the statements that can be observed, by id."""
    found = {}
    for name in DOCUMENTS:
        rows = tomllib.loads((DIRECTORY / f"{name}.toml").read_text(encoding="utf-8"))["requirement"]
        found.update({row["id"]: row for row in rows if row["observable"] != "none"})
    return found


@cache
def checked_by_scripts() -> frozenset[str]:
    """Return the ids that conformance scripts and tests name and that the rules of Linux can play."""
    ids: set[str] = set()
    for path in (ROOT / "conformance").rglob("*.pkt"):
        header = read_header(path.read_text(encoding="utf-8", errors="surrogateescape"), str(path))
        if not header.systems or "linux" in header.systems:
            ids.update(header.requirements)
    for path in (ROOT / "conformance").rglob("test_*.py"):
        ids.update(re.findall(r'requirement\("([\w.-]+)"\)', path.read_text(encoding="utf-8")))
    return frozenset(ids)


@cache
def names_of_tests() -> frozenset[str]:
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    conformance = (path.read_text(encoding="utf-8") for path in (ROOT / "conformance").rglob("test_*.py"))
    return frozenset(name for text in (*texts, *conformance) for name in re.findall(r"^def (test_\w+)", text, re.M))


def removed() -> dict[str, str]:
    """Return settings that Linux has no more, by the id of the statement about them."""
    gone = (key for key, row in statements().items() if row["linux_6_18"] == "removed")
    return {key: match[1] for key in gone if (match := re.search(r"SYSCTL-(\w+)-\d+$", key))}


def test_every_statement_is_checked_by_a_script_or_listed() -> None:
    listed = {*TABLE["shown"], *TABLE["missing"], *removed()}
    assert sorted(statements().keys() - checked_by_scripts() - listed) == []


def test_nothing_is_listed_that_a_script_checks_or_that_is_no_statement() -> None:
    listed = {*TABLE["shown"], *TABLE["missing"]}
    assert sorted(listed - statements().keys()) == []
    assert sorted(listed & checked_by_scripts()) == []
    assert sorted(TABLE["shown"].keys() & TABLE["missing"].keys()) == []


def test_the_tests_that_are_named_exist() -> None:
    assert sorted(set(TABLE["shown"].values()) - names_of_tests()) == []


@pytest.mark.parametrize("name", sorted(set(removed().values())))
def test_a_setting_that_linux_has_removed_is_unknown(name: str) -> None:
    with pytest.raises(SysctlError, match="No such file"):
        SysctlSettings(personality("linux").settings).read(f"net.ipv4.{name}")
