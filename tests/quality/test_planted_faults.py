"""The suite finds known mistakes: each planted fault makes the tests named for it fail, in the way that was judged."""

import tomllib
from functools import cache

import pytest

from fuzz.faults import FAULTS, Fault
from targets.reference import create
from tests.quality.cases import ROOT, Case, hunt, named, passes, sound
from tests.quality.python_cases import python_tests

Row = dict[str, str]
TABLE = ROOT / "tests" / "quality" / "planted.toml"
ROWS: list[Row] = tomllib.loads(TABLE.read_text(encoding="utf-8"))["planted"]

# Faults that no test of the suite finds yet on the reference stack, each with what is missing. The list only shrinks.
NOT_FOUND = {
    "rto-backoff-not-kept": "Linux keeps no backoff either; a test for the rules of RFC 6298 alone is missing",
}


@cache
def case_of(name: str) -> Case:
    return named(name, python_tests)


@cache
def is_sound(name: str, rules: str) -> bool:
    return passes(case_of(name), rules)


def shown(row: Row) -> str:
    return f"{row['fault']} / {row['case'].rpartition('/')[2]}"


@pytest.mark.parametrize("row", ROWS, ids=shown)
def test_a_planted_fault_is_found_in_the_way_that_was_judged(row: Row) -> None:
    case = case_of(row["case"])
    if reason := case.unsupported():
        pytest.skip(f"unsupported: {reason}")
    rules = row.get("rules", "rfc")
    assert is_sound(row["case"], rules), "fails on the sound stack"
    found = hunt(case, FAULTS[row["fault"]], rules)
    assert found is not None, "the fault is not found"
    assert (found.kind, found.at) == (row["kind"], row["at"]), found.why


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_changes_only_the_target_that_it_is_planted_in(fault: Fault) -> None:
    personality = sound("rfc")
    planted = fault.plant(personality)
    assert planted.name == f"rfc+{fault.id}"
    assert personality == sound("rfc")
    assert create(personality).personality_name == "rfc"


def test_every_row_names_a_fault_and_a_case() -> None:
    assert {row["fault"] for row in ROWS} <= set(FAULTS)
    assert [row["case"] for row in ROWS if not case_of(row["case"])] == []


def test_every_fault_is_found_by_something_or_known_not_to_be() -> None:
    assert set(FAULTS) - {row["fault"] for row in ROWS} == set(NOT_FOUND)
