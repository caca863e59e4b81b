"""Commands that read text and write text: cat, grep, wc, head, tail."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from reference_stack.host.errnos import NotModelled
from reference_stack.host.shell.streams import Done, Stream, failed, printed

if TYPE_CHECKING:
    from reference_stack.host.shell.run import Shell

Command: TypeAlias = "Callable[[Shell, list[str], Stream], Done]"
_BASIC_SPECIAL = set("(){}|+?")
"""Characters that are special in an extended regular expression plainly, and in a basic one behind a backslash."""


def split_options(words: list[str], known: str, command: str) -> tuple[str, list[str]]:
    """Return the option letters and the operands; `NotModelled` for a letter that is not `known`."""
    options = ""
    rest = []
    for word in words:
        if word.startswith("-") and len(word) > 1:
            if not set(word[1:]) <= set(known):
                raise NotModelled(f"{command}: option {word}")
            options += word[1:]
        else:
            rest.append(word)
    return options, rest


def _inputs(shell: "Shell", names: list[str], stdin: Stream) -> list[tuple[str, Stream]] | str:
    """Return names and texts of the files, or of the input when there are none; a string is what is missing."""
    if not names:
        return [("", stdin)]
    found = []
    for name in names:
        text = shell.read(shell.resolve(name))
        if text is None:
            return f"{name}: No such file or directory\n"
        found.append((name, Stream(text)))
    return found


def _cat(shell: "Shell", words: list[str], stdin: Stream) -> Done:
    inputs = _inputs(shell, words[1:], stdin)
    if isinstance(inputs, str):
        return failed(1, f"cat: {inputs}")
    return Done(0, Stream("".join(stream.text for _, stream in inputs), inputs[0][1].known))


def pattern_of(text: str, options: str) -> re.Pattern[str]:
    """Return grep's pattern as one of Python; `NotModelled` for one that cannot be read."""
    if "F" in options:
        text = re.escape(text)
    elif "E" not in options:
        text = re.sub(r"\\(.)|([(){}|+?])", _turned, text)
    text = re.sub(r"\[\[:(\w+):\]", lambda match: "[" + _CLASSES.get(match[1], match[0]), text)
    if "w" in options:
        text = rf"\b(?:{text})\b"
    if "x" in options:
        text = rf"^(?:{text})$"
    try:
        return re.compile(text, re.IGNORECASE if "i" in options else 0)
    except re.error:
        raise NotModelled(f"grep: pattern {text}") from None


_CLASSES = {"space": r"\s", "digit": "0-9", "alpha": "A-Za-z", "alnum": "A-Za-z0-9"}


def _turned(match: re.Match[str]) -> str:
    """In a basic expression a backslash makes these characters special; without one they are plain."""
    escaped, plain = match[1], match[2]
    if plain:
        return "\\" + plain
    return str(escaped) if escaped in _BASIC_SPECIAL else "\\" + str(escaped)


def _grep(shell: "Shell", words: list[str], stdin: Stream) -> Done:
    """grep(1): status 0 when a line was selected, 1 when none was."""
    options, rest = split_options(words[1:], "cEeFhHilnoqsvwx", "grep")
    options += {"egrep": "E", "fgrep": "F"}.get(words[0], "")
    if not rest:
        return failed(2, "Usage: grep [OPTION]... PATTERNS [FILE]...\n")
    pattern = pattern_of(rest[0], options)
    inputs = _inputs(shell, rest[1:], stdin)
    if isinstance(inputs, str):
        return failed(2, f"grep: {inputs}")
    shows_name = "h" not in options and (len(inputs) > 1 or "H" in options)
    lines: list[str] = []
    is_found = False
    for name, stream in inputs:
        selected = _selected(stream, pattern, options)
        is_found = is_found or bool(selected)
        prefix = f"{name}:" if shows_name else ""
        lines += _shown(selected, options, prefix, name)
    return Done(int(not is_found), Stream("" if "q" in options else "".join(f"{line}\n" for line in lines)))


def _shown(selected: list[tuple[int, str]], options: str, prefix: str, name: str) -> list[str]:
    if "l" in options:
        return [name or "(standard input)"] if selected else []
    if "c" in options:
        return [f"{prefix}{len(selected)}"]
    return [f"{prefix}{number}:{text}" if "n" in options else prefix + text for number, text in selected]


def _selected(stream: Stream, pattern: re.Pattern[str], options: str) -> list[tuple[int, str]]:
    """Return numbers and texts of the lines; `NotModelled` when the text may lack one that would be selected."""
    if stream.known is not None and not any(pattern.search(name) for name in stream.known):
        raise NotModelled(f"grep: whether there is a line with {pattern.pattern}")
    found = []
    for number, line in enumerate(stream.text.splitlines(), 1):
        match = pattern.search(line)
        if (match is None) != ("v" in options):
            continue
        found.append((number, match[0] if match and "o" in options else line))
    return found


def _wc(shell: "Shell", words: list[str], stdin: Stream) -> Done:
    """wc(1) with exactly one of -l, -w and -c, of the input."""
    options, names = split_options(words[1:], "lwc", "wc")
    inputs = _inputs(shell, names, stdin)
    if isinstance(inputs, str):
        return failed(1, f"wc: {inputs}")
    if len(options) != 1 or len(inputs) != 1 or inputs[0][1].known is not None:
        raise NotModelled(" ".join(words))
    text = inputs[0][1].text
    count = {"l": text.count("\n"), "w": len(text.split()), "c": len(text.encode())}[options]
    return printed(f"{count}\n" if not names else f"{count} {names[0]}\n")


def _part(shell: "Shell", words: list[str], stdin: Stream) -> Done:
    """head(1) and tail(1): ``-n COUNT`` or ``-COUNT`` lines, ten without."""
    rest, count = words[1:], 10
    if rest[:1] == ["-n"]:
        count, rest = _count(rest[1:2], words), rest[2:]
    elif rest and rest[0].startswith("-"):
        count, rest = _count([rest[0].removeprefix("-n").lstrip("-")], words), rest[1:]
    inputs = _inputs(shell, rest, stdin)
    if isinstance(inputs, str):
        return failed(1, f"{words[0]}: {inputs}")
    if len(inputs) > 1 or inputs[0][1].known is not None:
        raise NotModelled(" ".join(words))
    lines = inputs[0][1].text.splitlines(keepends=True)
    kept = lines[:count] if words[0] == "head" else lines[max(len(lines) - count, 0) :]
    return printed("".join(kept))


def _count(words: list[str], command: list[str]) -> int:
    if not words or not words[0].isdigit():
        raise NotModelled(" ".join(command))
    return int(words[0])


FILTERS: dict[str, Command] = {
    "cat": _cat,
    "grep": _grep,
    "egrep": _grep,
    "fgrep": _grep,
    "wc": _wc,
    "head": _part,
    "tail": _part,
}
"""Commands by name."""
