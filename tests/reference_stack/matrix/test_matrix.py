"""The state x event matrix of RFC 9293, section 3.10: each cell of the catalogue is played on the reference stack."""

import tomllib
from pathlib import Path

import pytest

import conformance
from tests.reference_stack.matrix import arrivals, calls, hosts, windows  # noqa: F401 (each registers its checks)
from tests.reference_stack.matrix.cell import CHECKS, Cell, checks_of

CATALOGUE = Path(conformance.__file__).parent / "requirements" / "rfc9293-state-machine.toml"
OUTSIDE = {
    "SEC-*": "the stack has no security compartments (RFC 9293, appendix A.1, leaves them to multilevel systems)",
    "SYN-LISTEN-specific": "sockets cannot name the remote socket of a passive open",
    "SEND-LISTEN-specified": "sockets cannot name the remote socket of a passive open",
    "OPEN-CLOSED-denied": "the simulated process is privileged",
}
"""Cells that no stack behind a sockets interface has, each with the reason."""


def rows() -> dict[str, str]:
    """Names of the cells with their state."""
    with CATALOGUE.open("rb") as file:
        catalogue = tomllib.load(file)["requirement"]
    return {row["id"].split("-", 2)[2]: row["state"] for row in catalogue}


ROWS = rows()
INSIDE = [name for name in ROWS if not name.startswith("SEC-") and name not in OUTSIDE]


def test_the_catalogue_has_all_cells() -> None:
    assert len(ROWS) == 311
    assert len(INSIDE) == 311 - 14


@pytest.mark.parametrize("name", INSIDE)
def test_the_stack_reacts_as_the_cell_says(name: str) -> None:
    patterns = checks_of(name)
    assert len(patterns) == 1, f"a cell has one check, this one has {patterns}"
    CHECKS[patterns[0]](Cell(name, ROWS[name]))


def test_no_check_is_idle() -> None:
    used = {pattern for name in INSIDE for pattern in checks_of(name)}
    assert sorted(set(CHECKS) - used) == []
