"""Builds option lines, times, events and the script."""

from packetdrill_compat.ast import (
    CodeBlock,
    Command,
    Direction,
    Event,
    EventTime,
    OptionLine,
    PacketEvent,
    Position,
    Script,
    SyscallEvent,
    TimeKind,
)
from packetdrill_compat.build.base import BuilderBase, Parts, integer, number
from packetdrill_compat.definitions import replacements
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.options import apply_command_line, apply_flag, check
from packetdrill_compat.scanner import Token

_OUTBOUND_ONLY = {
    TimeKind.ANY: "event time <star> can only be used with outbound packets",
    TimeKind.RANGE: "event time range can only be used with outbound packets",
    TimeKind.RELATIVE_RANGE: "event time range can only be used with outbound packets",
}

_LATEST = float(2**63)


class ScriptBuilder(BuilderBase):
    """Rules of sections 1.3 and 2.1."""

    def script(self, parts: Parts) -> Script:
        """The whole script."""
        options, init, *events, cleanup = parts
        return Script(
            options, init, tuple(events), cleanup, path=self.path, dialect=self.dialect, source=self.scanner.text
        )

    # ------------------------------------------------------------ option lines

    def option_section(self, lines: Parts) -> tuple[OptionLine, ...]:
        """All option lines: from here on the settings are known, and words that are scanned next are replaced.

        A definition never reaches the token behind the section, which the parser has already seen (section 1.2).
        """
        for line in lines:
            try:
                self.config = apply_flag(self.config, line.name, line.value, dialect=self.dialect)
            except ScriptError as error:
                raise self._located(error, line.position) from None
        try:
            self.config = check(apply_command_line(self.config, self.command_line))
        except ScriptError as error:
            raise self._located(error, None) from None
        self.scanner.definitions = replacements(self.config.definitions, self.dialect)
        return tuple(lines)

    def _located(self, error: ScriptError, position: Position | None) -> ScriptError:
        return ScriptError(
            error.message,
            path=error.path or self.path,
            position=position,
            source=self.scanner.text,
            next_step=error.next_step,
        )

    def option_flag(self, parts: Parts) -> OptionLine:
        """``--name``."""
        return OptionLine(parts[0].value, position=self.position(parts[0]))

    def option_with_value(self, parts: Parts) -> OptionLine:
        """``--name=value``."""
        option, (value, quoting) = parts
        return OptionLine(option.value, value, quoting, position=self.position(option))

    def plain_value(self, parts: Parts) -> tuple[str, str]:
        """A value and how it was quoted."""
        token: Token = parts[0]
        return (token.value, '"') if token.type == "STRING" else (token.text, "")

    def definition(self, parts: Parts) -> tuple[str, str]:
        """``NAME=value``. A quoted value keeps its quotes, which decide what it becomes."""
        name, value = parts
        if value.type in {"INTEGER", "HEX_INTEGER"}:
            return f"{name.value}={number(value)}", ""
        return f"{name.value}={value.text if value.type in {'STRING', 'BACK_QUOTED'} else value.value}", ""

    # ------------------------------------------------------------ times

    def time(self, parts: Parts) -> tuple[int, Token]:
        """Whole microseconds, cut off as C does it: a double times a million, converted to an integer."""
        token: Token = parts[0]
        seconds = float(integer(token)) if token.type == "INTEGER" else float(token.value)
        if seconds < 0:
            self.fail("negative time", token, next_step="times count from the start of the test")
        return int(min(seconds, _LATEST) * 1e6), token

    def absolute(self, parts: Parts) -> EventTime:
        """``t``."""
        start, token = parts[0]
        return EventTime(TimeKind.ABSOLUTE, start, position=self.position(token))

    def relative(self, parts: Parts) -> EventTime:
        """``+t``."""
        plus, (start, _) = parts
        return EventTime(TimeKind.RELATIVE, start, position=self.position(plus))

    def any_time(self, parts: Parts) -> EventTime:
        """``*``."""
        return EventTime(TimeKind.ANY, position=self.position(parts[0]))

    def range(self, parts: Parts) -> EventTime:
        """``t~t``."""
        start, end = parts
        return self._range(TimeKind.RANGE, start[1], start[0], end)

    def relative_range(self, parts: Parts) -> EventTime:
        """``+t~+t``."""
        plus, start, end = parts
        return self._range(TimeKind.RELATIVE_RANGE, plus, start[0], end)

    def _range(self, kind: TimeKind, first: Token, start: int, end: tuple[int, Token]) -> EventTime:
        if end[0] < start:
            self.fail("time range is backwards", end[1], next_step="write the earlier time first")
        return EventTime(kind, start, end[0], position=self.position(first))

    # ------------------------------------------------------------ events

    def event(self, parts: Parts) -> Event:
        """A time and what happens."""
        when, action = parts
        if when.kind in _OUTBOUND_ONLY:
            is_outbound = isinstance(action, PacketEvent) and action.direction is Direction.OUTBOUND
            if not is_outbound:
                self.fail_at(_OUTBOUND_ONLY[when.kind], when.position)
        return Event(when, action, position=when.position)

    def command(self, parts: Parts) -> Command:
        """A shell command."""
        return Command(parts[0].value, position=self.position(parts[0]))

    def code(self, parts: Parts) -> CodeBlock:
        """A Python block."""
        return CodeBlock(parts[0].value, position=self.position(parts[0]))

    def syscall(self, parts: Parts) -> SyscallEvent:
        """A system call with its result."""
        end, name, arguments, result, (errno, note) = parts
        return SyscallEvent(name.value, arguments, result, errno, note, end, position=self.position(name))

    def end(self, parts: Parts) -> int:
        """When a blocking call returns."""
        end: int = parts[-1][0]
        return end

    def arguments(self, parts: Parts) -> tuple[object, ...]:
        """The arguments of a call."""
        return tuple(parts)

    def no_error(self, _: Parts) -> tuple[None, None]:
        """Nothing behind the result."""
        return None, None

    def errno(self, parts: Parts) -> tuple[str, str]:
        """``ERRNO (note)``; a second note is read and dropped."""
        return parts[0].value, parts[1]

    def only_note(self, parts: Parts) -> tuple[None, str]:
        """``(note)``."""
        return None, parts[0]

    def note(self, parts: Parts) -> str:
        """The words of a note."""
        return " ".join(token.value for token in parts)
