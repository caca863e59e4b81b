"""Short cuts for tests of the reader."""

import pytest

from packetdrill_compat.ast import Action, Expression, PacketEvent, Script, SyscallEvent, TcpSpec
from packetdrill_compat.config import Config
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.reader import load, parse_text


def read(text: str, *flags: str, dialect: str = "google") -> Script:
    return load("t.pkt", text=text, dialect=dialect, command_line=flags)[0]


def settings(text: str, *flags: str, dialect: str = "google") -> Config:
    return load("t.pkt", text=text, dialect=dialect, command_line=flags)[1]


def refused(text: str, *flags: str, dialect: str = "google") -> ScriptError:
    with pytest.raises(ScriptError) as caught:
        read(text, *flags, dialect=dialect)
    return caught.value


def last_action(text: str, *flags: str, dialect: str = "google") -> Action:
    return read(text, *flags, dialect=dialect).events[-1].action


def packet(text: str, *flags: str, dialect: str = "google") -> PacketEvent:
    action = last_action(f"0 {text}", *flags, dialect=dialect)
    assert isinstance(action, PacketEvent)
    return action


def tcp(text: str, *flags: str, dialect: str = "google") -> TcpSpec:
    body = packet(text, *flags, dialect=dialect).body
    assert isinstance(body, TcpSpec)
    return body


def call(text: str, *flags: str, dialect: str = "google") -> SyscallEvent:
    action = last_action(text, *flags, dialect=dialect)
    assert isinstance(action, SyscallEvent)
    return action


def expression(text: str, *flags: str, dialect: str = "google") -> Expression:
    """The value of one argument; the first event keeps the argument away from the option section."""
    return call(f"0 `true` 0 f({text}) = 0", *flags, dialect=dialect).arguments[0]


__all__ = ["call", "expression", "last_action", "packet", "parse_text", "read", "refused", "settings", "tcp"]
