"""Reads script files: text, option lines, settings. The errors of bad files are `ScriptError` like all others."""

from collections.abc import Sequence
from pathlib import Path

from packetdrill_compat.ast import Position, Script
from packetdrill_compat.config import Config
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.parser import DIALECTS, dialect_parser

_DEFAULT = Config()


def load(
    path: str,
    *,
    text: str | None = None,
    dialect: str = "google",
    config: Config = _DEFAULT,
    command_line: Sequence[str] = (),
) -> tuple[Script, Config]:
    """Read a script and the settings that hold for it.

    The option lines of the script are applied to `config`; then the flags of ``config.command_line`` and `command_line`
    win over them, and the addresses are completed. `text` replaces the content of the file. `dialect` is ``google``,
    ``nplab`` or ``mptcp``. Raises `ScriptError` for everything that is wrong with file, script or flags, and
    `UnsupportedScript` for SCTP.
    """
    if dialect not in DIALECTS:
        raise ScriptError(f"unknown dialect '{dialect}'", path=path, next_step=f"choose one of {', '.join(DIALECTS)}")
    content = read_text(path) if text is None else text
    _refuse_binary(content, path)
    return dialect_parser(dialect).parse(
        content, path=path, config=config, command_line=(*config.command_line, *command_line)
    )


def parse_text(text: str, *, path: str = "", dialect: str = "google", config: Config = _DEFAULT) -> Script:
    """Parse a script that is already in memory, with the semantic checks; raises `ScriptError` as `load` does."""
    return load(path, text=text, dialect=dialect, config=config)[0]


def read_text(path: str) -> str:
    """Return the text of a script file; octets that are no UTF-8 come through as surrogates. Raises `ScriptError`."""
    file = Path(path)
    try:
        if not (file.is_file() or file.is_fifo()) and file.exists():
            raise ScriptError(f"parse error: script file '{path}' is no file", path=path, next_step="name a script")
        octets = file.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise ScriptError(f"parse error: stat() of script file '{path}': {reason}", path=path) from None
    return octets.decode("utf-8", "surrogateescape")


def _refuse_binary(text: str, path: str) -> None:
    # packetdrill takes the first NUL for the end of the script and ignores the rest; nobody writes such a file on
    # purpose.
    at = text.find("\0")
    if at >= 0:
        line = text.count("\n", 0, at) + 1
        column = at - (text.rfind("\n", 0, at) + 1) + 1
        raise ScriptError(
            "parse error: the script contains a NUL character",
            path=path,
            position=Position(line, column),
            next_step="this looks like a binary file; name a text file",
        )
