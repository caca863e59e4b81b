"""Commands on the results of a run: ``python -m reports html RESULTS OUT``, ``python -m reports summary JUNIT...``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import ParseError

from reports.html import ReportError, generate
from reports.summary import read_junit, summary


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, or 1 with a message on stderr when it cannot be done."""
    chosen = _parser().parse_args(arguments)
    try:
        print(chosen.run(chosen), end="")
    except (ReportError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m reports", description="Commands on the results of a run.")
    commands = parser.add_subparsers(required=True)
    html = commands.add_parser("html", help="make a static HTML report with Allure 3 (needs Node.js)")
    html.add_argument("results", type=Path, help="folder given to pytest as --alluredir")
    html.add_argument("output", type=Path, help="folder of the report; an earlier report in it is replaced")
    html.add_argument("--single-file", action="store_true", help="one page with everything in it")
    html.add_argument("--name", default="tcprove", help="name shown in the report")
    html.set_defaults(run=_html)
    table = commands.add_parser("summary", help="print verdict counts and the requirement matrix as Markdown")
    table.add_argument("junit", type=Path, nargs="+", help="files given to pytest as --junit-xml")
    table.set_defaults(run=_summary)
    return parser


def _html(chosen: argparse.Namespace) -> str:
    page = generate(chosen.results, chosen.output, single_file=chosen.single_file, name=chosen.name)
    return f"{page}\n"


def _summary(chosen: argparse.Namespace) -> str:
    try:
        return summary([outcome for path in chosen.junit for outcome in read_junit(path)])
    except ParseError as error:
        raise ReportError(f"not a JUnit XML file: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
