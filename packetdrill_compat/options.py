"""packetdrill's flags: on the command line and as option lines of a script.

Source: the language specification, sections 7.1, 7.2, 10.1 and 10.2. Numbers are read as C's ``atoi`` reads them:
leading digits count, anything else is 0; where a flag is stricter than that, so is this module.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any

from packetdrill_compat.config import IP_VERSIONS, IPV6, Config
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.numbers import decimal

_ALL = frozenset({"google", "nplab", "mptcp"})
_NPLAB = frozenset({"nplab"})
_GOOGLE_AND_MPTCP = frozenset({"google", "mptcp"})

Setter = Callable[[Config, str, str], Config]


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag. `set` None means a flag without a value, which sets the field of its own name to True.

    `dialects` are those whose scripts may name the flag; a command line may name all of them.
    """

    set: Setter | None
    dialects: frozenset[str] = _ALL


def apply_flag(config: Config, name: str, value: str | None, *, dialect: str | None = None) -> Config:
    """Return `config` with one flag applied; `value` None when none was written.

    With a `dialect` only the flags of that dialect's scripts are known. Raises `ScriptError` with packetdrill's
    message: unknown flag, missing or superfluous value, number out of range.
    """
    flag = FLAGS.get(name)
    if flag is None or (dialect is not None and dialect not in flag.dialects):
        raise ScriptError(f"option '{name}' unknown", next_step=_known_flags(dialect))
    if flag.set is None:
        if value is not None:
            raise ScriptError(f"option '{name}' forbids an argument", next_step=f"write --{name} alone")
        return _switch(config, name)
    if value is None:
        raise ScriptError(f"option '{name}' requires an argument", next_step=f"write --{name}=VALUE")
    return flag.set(config, name, value)


def apply_command_line(config: Config, arguments: Sequence[str]) -> Config:
    """Return `config` with command-line arguments applied: ``--flag=value``, ``--flag value``, ``-D NAME=value``,
    ``-v``.

    As with GNU getopt, a unique beginning of a name will do. Raises `ScriptError` as `apply_flag` does, and for an
    argument that is no flag.
    """
    for name, value in parse_command_line(arguments):
        config = apply_flag(config, name, value)
    return config


