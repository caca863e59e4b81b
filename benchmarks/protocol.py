"""Protocol coverage: each RFC of the catalogue, where the reference stack does it, what tests it, and what is open.

The table is made anew each time, from the scripts and tests that are there: a stored one would soon be wrong.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
SUITE = ROOT / "conformance"
ENGINE = "tests/reference_stack/"


class Document(NamedTuple):
    """One document: modules of `reference_stack` that do it, tests of the engine, and why something is open."""

    done_in: str
    engine_tests: str
    holes: str = ""


DOCUMENTS = {
    "rfc1122": Document("arrival, policies/limits", "engine/test_timers", "what RFC 9293 took over is tested there"),
    "rfc1191": Document("policies/icmp", "engine/test_icmp_ecn_time_wait, host/test_icmp_delivery"),
    "rfc1337": Document("arrival/control (`rfc1337`)", "engine/test_icmp_ecn_time_wait", "scripts in `linux_tcp7`"),
    "rfc2018": Document("sack, recovery/scoreboard", "engine/test_options, engine/test_recovery"),
    "rfc2385": Document("authentication", "authentication/test_signing, host/test_signature_options"),
    "rfc2883": Document("sack, arrival/order", "engine/test_options"),
    "rfc3042": Document("recovery/newreno, recovery/rfc6675", "engine/test_recovery"),
    "rfc3168": Document("policies/ecn", "engine/test_icmp_ecn_time_wait"),
    "rfc3465": Document("congestion/reno", "engine/test_congestion", "L is one segment, which RFC 5681 allows"),
    "rfc4821": Document("policies/mtu_search", "linux", "off in the RFC personality unless ``tcp_mtu_probing``"),
    "rfc4987": Document("host/syncookies, host/listening", "host/test_syncookies", "all MAY; scripts in `linux_tcp7`"),
    "rfc5482": Document("policies/usertimeout", "engine/test_user_timeout_option", "no socket option switches it"),
    "rfc5681": Document("congestion/reno, recovery", "engine/test_congestion, engine/test_recovery"),
    "rfc5682": Document("recovery/frto, recovery/octets", "recovery/test_frto_prr_undo, recovery/test_rack"),
    "rfc5925": Document(
        "authentication",
        "authentication/test_signing, host/test_signature_options",
        "the measured kernel lacks it, so no script can be proven there; resets from CLOSED are not signed",
    ),
    "rfc5926": Document("authentication/algorithms, authentication/aes", "authentication/test_rfc9235 (RFC 9235)"),
    "rfc5927": Document("policies/icmp", "engine/test_icmp_ecn_time_wait"),
    "rfc5961": Document("arrival/control, arrival/acknowledgment, policies/challenge", "matrix, engine"),
    "rfc6093": Document("urgent, `urgent_points_to_last`", "engine/test_urgent", "scripts in `rfc9293/urgent`"),
    "rfc6191": Document("policies/time_wait", "engine/test_icmp_ecn_time_wait", "scripts in `rfc9293/close`"),
    "rfc6298": Document("rtt, policies/timing", "engine/test_rtt, engine/test_timers"),
    "rfc6528": Document("host/isn", "host/test_secrets", "an ISN is random to a script"),
    "rfc6582": Document("recovery/newreno", "engine/test_recovery"),
    "rfc6633": Document("host/icmp", "host/test_icmp_table"),
    "rfc6675": Document("recovery/rfc6675", "engine/test_recovery"),
    "rfc6691": Document("policies/mss", "engine/test_options", "scripts in `rfc9293`"),
    "rfc6928": Document("congestion/reno, policies/start", "engine/test_congestion"),
    "rfc6937": Document("recovery/prr (as RFC 9937)", "recovery/test_frto_prr_undo", "replaced by RFC 9937"),
    "rfc7323": Document("policies/options, arrival/order, policies/window", "engine/test_options"),
    "rfc7413": Document("another part of the stack", "host", "its scripts come with it"),
    "rfc7661": Document("congestion/validation", "recovery/test_congestion_controls", "control `newcwv`, by name"),
    "rfc8201": Document("policies/icmp", "engine/test_icmp_ecn_time_wait"),
    "rfc8311": Document("policies/accecn", "engine/test_accecn", "experiments that it permits are not done"),
    "rfc8684": Document("not in this stack", "", "Multipath TCP is played against kernels"),
    "rfc8985": Document("recovery/rack", "recovery/test_rack", "chosen by a setting, so scripts see RFC 6675"),
    "rfc9293": Document("arrival, user_calls, timer_rules, policies", "engine, matrix"),
    "rfc9293-state-machine": Document("arrival, user_calls, timer_rules", "matrix (every cell)"),
    "rfc9438": Document("congestion/cubic_octets", "recovery/test_congestion_controls", "chosen by TCP_CONGESTION"),
    "rfc9768": Document("policies/accecn", "engine/test_accecn"),
    "rfc9937": Document("recovery/prr", "recovery/test_frto_prr_undo, recovery/test_rack", "see RFC 8985"),
}


def requirements(name: str) -> list[dict[str, Any]]:
    """Rows of one file of the catalogue."""
    with (SUITE / "requirements" / f"{name}.toml").open("rb") as file:
        rows: list[dict[str, Any]] = tomllib.load(file)["requirement"]
    return rows


def named() -> Iterator[str]:
    """Ids of the requirements that scripts and Python tests of the suite name."""
    for path in SUITE.rglob("*.pkt"):
        for line in re.findall(r"^//: requirement (.*)$", path.read_text(encoding="utf-8", errors="replace"), re.M):
            yield from line.split()
    for path in SUITE.rglob("test_*.py"):
        yield from re.findall(r'requirement\(\s*"([^"]+)"', path.read_text(encoding="utf-8"))


def is_demanded(row: dict[str, Any]) -> bool:
    """A MUST or SHOULD that can be seen from outside."""
    return row["observable"] != "none" and not row["level"].startswith(("MAY", "OPTIONAL"))


def table(tested: set[str]) -> Iterator[str]:
    """One line a document."""
    yield "| document | demanded | in a script or test | done in `reference_stack/` | engine's tests |"
    yield "| --- | --- | --- | --- | --- |"
    for name, document in DOCUMENTS.items():
        rows = [row for row in requirements(name) if is_demanded(row)]
        count = sum(row["id"] in tested for row in rows)
        yield f"| {name} | {len(rows)} | {count} | {document.done_in} | {document.engine_tests or '-'} |"


def open_requirements(tested: set[str]) -> Iterator[str]:
    """What is demanded and named by no conformance test, with the reason where there is one."""
    for name, document in DOCUMENTS.items():
        rest = [row["id"] for row in requirements(name) if is_demanded(row) and row["id"] not in tested]
        if not rest:
            continue
        by_engine = f"the engine's tests of the topic are {document.engine_tests}" if document.engine_tests else ""
        reason = "; ".join(part for part in (document.holes, by_engine) if part)
        prefix = rest[0].split("-", 1)[0] + "-"
        yield f"- **{name}**: {reason}. {' '.join(each.removeprefix(prefix) for each in rest)}"


def page() -> str:
    """The whole document."""
    tested = set(named())
    lines = [
        "# Protocol coverage of the reference stack",
        "",
        "*Demanded*: MUST and SHOULD that can be seen from outside. The engine's tests stand in",
        "`tests/reference_stack/`; what proves a test able to fail is in `tests/quality/planted.toml`.",
        "",
        *table(tested),
        "",
        "## Demanded, and named by no conformance test",
        "",
        *open_requirements(tested),
        "",
        "## Not done",
        "",
        "- BBR and DCTCP. A control is a class with a few methods, so that a plug-in can register one.",
        "- The third check of RFC 9293, 3.10.7.4 (security compartments), see appendix A.1 there.",
        "- TCP-AO on resets of closed ports, and for SYN cookies: no key is known there.",
    ]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str]) -> int:
    """Print the table."""
    if argv:
        print("usage: python -m benchmarks protocol", file=sys.stderr)
        return 2
    print(page(), end="")
    return 0
