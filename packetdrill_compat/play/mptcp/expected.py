"""The option that must come, and the option that came, both with the data sequence numbers of the script.

What a script leaves open is taken from the option that came. Data acknowledgments and data sequence numbers are
relative to the initial number of the side that sends the data, so that both texts of a failure read like the script.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from packetdrill_compat.play.mptcp.connection import MASK_64, Address, Connection
from packetdrill_compat.play.mptcp.inbound import (
    JOIN_ACK_OCTETS,
    hmac_of,
    octets_of,
    reset_option,
    token_of,
)
from packetdrill_compat.play.mptcp.written import Written
from packetdrill_compat.play.records import SocketRecord, Subflow
from wire import mptcp_keys
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
    MptcpOption,
    RemoveAddress,
    TcpOption,
)
from wire.tcp import TcpSegment

Kind = TypeVar("Kind", bound=MptcpOption)


@dataclass(frozen=True, slots=True)
class Expected:
    """One option of an outbound segment. `live` is the segment that came."""

    connection: Connection
    record: SocketRecord
    live: TcpSegment
    written: Written

    def option(self) -> MptcpOption:
        """Make the option, and learn from the one that came."""
        return _MAKERS[self.written.word](self)

    def came(self, kind: type[Kind]) -> Kind | None:
        """The option of this class that came."""
        return next((option for option in self.live.options if isinstance(option, kind)), None)

    @property
    def subflow(self) -> Subflow:
        """The subflow of the socket."""
        if self.record.subflow is None:
            own = self.connection.own_address(self.record.remote_ip)
            self.record.subflow = Subflow(own_address_id=own.address_id or 0)
        return self.record.subflow


def to_script(option: TcpOption, connection: Connection) -> TcpOption:
    """Give an option that came the data sequence numbers of the script."""
    if isinstance(option, Dss):
        return replace(
            option,
            ack=_relative(option.ack, connection.own_idsn, option.ack_octets),
            dsn=_relative(option.dsn, connection.stack_idsn, option.dsn_octets),
        )
    if isinstance(option, MpFail):
        return MpFail(_relative(option.dsn, connection.own_idsn, 8))
    if isinstance(option, RemoveAddress):
        # A list of identifiers has no order (RFC 8684, section 3.4.2).
        return RemoveAddress(tuple(sorted(option.address_ids)))
    return option


def note_data(option: TcpOption, connection: Connection) -> None:
    """Keep the stack's next data sequence number, from an option with script numbers."""
    if isinstance(option, Dss) and option.dsn_octets:
        dsn = option.dsn
        if option.dsn_octets == 4:
            dsn |= connection.stack.next_dsn >> 32 << 32
        connection.stack.passed(dsn, option.length)
    elif isinstance(option, MpCapable) and option.data_length:
        connection.stack.passed(1, option.data_length)


def _relative(number: int, idsn: int, octets: int) -> int:
    return (number - idsn) & ((1 << 8 * octets) - 1)


def _mpcapable(it: Expected) -> MptcpOption:
    written, connection = it.written, it.connection
    names = [variable.name for variable in written.variables]
    came = it.came(MpCapable)
    if names and (len(names) == 1 or written.version != 0):
        connection.settle(connection.stack, names[0], came.keys[0] if came is not None and came.keys else None)
    if len(names) == 2:
        connection.version = written.version
    keys = tuple(int.from_bytes(connection.key(name), "big") for name in names)
    return MpCapable(written.version, written.flags, keys, written.number("mpcdatalen") or None)


def _join_syn(it: Expected) -> MptcpOption:
    written, came = it.written, it.came(MpJoinSyn)
    nonce, address_id = written.number("rand"), written.number("address_id")
    if came is not None:
        nonce = came.nonce if nonce is None else nonce
        address_id = came.address_id if address_id is None else address_id
    it.subflow.stack_nonce = nonce or 0
    token = token_of(written, it.connection, lambda: it.connection.token(it.connection.own))
    return MpJoinSyn(address_id or 0, token, nonce or 0, written.number("backup") == 1)


def _join_syn_ack(it: Expected) -> MptcpOption:
    written, came = it.written, it.came(MpJoinSynAck)
    if came is not None:
        it.subflow.stack_nonce = came.nonce
    nonces = it.subflow.stack_nonce, it.subflow.own_nonce
    hmac = int.from_bytes(hmac_of(written, it.connection, nonces, from_own=False)[:8], "big")
    address_id = 0 if came is None else came.address_id
    return MpJoinSynAck(address_id, hmac, nonces[0], written.number("backup") == 1)


