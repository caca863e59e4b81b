"""Prints scripts: text that reads back as the same script, one event a line."""

from packetdrill_compat.ast import (
    Action,
    CodeBlock,
    Command,
    Event,
    EventTime,
    OptionLine,
    PacketEvent,
    Position,
    Script,
    SyscallEvent,
    TimeKind,
)
from packetdrill_compat.show.expressions import show_expression
from packetdrill_compat.show.packets import show_packet
from packetdrill_compat.show.words import Style, seconds, style_of


def print_script(script: Script) -> str:
    """Return the text of a script in the dialect that it was read in.

    Reading the text gives an equal script, provided that no definition of a command line changes a word that was
    printed. Comments and conditional text of the original are gone. Raises `ValueError` for a value that the dialect
    has no notation for.
    """
    return "".join(f"{text}\n" for _position, text in print_script_items(script))


def print_script_items(script: Script) -> list[tuple[Position, str]]:
    """Return the text of each option line, command and event with the place where it stands in the original."""
    definitions = (line.value.partition("=") for line in script.options if line.name == "define" and line.value)
    style = style_of(script.dialect, {name: value for name, _, value in definitions})
    items = [(line.position, _option_line(line)) for line in script.options]
    if script.init:
        items.append((script.init.position, _command(script.init)))
    items += [(event.position, print_event(event, style)) for event in script.events]
    if script.cleanup:
        items.append((script.cleanup.position, _command(script.cleanup)))
    return items


def print_event(event: Event, style: Style | None = None) -> str:
    """Return the text of one event; the default style is that of the upstream dialect without definitions."""
    return f"{_time(event.time)}{_action(event.action, style or Style())}"


def _option_line(line: OptionLine) -> str:
    if line.value is None:
        return f"--{line.name}"
    return f"--{line.name}={line.quoting}{line.value}{line.quoting}"


def _time(time: EventTime) -> str:
    start, end = seconds(time.start), seconds(time.end or 0)
    match time.kind:
        case TimeKind.ABSOLUTE:
            return start
        case TimeKind.RELATIVE:
            return f"+{start}"
        case TimeKind.ANY:
            return "*"
        case TimeKind.RANGE:
            return f"{start}~{end}"
        case TimeKind.RELATIVE_RANGE:
            return f"+{start}~+{end}"


def _action(action: Action, style: Style) -> str:
    match action:
        case PacketEvent():
            return f" {show_packet(action, style)}"
        case SyscallEvent():
            return _syscall(action, style)
        case Command():
            return f" {_command(action)}"
        case CodeBlock():
            return f" {_code(action)}"


def _command(command: Command) -> str:
    return f"`{command.text}`"


def _code(code: CodeBlock) -> str:
    """Blanks at both ends are not part of the text, and keep a final brace apart from the mark."""
    before = "" if code.text.startswith("\n") else " "
    after = "" if code.text.endswith("\n") else " "
    return f"%{{{before}{code.text}{after}}}%"


def _syscall(call: SyscallEvent, style: Style) -> str:
    end = "" if call.end is None else f"...{seconds(call.end)}"
    arguments = ", ".join(show_expression(argument, style) for argument in call.arguments)
    text = f"{end} {style.word(call.name)}({arguments}) = {show_expression(call.result, style)}"
    if call.errno is not None:
        text += f" {style.word(call.errno)}"
    if call.note is not None:
        text += f" ({' '.join(map(style.word, call.note.split(' ')))})"
    return text
