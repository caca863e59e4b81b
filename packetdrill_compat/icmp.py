"""ICMP types and codes by their script words, for both address families.

Source: the language specification, section 3.5; the numbers are those of RFC 792, RFC 1191, RFC 1812 and RFC 4443.
"""

import re
from typing import NamedTuple

from packetdrill_compat.errors import ScriptError
from packetdrill_compat.numbers import decimal


class _Family(NamedTuple):
    types: dict[str, int]
    codes: dict[str, dict[str, int]]


_V4_UNREACHABLE = (
    "net_unreachable",
    "host_unreachable",
    "protocol_unreachable",
    "port_unreachable",
    "frag_needed",
    "source_route_failed",
    "net_unknown",
    "host_unknown",
    "source_host_isolated",
    "net_prohibited",
    "host_prohibited",
    "net_unreachable_for_tos",
    "host_unreachable_for_tos",
    "packet_filtered",
    "precedence_violation",
    "precedence_cutoff",
)

_V4 = _Family(
    types={
        "echo_reply": 0,
        "unreachable": 3,
        "source_quench": 4,
        "redirect": 5,
        "echo_request": 8,
        "time_exceeded": 11,
        "parameter_problem": 12,
        "timestamp_request": 13,
        "timestamp_reply": 14,
        "information_request": 15,
        "information_reply": 16,
        "address_mask_request": 17,
        "address_mask_reply": 18,
    },
    codes={"unreachable": {word: code for code, word in enumerate(_V4_UNREACHABLE)}},
)

_V6 = _Family(
    types={
        "unreachable": 1,
        "packet_too_big": 2,
        "time_exceeded": 3,
        "parameter_problem": 4,
        "echo_request": 128,
        "echo_reply": 129,
    },
    codes={
        "unreachable": {
            "net_unreachable": 0,
            "no_route": 0,
            "admin_prohibited": 1,
            "not_neighbour": 2,
            "address_unreachable": 3,
            "port_unreachable": 4,
        },
        "time_exceeded": {"exceeded_hop_limit": 0, "exceeded_frag_time": 1},
        "parameter_problem": {"header_field": 0, "unknown_next_header": 1, "unknown_option": 2},
    },
)

# Section 10.1: what the nplab dialect adds.
_NPLAB_V4 = _Family(
    types=_V4.types,
    codes=_V4.codes | {"time_exceeded": {"ttl_exceeded_in_transit": 0, "frag_reass_exceeded": 1}},
)
_NPLAB_V6 = _Family(types=_V6.types | {"router_advertisement": 134}, codes=_V6.codes)


def resolve(
    ip_version: int, type_word: str, code_word: str | None = None, *, dialect: str = "nplab"
) -> tuple[int, int]:
    """Return the type and code numbers of the script words; no code word means code 0.

    `ip_version` is 4 or 6. ``type_N`` and ``code_N`` give numbers. A named code needs a named type. `dialect` decides
    which names exist; its default knows those of all dialects. Raises `ScriptError` with packetdrill's message for an
    unknown word or a number beyond one octet.
    """
    family = _family(ip_version, dialect)
    type_number = family.types.get(type_word)
    if type_number is None:
        type_number = _number("type_", type_word)
    if type_number is None:
        raise ScriptError(f"bad ICMP type {type_word}", next_step=_choices("types", ip_version, family.types))
    if code_word is None:
        return type_number, 0
    names = family.codes.get(type_word, {})
    code_number = names.get(code_word)
    if code_number is None:
        code_number = _number("code_", code_word)
    if code_number is None:
        raise ScriptError(
            f"bad ICMP code {code_word}", next_step=_choices(f"codes of {type_word}", ip_version, names, "code_N")
        )
    return type_number, code_number


def type_name(ip_version: int, type_number: int) -> str:
    """Return the script word of a type, ``type_N`` when it has no name."""
    return _name_of(_family(ip_version, "nplab").types, type_number, "type_")


def code_name(ip_version: int, type_number: int, code_number: int) -> str:
    """Return the script word of a code, ``code_N`` when it has no name."""
    codes = _family(ip_version, "nplab").codes.get(type_name(ip_version, type_number), {})
    return _name_of(codes, code_number, "code_")


def _family(ip_version: int, dialect: str) -> _Family:
    if dialect == "nplab":
        return _NPLAB_V6 if ip_version == 6 else _NPLAB_V4
    return _V6 if ip_version == 6 else _V4


def _number(prefix: str, word: str) -> int | None:
    """Read ``type_N``: leading decimal digits count, what stands behind them is ignored, as ``sscanf`` does."""
    match = re.match(f"{prefix}([0-9]+)", word)
    if match is None:
        return None
    number = decimal(match[1]) & 0xFFFFFFFF
    return number if number <= 255 else None


def _choices(what: str, ip_version: int, names: dict[str, int], number: str = "type_N") -> str:
    return f"the ICMPv{ip_version} {what} are: {', '.join([*names, number])}"


def _name_of(names: dict[str, int], number: int, prefix: str) -> str:
    return next((name for name, value in names.items() if value == number), f"{prefix}{number}")
