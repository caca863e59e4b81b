"""TCP options as script text."""

from collections.abc import Callable
from typing import Any

from packetdrill_compat.ast import Md5Valid, MptcpOption, PlainOption, RawOption, ScriptOption, TimestampPattern
from packetdrill_compat.show.words import Style, blob
from wire.options import (
    AccEcn,
    Eol,
    FastOpen,
    Md5,
    Mss,
    Nop,
    Sack,
    SackPermitted,
    TcpOption,
    Timestamps,
    WindowScale,
)


def show_options(options: tuple[ScriptOption, ...] | None, style: Style) -> str:
    """Return an option list with its angle brackets, ``<...>`` for None, and nothing for no options."""
    if options is None:
        return "<...>"
    return f"<{','.join(show_option(option, style) for option in options)}>" if options else ""


def show_option(option: ScriptOption, style: Style) -> str:
    """Return one option as it stands in a list."""
    match option:
        case PlainOption(wire):
            return _plain(wire, style)
        case TimestampPattern():
            val = "..." if option.val is None else str(option.val)
            return f"TS val {val} ecr {option.ecr}{'!' if option.ecr_absolute else ''}"
        case Md5Valid():
            return "md5 valid"
        case RawOption():
            return _raw(option)
        case MptcpOption():
            return " ".join([option.word, *(_part(option.word, *part) for part in option.parts)])


def _plain(option: TcpOption, style: Style) -> str:
    if isinstance(option, AccEcn):
        return _accecn(option, style)
    if isinstance(option, FastOpen):
        word = "FO"
        if option.experimental:
            word = "exp-FO" if style.dialect == "nplab" else "FOEXP"
        return _with_blob(word, option.cookie)
    form = _FORMS.get(type(option))
    if form is None:
        raise ValueError(f"there is no notation for the TCP option {option!r}")
    return form(option)


def _with_blob(word: str, data: bytes) -> str:
    return f"{word} {blob(data)}" if data else word


_FORMS: dict[type, Callable[[Any], str]] = {
    Eol: lambda _: "eol",
    Nop: lambda _: "nop",
    Mss: lambda option: f"mss {option.value}",
    WindowScale: lambda option: f"wscale {option.shift}",
    SackPermitted: lambda _: "sackOK",
    Sack: lambda option: "sack " + " ".join(f"{left}:{right}" for left, right in option.blocks),
    Timestamps: lambda option: f"TS val {option.val} ecr {option.ecr}",
    Md5: lambda option: f"md5 {blob(option.digest)}",
}

_COUNTERS = (("e0b", "ceb", "e1b"), ("e1b", "ceb", "e0b"))
_ACCECN_EXPERIMENT = ("exp-AccECN0", "exp-AccECN1")


def _accecn(option: AccEcn, style: Style) -> str:
    if style.dialect == "nplab":
        return _nplab_accecn(f"AccECN{option.order}", option.order, option.counters)
    counters = zip(_COUNTERS[option.order], option.counters, strict=False)
    return " ".join(["ECN", *(f"{name} {value}" for name, value in counters)])


def _nplab_accecn(word: str, order: int, counters: tuple[int, ...]) -> str:
    named = zip(_COUNTERS[order], counters, strict=False)
    return " ".join([word, *(f"e{name} {value}" for name, value in named)])


def _raw(option: RawOption) -> str:
    """An option of the nplab dialect; `data` begins with kind and length, and for experiments with the identifier."""
    if not option.spelling:
        return blob(option.data)
    if option.spelling == "exp-tarr":
        rate = option.data[4:]
        return f"exp-tarr {rate[0] >> 1}" if rate else "exp-tarr"
    if option.spelling in _ACCECN_EXPERIMENT:
        octets = option.data[4:]
        counters = tuple(int.from_bytes(octets[at : at + 3], "big") for at in range(0, len(octets), 3))
        return _nplab_accecn(option.spelling, _ACCECN_EXPERIMENT.index(option.spelling), counters)
    return _with_blob(option.spelling, option.data[2 if option.spelling.startswith("gen-") else 4 :])


def _part(word: str, name: str, value: str | int | None) -> str:
    """One part of an option of the mptcp dialect."""
    if value is None:
        return name
    if name in {"version", "reason"} or (name == "key" and word != "mpcapable"):
        return str(value)
    if name == "flags":
        return f"flags {value:#04x}" if isinstance(value, int) else f"flags[{value}]"
    if name in {"key", "addr"}:
        return f"{name}[{value}]"
    return f"{name} {value}" if name == "mpcdatalen" else f"{name}={value}"
