"""Commands on the results of a run: ``python -m reports html RESULTS OUT``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from reports.html import ReportError, generate


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, or 1 with a message on stderr when it cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m reports", description=__doc__)
    commands = parser.add_subparsers(required=True)
    html = commands.add_parser("html", help="make a static HTML report with Allure 3 (needs Node.js)")
    html.add_argument("results", type=Path, help="folder given to pytest as --alluredir")
    html.add_argument("output", type=Path, help="folder of the report; an earlier report in it is replaced")
    html.add_argument("--single-file", action="store_true", help="one page with everything in it")
    html.add_argument("--name", default="tcprove", help="name shown in the report")
    chosen = parser.parse_args(arguments)
    try:
        page = generate(chosen.results, chosen.output, single_file=chosen.single_file, name=chosen.name)
    except ReportError as error:
        print(error, file=sys.stderr)
        return 1
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
