"""Commands of the shell itself: echo, printf, test, cd, exit, variables, and running other texts."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from reference_stack.host.errnos import NotModelled
from reference_stack.host.shell.streams import Done, Stream, failed, printed

if TYPE_CHECKING:
    from reference_stack.host.shell.run import Shell

Command: TypeAlias = "Callable[[Shell, list[str], Stream], Done]"
_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\\\": "\\"}


def _echo(_shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    ends_line = words[1:2] != ["-n"]
    return printed(" ".join(words[1 if ends_line else 2 :]) + ("\n" if ends_line else ""))


def _printf(_shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    """printf(1) with %s, %d and the plainest escapes."""
    if len(words) < 2:
        return failed(2, "printf: usage: printf format [arguments]\n")
    text, arguments = words[1], list(words[2:])
    for escape, character in _ESCAPES.items():
        text = text.replace(escape, character)
    pieces = text.replace("%d", "%s").split("%s")
    if any("%" in piece.replace("%%", "") for piece in pieces):
        raise NotModelled(f"printf: format {words[1]}")
    filled = [piece + (arguments.pop(0) if arguments else "") for piece in pieces[:-1]]
    if arguments:
        raise NotModelled("printf: more arguments than the format has")
    return printed(("".join(filled) + pieces[-1]).replace("%%", "%"))


def _cd(shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    shell.directory = shell.resolve(words[1] if len(words) > 1 else "/")
    return Done()


def _exit(shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    raise shell.exit(int(words[1]) & 0xFF if len(words) > 1 else shell.status)


def _set(shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    """set(1): ``-e`` and ``+e``; ``-x`` and ``+x`` only trace."""
    for word in words[1:]:
        if word[:1] not in ("-", "+") or not set(word[1:]) <= set("ex"):
            raise NotModelled(" ".join(words))
        if "e" in word:
            shell.exits_on_error = word[0] == "-"
    return Done()


def _export(shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if not name.isidentifier():
            raise NotModelled(" ".join(words))
        if equals:
            shell.variables[name] = value
    return Done()


def _unset(shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    for name in words[1:]:
        shell.variables.pop(name, None)
    return Done()


def _source(shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    if len(words) != 2:
        raise NotModelled(" ".join(words))
    return shell.run_file(words[1:], is_sourced=True)


def _run_shell(shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    if words[1:2] == ["-c"] and len(words) == 3:
        return shell.inner().execute(words[2])
    if len(words) < 2 or words[1].startswith("-"):
        raise NotModelled(" ".join(words[:2]))
    return shell.run_file(words[1:])


def _succeed(_shell: "Shell", _words: list[str], _stdin: Stream) -> Done:
    return Done()


def _fail(_shell: "Shell", _words: list[str], _stdin: Stream) -> Done:
    return Done(1)


# ---------------------------------------------------------------- test(1)

_NUMBERS: dict[str, Callable[[int, int], bool]] = {
    "-eq": lambda left, right: left == right,
    "-ne": lambda left, right: left != right,
    "-lt": lambda left, right: left < right,
    "-le": lambda left, right: left <= right,
    "-gt": lambda left, right: left > right,
    "-ge": lambda left, right: left >= right,
}


def _test(shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    """test(1): strings, numbers and files; ``!`` in front."""
    terms = words[1:]
    if words[0] == "[":
        if terms[-1:] != ["]"]:
            return failed(2, "[: missing ]\n")
        terms = terms[:-1]
    is_negated = terms[:1] == ["!"] and len(terms) > 1
    try:
        holds = _holds(shell, terms[1:] if is_negated else terms)
    except ValueError:
        return failed(2, f"{words[0]}: Illegal number\n")
    return Done(int(holds == is_negated))


def _holds(shell: "Shell", terms: list[str]) -> bool:
    if len(terms) < 2:
        return bool(terms and terms[0])
    if len(terms) == 2 and terms[0] in ("-n", "-z"):
        return bool(terms[1]) == (terms[0] == "-n")
    if len(terms) == 2 and terms[0] in ("-e", "-f", "-r"):
        return shell.read(shell.resolve(terms[1])) is not None
    if len(terms) == 3 and terms[1] in ("=", "==", "!="):
        return (terms[0] == terms[2]) == (terms[1] != "!=")
    if len(terms) == 3 and terms[1] in _NUMBERS:
        return _NUMBERS[terms[1]](int(terms[0]), int(terms[2]))
    raise NotModelled("test: " + " ".join(terms))


BUILTINS: dict[str, Command] = {
    "echo": _echo,
    "printf": _printf,
    "cd": _cd,
    "exit": _exit,
    "set": _set,
    "export": _export,
    "unset": _unset,
    ".": _source,
    "source": _source,
    "sh": _run_shell,
    "bash": _run_shell,
    "true": _succeed,
    ":": _succeed,
    "false": _fail,
    "test": _test,
    "[": _test,
}
"""Commands by name."""
