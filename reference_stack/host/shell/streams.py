"""What commands of the shell read and write."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stream:
    """Text on its way from one command to the next.

    `known` is None for a complete text. Else the text lacks lines that a real host might have, and `known` are the
    names that are told of truly; a command that looks for another one must not take its absence for an answer.
    """

    text: str = ""
    known: tuple[str, ...] | None = None


EMPTY = Stream()


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended: exit status, standard output, messages."""

    status: int = 0
    out: Stream = EMPTY
    err: str = ""


def printed(text: str) -> Done:
    """Return the end of a command that succeeded and wrote `text`."""
    return Done(0, Stream(text))


def failed(status: int, message: str = "") -> Done:
    """Return the end of a command that failed with a message."""
    return Done(status, EMPTY, message)
