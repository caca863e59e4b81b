"""Reads script files: text, option lines, settings. The errors of bad files are `ScriptError` like all others."""

from collections.abc import Sequence
from pathlib import Path

from packetdrill_compat.ast import Script
from packetdrill_compat.config import Config
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.parser import DIALECTS, dialect_parser


def load(
    path: str,
    *,
    text: str | None = None,
    dialect: str = "google",
    config: Config | None = None,
    command_line: Sequence[str] = (),
) -> tuple[Script, Config]:
    """Read a script and the settings that hold for it.

    The option lines of the script are applied to `config`; then the flags of ``config.command_line`` and `command_line`
    win over them, and the addresses are completed. `text` replaces the content of the file. `dialect` is ``google``,
    ``nplab`` or ``mptcp``. Raises `ScriptError` for everything that is wrong with file, script or flags.
    """
    config = config or Config()
    if dialect not in DIALECTS:
        raise ScriptError(f"unknown dialect '{dialect}'", path=path, next_step=f"choose one of {', '.join(DIALECTS)}")
    content = _read(path) if text is None else text
    return dialect_parser(dialect).parse(
        content, path=path, config=config, command_line=(*config.command_line, *command_line)
    )


def parse_text(text: str, *, path: str = "", dialect: str = "google", config: Config | None = None) -> Script:
    """Parse a script that is already in memory, with the semantic checks; raises `ScriptError`."""
    return load(path, text=text, dialect=dialect, config=config)[0]


def _read(path: str) -> str:
    try:
        octets = Path(path).read_bytes()
    except OSError as error:
        raise ScriptError(f"parse error: stat() of script file '{path}': {error.strerror}", path=path) from None
    return octets.decode("utf-8", "surrogateescape")
