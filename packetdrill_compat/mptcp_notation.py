"""MPTCP options as text, in the notation of the mptcp dialect (language specification, section 10.2)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from packetdrill_compat.ast import MptcpOption
from packetdrill_compat.build.mptcp_lengths import mptcp_length
from packetdrill_compat.show.options import show_option
from packetdrill_compat.show.words import Style
from wire import mptcp
from wire.options import (
    AddAddress,
    Dss,
    MpCapable,
    MpFail,
    MpFastclose,
    MpJoinAck,
    MpJoinSyn,
    MpJoinSynAck,
    MpPrio,
    MpReset,
    RemoveAddress,
    TcpOption,
)


@dataclass(frozen=True, slots=True)
class Scripted(TcpOption):
    """An option of a script whose octets depend on the connection; until they are known it is as long as it will be."""

    written: MptcpOption
    kind: ClassVar[int] = mptcp.KIND

    def body(self) -> bytes:
        """Zeros."""
        return bytes(mptcp_length(self.written) - 2)


def _words(*parts: object) -> str:
    return " ".join(str(part) for part in parts if part != "")


def _named(name: str, value: object) -> str:
    return "" if value is None else f"{name}={value}"


def _flags(value: int) -> str:
    letters = [f"flag_{letter}" for place, letter in enumerate("abcdefgh") if value & 0x80 >> place]
    return f"flags[{','.join(letters) or 'no_flags'}]"


def _capable(option: MpCapable) -> str:
    keys = f"key[{','.join(f'0x{key:016x}' for key in option.keys)}]" if option.keys else "nokey"
    length = "" if option.data_length is None else f"mpcdatalen {option.data_length}"
    checksum = _named("cksum", option.checksum)
    return _words("mpcapable", f"v{option.version}", _flags(option.flags), keys, length, checksum)


def _dss(option: Dss) -> str:
    parts = ["dss"]
    if option.ack_octets:
        parts.append(f"dack{option.ack_octets}={option.ack}")
    if option.dsn_octets:
        checksum = "nocs" if option.checksum is None else f"cksum={option.checksum}"
        mapping = f"dsn{option.dsn_octets}={option.dsn} ssn={option.subflow_seq} dll={option.length} {checksum}"
        parts.append(mapping)
    return _words(*parts, "fin" if option.fin else "")


def _add_address(option: AddAddress) -> str:
    end = "addr_echo" if option.echo else _named("hmac", option.hmac)
    return _words(
        "add_address", f"address_id={option.address_id}", f"addr[{option.address}]", _named("port", option.port), end
    )


MPTCP_FORMATTERS: dict[type, Callable[[Any], str]] = {
    Scripted: lambda o: show_option(o.written, Style("mptcp")),
    MpCapable: _capable,
    MpJoinSyn: lambda o: f"mp_join_syn backup={o.backup:d} address_id={o.address_id} token={o.token} rand={o.nonce}",
    MpJoinSynAck: lambda o: (
        f"mp_join_syn_ack backup={o.backup:d} address_id={o.address_id} "
        f"sender_hmac=trunc_l64_hmac({o.hmac}) rand={o.nonce}"
    ),
    MpJoinAck: lambda o: f"mp_join_ack sender_hmac=0x{o.hmac.hex()}",
    Dss: _dss,
    AddAddress: _add_address,
    RemoveAddress: lambda o: f"remove_address address_id=[{','.join(str(number) for number in o.address_ids)}]",
    MpPrio: lambda o: _words("mp_prio", f"backup={o.backup:d}", _named("address_id", o.address_id)),
    MpFail: lambda o: f"mp_fail dsn8={o.dsn}",
    MpFastclose: lambda o: f"mp_fastclose key=0x{o.key:016x}",
    MpReset: lambda o: f"mp_reset {o.reason}{' flags[flag_t]' if o.flags & 1 else ''}",
}
"""How each option is written; keys and HMACs, which scripts write as variables, as their octets."""
