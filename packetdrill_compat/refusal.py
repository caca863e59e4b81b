"""``--no-shell``: what of a script would run outside of the test, and is refused."""

import ast
from collections.abc import Iterator

from packetdrill_compat.ast import CodeBlock, Command, Position, Script
from packetdrill_compat.config import Config
from packetdrill_compat.errors import ScriptError


class RefusedScript(ScriptError):
    """A script that is well formed, but would run something that the user does not want to run."""


_REACHING_WORDS = """
open exec eval compile input breakpoint help globals locals vars getattr setattr delattr exit quit KeyboardInterrupt
"""
_NAMES_THAT_REACH_OUT = frozenset(_REACHING_WORDS.split())


def refuse_outside(script: Script, config: Config, *, runs_commands: bool) -> None:
    """Raise `RefusedScript` for the first thing of a script that would run outside of the test.

    `runs_commands` tells whether the target starts real shells; code blocks run as this user everywhere, and only those
    that do nothing but compute are let through.
    """
    if runs_commands and config.init_scripts:
        raise _refused(script, f"init script '{config.init_scripts[0]}'", Position())
    for position, action in _actions(script):
        if isinstance(action, Command) and runs_commands:
            raise _refused(script, f"shell command `{action.text}`", position)
        if isinstance(action, CodeBlock) and not only_computes(action.text):
            raise _refused(script, "code block that does more than compute", position)


def _actions(script: Script) -> Iterator[tuple[Position, object]]:
    if script.init is not None:
        yield script.init.position, script.init
    for event in script.events:
        yield event.position, event.action
    if script.cleanup is not None:
        yield script.cleanup.position, script.cleanup


def _refused(script: Script, what: str, position: Position) -> RefusedScript:
    return RefusedScript(
        f"refused by --no-shell: {what}",
        path=script.path,
        position=position,
        source=script.source,
        next_step="read what it does; leave --no-shell out if you trust the script",
    )


def only_computes(text: str) -> bool:
    """Tell whether a code block can do nothing but compute, assert and print: no imports, no attributes, no files."""
    try:
        tree = ast.parse(text + "\n\n")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return True  # it is no Python and never runs; the player says so
    return not any(_reaches_out(node) for node in ast.walk(tree))


def _reaches_out(node: ast.AST) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Attribute | ast.MatchClass):
        return True
    return isinstance(node, ast.Name) and (node.id in _NAMES_THAT_REACH_OUT or node.id.startswith("__"))
