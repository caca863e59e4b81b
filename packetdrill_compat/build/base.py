"""What all builders share: the state of the parse that is going on, numbers, ranges and errors."""

from typing import Any, NoReturn, TypeAlias

from packetdrill_compat import numbers
from packetdrill_compat.ast import Position
from packetdrill_compat.config import Config
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.scanner import Scanner, Token

Parts: TypeAlias = list[Any]
"""The values of the parts of a rule; the grammar says which."""

U8 = 0xFF
U16 = 0xFFFF
U32 = 0xFFFFFFFF


class BuilderBase:
    """State of one parse. `start` begins it; the parser calls the rule methods in the order of the text."""

    dialect = "google"

    def __init__(self) -> None:
        self.scanner: Scanner
        self.path = ""
        self.config = Config()
        self.command_line: tuple[str, ...] = ()

    def start(self, scanner: Scanner, *, path: str, config: Config, command_line: tuple[str, ...]) -> None:
        """Begin a parse."""
        self.scanner, self.path, self.config, self.command_line = scanner, path, config, command_line

    @property
    def ip_version(self) -> int:
        """The version on the wire, 4 or 6, once the option section has been read."""
        return 6 if self.config.is_wire_ipv6 else 4

    def position(self, token: Token) -> Position:
        """Return where `token` stands."""
        return self.scanner.position(token.offset)

    def fail(self, message: str, token: Token, *, next_step: str = "") -> NoReturn:
        """Raise a semantic error at `token`, worded as packetdrill words it."""
        self.fail_at(message, self.position(token), next_step=next_step)

    def fail_at(self, message: str, position: Position, *, next_step: str = "") -> NoReturn:
        """Raise a semantic error at `position`."""
        raise ScriptError(
            f"semantic error: {message}",
            path=self.path,
            position=position,
            source=self.scanner.text,
            next_step=next_step,
        )

    def ranged(self, token: Token, limit: int, message: str) -> int:
        """Return the number of an INTEGER token, or fail with `message` unless it is within 0 and `limit`."""
        number = integer(token)
        if not 0 <= number <= limit:
            self.fail(message, token, next_step=f"write a number from 0 to {limit}")
        return number

    def absent(self, _: Parts) -> None:
        """An optional part that was not written."""
        return


def integer(token: Token) -> int:
    """Return the value of an INTEGER token; 64 bits with a sign, saturating (section 1.1)."""
    return numbers.decimal(token.value)


def hexadecimal(token: Token) -> int:
    """Return the value of a HEX_INTEGER token; 64 bits, saturating (section 1.1)."""
    return numbers.hexadecimal(token.value)


def number(token: Token) -> int:
    """Return the value of an INTEGER or HEX_INTEGER token."""
    return hexadecimal(token) if token.type == "HEX_INTEGER" else integer(token)
