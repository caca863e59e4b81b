"""``tcprove fmt [--check] [--diff] [--write] script.pkt…``."""

import difflib
import sys
from collections.abc import Sequence

from packetdrill_compat.errors import ScriptError
from packetdrill_compat.layout.formatter import format_script
from packetdrill_compat.reader import read_text
from packetdrill_compat.script_arguments import dialect_for, first_variant, read_script_arguments
from packetdrill_compat.variants import variant_config

_FLAGS = {
    "check": "change nothing, name the scripts that are laid out otherwise, and end with 1 if there are any",
    "diff": "change nothing, show what would change, and end with 1 if anything would",
    "write": "write the scripts in place instead of printing them",
}


def format_scripts(arguments: Sequence[str]) -> int:
    """Format scripts; return the exit status."""
    read = read_script_arguments("fmt", arguments, _FLAGS)
    if read is None:
        return 2
    status = 0
    for path in read.scripts:
        try:
            before = read_text(path)
            dialect = dialect_for(path, before, read.dialect)
            after = format_script(path, before, dialect=dialect, config=variant_config(first_variant(path, before)))
            status |= _hand_out(path, before, after, read.flags)
        except (ScriptError, OSError) as error:
            print(error, file=sys.stderr)
            status = 1
    return status


def _hand_out(path: str, before: str, after: str, flags: frozenset[str]) -> int:
    if "diff" in flags:
        lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), path, f"{path} (formatted)")
        sys.stdout.writelines(lines)
    if "check" in flags and before != after:
        print(f"{path}: not in canonical layout: tcprove fmt --write {path}", file=sys.stderr)
    if flags & {"check", "diff"}:
        return int(before != after)
    if "write" not in flags:
        sys.stdout.write(after)
    elif before != after:
        with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(after)
    return 0
