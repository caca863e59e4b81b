"""Power of the suite: which planted faults the conformance tests find, and which requirements are proven able to fail.

Every fault of `fuzz.faults` goes into the reference stack on its own, and the tests that pass on the sound stack are
played against it, likely ones first. A fault counts as caught when a test fails; an error of the harness or its time
limit is no catch. Without ``--all`` the first catch ends the hunt for a fault.
"""

import argparse
import sys
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Sequence

from fuzz.faults import FAULTS, Fault
from tests.quality.cases import ROOT, Case, Find, also_by_the_rfc, hunt, passes, scripts
from tests.quality.python_cases import all_python_tests

TABLE = ROOT / "tests" / "quality" / "planted.toml"

Catches = dict[str, list[tuple[Case, Find]]]


def hints() -> dict[str, list[str]]:
    """Names of the cases that are known to find a fault, by its id."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in tomllib.loads(TABLE.read_text(encoding="utf-8"))["planted"]:
        found[row["fault"]].append(row["case"])
    return found


def hunt_all(faults: Iterable[Fault], cases: Sequence[Case], *, is_complete: bool) -> Catches:
    known = hints()
    caught: Catches = {}
    for fault in faults:
        likely = set(known[fault.id])
        caught[fault.id] = []
        for case in sorted(cases, key=lambda case: case.name not in likely):
            found = _hunt(case, fault)
            if found is not None:
                caught[fault.id].append((case, found))
                if not is_complete:
                    break
    return caught


def _hunt(case: Case, fault: Fault) -> Find | None:
    try:
        return hunt(case, fault, case.rules)
    except Exception as error:  # (a crash is no catch, and the other tests may still find the fault)
        print(f"{fault.id} breaks {case.name}: {error!r}")
        return None


def print_areas(caught: Catches) -> None:
    areas: dict[str, list[str]] = defaultdict(list)
    for identifier in caught:
        areas[FAULTS[identifier].area].append(identifier)
    for area, members in sorted(areas.items()):
        hit = [identifier for identifier in members if caught[identifier]]
        print(f"{area:<14} {len(hit):>3} of {len(members):>3}")
        for identifier in members:
            catches = caught[identifier]
            by = catches[0][0].name + (f" and {len(catches) - 1} more" if len(catches) > 1 else "") if catches else ""
            print(f"    {'caught' if catches else 'NOT   '} {identifier:<36} {by or FAULTS[identifier].title}")


def print_sums(caught: Catches, cases: Sequence[Case]) -> None:
    hit = sum(bool(catches) for catches in caught.values())
    proven = {name for catches in caught.values() for case, _ in catches for name in case.requirements}
    tested = {name for case in cases for name in case.requirements}
    able = {case.name for catches in caught.values() for case, _ in catches}
    print(f"\nfaults caught: {hit} of {len(caught)} ({100 * hit // max(len(caught), 1)} %)")
    print(f"requirements with a test that is proven able to fail: {len(proven)} of {len(tested)} that have a test")
    print(f"tests that caught something: {len(able)} of {len(cases)}")


def print_rows(caught: Catches) -> None:
    """Rows for the table of planted faults, to be judged by a reader before they go in."""
    for identifier, catches in caught.items():
        for case, found in catches:
            print(f'[[planted]]\nfault = "{identifier}"\ncase = "{case.name}"\nkind = "{found.kind}"')
            print(f'rules = "{case.rules}"')
            print(f"at = '''{found.at}'''  # {found.why[-80:]}\n")


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks power", description=__doc__.partition("\n")[0])
    parser.add_argument("faults", nargs="*", help="ids of faults (default: every one)")
    parser.add_argument("--all", action="store_true", help="find every catch of a fault, not only the first")
    parser.add_argument("--rows", action="store_true", help="print rows for tests/quality/planted.toml")
    choice = parser.parse_args(argv)
    begun = time.perf_counter()
    suite: list[Case] = [*scripts(), *also_by_the_rfc(scripts()), *all_python_tests()]
    cases = [case for case in suite if passes(case, case.rules)]
    faults = [FAULTS[identifier] for identifier in choice.faults] or list(FAULTS.values())
    caught = hunt_all(faults, cases, is_complete=choice.all)
    if choice.rows:
        print_rows(caught)
        return 0
    print_areas(caught)
    print_sums(caught, cases)
    print(f"time: {time.perf_counter() - begun:.1f} s")
    return 0 if all(caught.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
