"""Adds up the JUnit XML files of a folder and prints one line in the form of pytest's own; fails without any test."""

import sys
from pathlib import Path
from xml.etree import ElementTree

KINDS = ("failures", "errors", "skipped")


def main(folder: Path) -> int:
    counts = dict.fromkeys(("tests", *KINDS), 0)
    seconds = 0.0
    for path in sorted(folder.glob("*.xml")):
        for suite in ElementTree.parse(path).getroot().iter("testsuite"):
            seconds += float(suite.get("time", 0))
            for kind in counts:
                counts[kind] += int(suite.get(kind, 0))
    passed = counts["tests"] - sum(counts[kind] for kind in KINDS)
    words = [f"{counts['failures']} failed", f"{passed} passed", f"{counts['skipped']} skipped"]
    words += [f"{counts['errors']} errors"] if counts["errors"] else []
    print(f"==== {', '.join(words)} in {seconds:.2f}s ====")
    return 0 if counts["tests"] else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