def parse_command_line(arguments: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Yield name and value of each flag among `arguments`."""
    rest = iter(arguments)
    for argument in rest:
        if argument.startswith("--") and len(argument) > 2:
            written, equals, value = argument[2:].partition("=")
            name = _full_name(written)
            takes_value = FLAGS[name].set is not None
            yield name, value if equals else _next_value(rest, name) if takes_value else None
        elif argument.startswith("-D"):
            yield "define", argument[2:] or _next_value(rest, "define")
        elif argument == "-v":
            yield "verbose", None
        else:
            raise ScriptError(f"unrecognized argument '{argument}'", path="Command Line", next_step=_known_flags(None))


def check(config: Config) -> Config:
    """Return `config` with addresses filled in, checked against the address family, and in canonical form.

    Defaults: the documentation prefixes of the specification for the remote side, and fixed local addresses where
    packetdrill draws random ones, so that runs repeat. Raises `ScriptError` for a bad address or a combination of flags
    that packetdrill refuses.
    """
    _check_wire_mode(config)
    is_ipv6 = config.ip_version == IPV6
    defaults = _IPV6_DEFAULTS if is_ipv6 else _IPV4_DEFAULTS
    prefix_length = config.remote_prefix_length
    if prefix_length is None and not config.remote_ip:
        prefix_length = defaults.remote_prefix_length
    if prefix_length is not None and not 0 <= prefix_length <= (128 if is_ipv6 else 32):
        raise ScriptError(
            f"bad prefix length in prefix '{config.remote_ip}/{prefix_length}'",
            next_step="write --remote_ip=ADDRESS or --remote_ip=ADDRESS/BITS",
        )
    if not is_ipv6:
        _check_netmask(config.netmask_ip)
    return replace(
        config,
        local_ip=_address(config.local_ip or defaults.local_ip, is_ipv6=is_ipv6),
        remote_ip=_address(config.remote_ip or defaults.remote_ip, is_ipv6=is_ipv6),
        gateway_ip=_address(config.gateway_ip or defaults.gateway_ip, is_ipv6=is_ipv6),
        remote_prefix_length=prefix_length,
    )


_IPV4_DEFAULTS = Config(
    local_ip="192.168.0.1", gateway_ip="192.168.0.1", remote_ip="192.0.2.1", remote_prefix_length=24
)
_IPV6_DEFAULTS = Config(
    local_ip="fd3d:fa7b:d17d::1",
    gateway_ip="fd3d:fa7b:d17d:8888::",
    remote_ip="2001:db8::1",
    remote_prefix_length=32,
)


def _address(text: str, *, is_ipv6: bool) -> str:
    try:
        return str(IPv6Address(text) if is_ipv6 else IPv4Address(text))
    except (AddressValueError, ValueError):
        family = "IPv6" if is_ipv6 else "IPv4"
        raise ScriptError(
            f"bad {family} address: {text}", next_step="give an address of the family that --ip_version names"
        ) from None


def _check_netmask(text: str) -> None:
    mask = int(IPv4Address(_address(text, is_ipv6=False)))
    if (mask | mask - 1) & 0xFFFFFFFF != 0xFFFFFFFF:
        raise ScriptError(f"bad netmask: {text}", next_step="write the leading bits as ones: 255.255.0.0")


def _check_wire_mode(config: Config) -> None:
    is_wire = "wire_client" in config.extra or "wire_server" in config.extra
    if "wire_client" in config.extra and "wire_server_ip" not in config.extra:
        raise ScriptError("when using --wire_client, must specify --wire_server_at or --wire_server_ip")
    if config.psp_udp_port is not None and not is_wire:
        raise ScriptError("PSP requires wireserver mode (use --wire_client or --wire_server)")


# ---------------------------------------------------------------- values


def _with(config: Config, name: str, value: object) -> Config:
    changes: dict[str, Any] = {name: value}
    return replace(config, **changes)


def _bad(name: str, value: str, limits: str) -> ScriptError:
    return ScriptError(f"bad --{name}: {value}", next_step=f"--{name} takes {limits}")


def _integer(value: str) -> int:
    digits = re.match(r"\s*([-+]?[0-9]+)", value)
    return decimal(digits[1]) if digits else 0


def _number(low: int, high: int = 2**31 - 1) -> Setter:
    limits = f"a number from {low}" + (f" to {high}" if high < 2**31 - 1 else " up")

    def set_number(config: Config, name: str, value: str) -> Config:
        number = _integer(value)
        if not low <= number <= high:
            raise _bad(name, value, limits)
        return _with(config, name, number)

    return set_number


def _speed(config: Config, name: str, value: str) -> Config:
    if not re.fullmatch(r"\+?[0-9]+", value) or decimal(value) >= 2**32:
        raise _bad(name, value, "a number of Mbit/s below 2**32")
    return replace(config, speed=decimal(value))


def _text(config: Config, name: str, value: str) -> Config:
    return _with(config, name, value)


def _extra(config: Config, name: str, value: str) -> Config:
    return replace(config, extra=config.extra | {name: value})


def _wire_server(config: Config, name: str, value: str) -> Config:  # noqa: ARG001
    return _extra(config, "wire_server_ip", value)


def _wire_port(config: Config, name: str, value: str) -> Config:
    if not 1 <= _integer(value) <= 65535:
        raise _bad(name, value, "a port")
    return _extra(config, name, str(_integer(value)))


def _ip_version(config: Config, name: str, value: str) -> Config:
    # Section 10.1: the nplab dialect spells the mapped family with underscores, too.
    known = "ipv4-mapped-ipv6" if value == "ipv4_mapped_ipv6" else value
    if known not in IP_VERSIONS:
        raise _bad(name, value, ", ".join(IP_VERSIONS))
    return replace(config, ip_version=known)


def _remote_ip(config: Config, name: str, value: str) -> Config:  # noqa: ARG001
    address, slash, length = value.partition("/")
    if not slash:
        return replace(config, remote_ip=address, remote_prefix_length=None)
    # A bad length is an error only if the command line does not replace the address, so it is told later.
    is_number = re.fullmatch(r"[-+]?[0-9]*", length, re.ASCII)
    return replace(config, remote_ip=address, remote_prefix_length=_integer(length) if is_number else -1)


def _percent(config: Config, name: str, value: str) -> Config:
    digits = re.match(r"\s*[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", value)
    number = float(digits[0]) if digits else 0.0
    if not 0 <= number <= 100:
        raise _bad(name, value, "a percentage from 0 to 100")
    return replace(config, tolerance_percent=number)


def _non_fatal(config: Config, name: str, value: str) -> Config:  # noqa: ARG001
    words = re.split(r"[, ]+", value)  # unknown words are ignored
    return replace(
        config,
        non_fatal_packet=config.non_fatal_packet or "packet" in words,
        non_fatal_syscall=config.non_fatal_syscall or "syscall" in words,
    )


def _init_scripts(config: Config, name: str, value: str) -> Config:  # noqa: ARG001
    return replace(config, init_scripts=tuple(script for script in value.split(",") if script))


def _udp_encapsulation(config: Config, name: str, value: str) -> Config:
    if value not in {"tcp", "sctp"}:
        raise _bad(name, value, "tcp or sctp")
    return _extra(config, name, value)


def _define(config: Config, name: str, value: str) -> Config:  # noqa: ARG001
    symbol, equals, text = value.partition("=")
    if not symbol or not equals:
        raise ScriptError(f"bad definition: {value}", next_step="write NAME=value")
    return replace(config, definitions=config.definitions | {symbol: text})


def _switch(config: Config, name: str) -> Config:
    if name in _SWITCHES:
        return _with(config, name, True)
    return _extra(config, name, "1")


_SWITCHES = {
    "tcp_ts_ecr_scaled",
    "strict_segments",
    "is_anyip",
    "send_omit_free",
    "dry_run",
    "verbose",
    "debug",
}

_PORT = _number(1, 65535)

FLAGS: dict[str, Flag] = {
    "ip_version": Flag(_ip_version),
    "bind_port": Flag(_PORT),
    "connect_port": Flag(_PORT),
    "code_command": Flag(_text),
    "code_format": Flag(_text),
    "code_sockopt": Flag(_text),
    "remote_ip": Flag(_remote_ip),
    "local_ip": Flag(_text),
    "gateway_ip": Flag(_text),
    "netmask_ip": Flag(_text),
    "init_scripts": Flag(_init_scripts),
    "speed": Flag(_speed),
    "mss": Flag(_number(1, 65535), _GOOGLE_AND_MPTCP),
    "mtu": Flag(_number(0)),
    "tolerance_usecs": Flag(_number(1)),
    "tolerance_percent": Flag(_percent, frozenset({"google", "nplab"})),
    "tcp_ts_ecr_scaled": Flag(None, _GOOGLE_AND_MPTCP),
    "tcp_ts_tick_usecs": Flag(_number(0, 1_000_000)),
    "strict_segments": Flag(None, _GOOGLE_AND_MPTCP),
    "non_fatal": Flag(_non_fatal),
    "wire_client": Flag(None),
    "wire_server": Flag(None),
    "wire_server_ip": Flag(_wire_server),
    "wire_server_at": Flag(_wire_server, frozenset({"google"})),
    "wire_server_port": Flag(_wire_port),
    "wire_client_dev": Flag(_extra),
    "wire_server_dev": Flag(_extra),
    "so_filename": Flag(_extra, _GOOGLE_AND_MPTCP),
    "so_flags": Flag(_extra, _GOOGLE_AND_MPTCP),
    "dry_run": Flag(None),
    "is_anyip": Flag(None, _GOOGLE_AND_MPTCP),
    "send_omit_free": Flag(None, _GOOGLE_AND_MPTCP),
    "psp_udp_port": Flag(_PORT, frozenset({"google"})),
    "debug": Flag(None),
    "verbose": Flag(None),
    "define": Flag(_define),
    "local_linklocal_ip": Flag(_extra, _NPLAB),
    "gateway_linklocal_ip": Flag(_extra, _NPLAB),
    "tcp_md5_secret": Flag(_extra, _NPLAB),
    "udp_encapsulation": Flag(_udp_encapsulation, _NPLAB),
    "tun_dev": Flag(_extra, _NPLAB),
    "persistent_tun_dev": Flag(None, _NPLAB),
    "no_cleanup": Flag(None, _NPLAB),
}
"""Every flag by its name."""


# ---------------------------------------------------------------- command line


def _full_name(written: str) -> str:
    if written in FLAGS:
        return written
    candidates = [name for name in FLAGS if name.startswith(written)]
    if len(candidates) == 1:
        return candidates[0]
    problem = "ambiguous" if candidates else "unknown"
    raise ScriptError(
        f"option '{written}' {problem}", path="Command Line", next_step=_known_flags(None, candidates or FLAGS)
    )


def _next_value(rest: Iterator[str], name: str) -> str:
    value = next(rest, None)
    if value is None:
        raise ScriptError(f"option '{name}' requires an argument", path="Command Line")
    return value


def _known_flags(dialect: str | None, names: Iterable[str] | None = None) -> str:
    chosen = names if names is not None else [n for n, f in FLAGS.items() if dialect is None or dialect in f.dialects]
    return "known options: " + ", ".join(f"--{name}" for name in sorted(chosen))
