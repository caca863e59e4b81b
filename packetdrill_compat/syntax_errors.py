"""Syntax errors in human words."""

from lark.exceptions import UnexpectedToken

from packetdrill_compat.build.base import BuilderBase
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.scanner import Scanner, Token


def syntax_error(error: UnexpectedToken, scanner: Scanner, builder: BuilderBase) -> ScriptError:
    """Return the error for a token that the grammar does not allow at its place."""
    token: Token = error.token
    return ScriptError(
        f"parse error at '{token.text}': syntax error",
        path=builder.path,
        position=builder.position(token),
        source=scanner.text,
    )
