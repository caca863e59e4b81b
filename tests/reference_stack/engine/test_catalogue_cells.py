"""The state x event catalogue of RFC 9293, section 3.10: which cells the engine's tests cover, why not others."""

import tomllib
from pathlib import Path

import conformance

# Importing the modules fills the list of what is covered.
from tests.reference_stack.engine import (  # noqa: F401
    test_acknowledgment,
    test_closed_and_listen,
    test_first_check,
    test_segment_arrives,
    test_syn_sent,
    test_timers,
    test_user_calls,
)
from tests.reference_stack.engine.cells import is_covered

CATALOGUE = Path(conformance.__file__).parent / "requirements" / "rfc9293-state-machine.toml"

NOT_ENGINE = {
    "-SEC-": "no security compartments (RFC 9293, appendix A.1)",
    "RFC9293-3.10.1-OPEN-": "opens of sockets are the host's business, but for OPEN-CLOSED-active",
    "-LISTEN-": "a listener belongs to the host; its decisions are covered in test_closed_and_listen",
    "RFC9293-3.10.2-SEND-CLOSED": "no connection exists",
    "RFC9293-3.10.3-RECEIVE-CLOSED": "no connection exists",
    "RFC9293-3.10.4-CLOSE-CLOSED": "no connection exists",
    "RFC9293-3.10.5-ABORT-CLOSED": "no connection exists",
    "RFC9293-3.10.6-STATUS-CLOSED": "no connection exists",
    "-SEG-CLOSED-dataloss": "the host has nobody to give the text to",
    "-SEG-CLOSED-state": "the rules of CLOSED are pure functions",
    "-SYN-TIME-WAIT-new-": "covered by test_time_wait",
    "-ACK-SYN-SENT-partial": "data on a SYN needs fast open, which this engine does not do",
    "-RST-SYN-SENT-rfc5961": "RCV.NXT is unknown in SYN-SENT without fast open",
    "-TEXT-ESTABLISHED-piggyback": "covered by test_the_ack_rides_on_data_that_is_sent_meanwhile",
    "-TEXT-ESTABLISHED-edge": "covered by test_receive_window",
}


def cells() -> list[str]:
    """Ids of all requirements of the catalogue."""
    with CATALOGUE.open("rb") as file:
        return [row["id"] for row in tomllib.load(file)["requirement"]]


def test_every_cell_is_covered_or_has_a_reason() -> None:
    open_cells = [cell for cell in cells() if not is_covered(cell) and not any(part in cell for part in NOT_ENGINE)]
    assert open_cells == []


def test_most_cells_are_covered_by_tests_of_the_engine() -> None:
    covered = [cell for cell in cells() if is_covered(cell)]
    assert len(covered) >= 240
