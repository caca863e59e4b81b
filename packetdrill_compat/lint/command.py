"""``tcprove check [--all] [--strict] script.pkt…``."""

import sys
from collections.abc import Callable, Sequence

from packetdrill_compat.config import Config
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.header import position_of_requirement, read_header
from packetdrill_compat.lint.finding import Finding
from packetdrill_compat.lint.text import text_findings
from packetdrill_compat.lint.walk import event_findings
from packetdrill_compat.parser import dialect_parser
from packetdrill_compat.reader import load, read_text
from packetdrill_compat.script_arguments import dialect_for, first_variant, read_script_arguments
from packetdrill_compat.variants import variant_config

_FLAGS = {
    "all": "also notes: what nearly every script can live with",
    "strict": "end with 1 when there is a trap; without it only scripts that cannot be read do that",
}


def check_scripts(arguments: Sequence[str], sentence_of: Callable[[str], str | None] | None) -> int:
    """Check scripts; return the exit status. With `sentence_of` the requirements that they name must exist."""
    read = read_script_arguments("check", arguments, _FLAGS)
    if read is None:
        return 2
    status = 0
    for path in read.scripts:
        try:
            text = read_text(path)
            _check_header(path, text, sentence_of)
            config = variant_config(first_variant(path, text))
            found = findings(path, text, dialect=dialect_for(path, text, read.dialect), config=config)
        except ScriptError as error:
            print(error, file=sys.stderr)
            status = 1
            continue
        shown = [each for each in found if "all" in read.flags or not each.is_note]
        for finding in shown:
            print(finding.render(path))
        if "strict" in read.flags and any(not each.is_note for each in shown):
            status = 1
    return status


def findings(path: str, text: str, *, dialect: str, config: Config) -> list[Finding]:
    """Return everything in a script that packetdrill does otherwise than it seems, by place.

    Raises `ScriptError` for a script that cannot be read.
    """
    script, _config = load(path, text=text, dialect=dialect, config=config)
    parser = dialect_parser(dialect)
    scanner = parser.scanner(text, parser.terminals)
    found = [*text_findings(script, list(scanner), scanner), *event_findings(script)]
    return sorted(found, key=lambda each: (each.position.line, each.position.column))


def _check_header(path: str, text: str, sentence_of: Callable[[str], str | None] | None) -> None:
    """Raise `ScriptError` for a ``//:`` line that means nothing."""
    header = read_header(text, path)
    for identifier in header.requirements if sentence_of else ():
        if sentence_of and sentence_of(identifier) is None:
            raise ScriptError(
                f"the catalogue has no requirement {identifier}",
                path=path,
                position=position_of_requirement(identifier, text),
                source=text,
                next_step="see conformance/requirements for the ids",
            )