def _join_ack(it: Expected) -> MptcpOption:
    nonces = it.subflow.stack_nonce, it.subflow.own_nonce
    return MpJoinAck(hmac_of(it.written, it.connection, nonces, from_own=False)[:JOIN_ACK_OCTETS])


def _data_number(it: Expected, name: str, octets: int, idsn: int, came: int) -> int:
    function = it.written.function(name)
    if function is not None:
        return _relative(it.connection.number_of(function), idsn, octets)
    number = it.written.number(name)
    return came if number is None else number & ((1 << 8 * octets) - 1)


def _dss(it: Expected) -> MptcpOption:
    written, connection = it.written, it.connection
    live = it.came(Dss)
    came = Dss() if live is None else to_script(live, connection)
    assert isinstance(came, Dss)
    option = Dss(fin=written.has("fin"))
    octets = octets_of(written, "dack")
    if octets:
        ack = _data_number(it, f"dack{octets}", octets, connection.own_idsn, came.ack)
        option = replace(option, ack=ack, ack_octets=octets)
    octets = octets_of(written, "dsn")
    if not octets:
        return option
    dsn = _data_number(it, f"dsn{octets}", octets, connection.stack_idsn, came.dsn)
    ssn, length, checksum = written.number("ssn"), written.number("dll"), written.number("cksum")
    if not written.with_checksum():
        checksum = None
    elif checksum is None:
        checksum = came.checksum or 0
    return replace(
        option,
        dsn=dsn,
        dsn_octets=octets,
        subflow_seq=came.subflow_seq if ssn is None else ssn,
        length=came.length if length is None else length,
        checksum=checksum,
    )


def _add_address(it: Expected) -> MptcpOption:
    written, connection = it.written, it.connection
    name, _ = written.address
    came = it.came(AddAddress)
    address = connection.endpoints.get(name)
    if address is None:
        address = Address("0.0.0.0" if came is None else came.address)
        if came is not None:
            connection.endpoints[name] = address
    address_id, port = written.number("address_id"), written.number("port")
    if address_id is None:
        address_id = 0 if came is None else came.address_id
    if address.address_id is None:
        address.address_id = address_id
    echo = written.has("addr_echo")
    # An echo names an address of its receiver.
    address.port = port if port is not None else it.live.dst_port if echo else it.live.src_port
    hmac = None
    if not echo:
        hmac = written.number("hmac")
        if hmac is None:
            own, stack = connection.both_keys()
            hmac = mptcp_keys.address_hmac(stack, own, address_id, address.ip, port or 0)
    return AddAddress(address_id, address.ip, port, hmac if hmac is None else hmac & MASK_64, echo)


def _remove_address(it: Expected) -> MptcpOption:
    return RemoveAddress(tuple(sorted(it.written.address_ids)))


def _prio(it: Expected) -> MptcpOption:
    return MpPrio(it.written.number("backup") == 1, it.written.number("address_id"))


def _fail(it: Expected) -> MptcpOption:
    came = it.came(MpFail)
    idsn = it.connection.own_idsn
    return MpFail(_data_number(it, "dsn8", 8, idsn, 0 if came is None else _relative(came.dsn, idsn, 8)))


def _fastclose(it: Expected) -> MptcpOption:
    variables = it.written.variables
    if variables and variables[0].name:
        return MpFastclose(it.connection.numbered(variables[0]))
    came = it.came(MpFastclose)
    return MpFastclose(0 if came is None else came.key)


def _reset(it: Expected) -> MptcpOption:
    return reset_option(it.written)


_MAKERS: dict[str, Callable[[Expected], MptcpOption]] = {
    "mpcapable": _mpcapable,
    "mp_capable": _mpcapable,
    "mp_capable_no_cs": _mpcapable,
    "mp_join_syn": _join_syn,
    "mp_join_syn_ack": _join_syn_ack,
    "mp_join_ack": _join_ack,
    "dss": _dss,
    "add_address": _add_address,
    "remove_address": _remove_address,
    "mp_prio": _prio,
    "mp_fail": _fail,
    "mp_fastclose": _fastclose,
    "mp_reset": _reset,
}
