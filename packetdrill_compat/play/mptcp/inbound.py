"""The option that is injected: what the script writes, and what it leaves to the connection."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from packetdrill_compat.play.errors import packet_error
from packetdrill_compat.play.mptcp.connection import MASK_64, Address, Connection
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
    MpReset,
    MptcpOption,
    RemoveAddress,
)
from wire.tcp import SYN, TcpSegment

OWN_NONCE = 42  # what the tool sends in a SYN; in a SYN-ACK its number is random, ours is the same in every run
JOIN_ACK_OCTETS = 20


@dataclass(frozen=True, slots=True)
class Injection:
    """One option of an inbound segment, which has its ports already."""

    connection: Connection
    record: SocketRecord
    segment: TcpSegment
    written: Written

    def option(self) -> MptcpOption:
        """Make the option and keep the books. Raises `PlayError` for a variable without a value."""
        return _MAKERS[self.written.word](self)

    @property
    def subflow(self) -> Subflow:
        """The subflow of the socket."""
        if self.record.subflow is None:
            own = self.connection.own_address(self.record.remote_ip)
            self.record.subflow = Subflow(own_address_id=own.address_id or 0)
        return self.record.subflow


def _mpcapable(it: Injection) -> MptcpOption:
    written, connection = it.written, it.connection
    names = [variable.name for variable in written.variables]
    if names and (it.segment.flags & SYN or written.version != 0):
        connection.settle(connection.own, names[0], None)
    if len(names) == 2:
        connection.version = written.version
    length = written.number("mpcdatalen") or None
    if length is not None:
        connection.own.passed(1, length)
        it.subflow.next_ssn = max(it.subflow.next_ssn, 1 + length)
    keys = tuple(int.from_bytes(connection.key(name), "big") for name in names)
    return MpCapable(written.version, written.flags, keys, length)


def token_of(written: Written, connection: Connection, receiver: Callable[[], int]) -> int:
    """The token of an mp_join_syn; ``auto`` is that of the receiver."""
    number = written.number("token")
    if number is not None:
        return number
    function = written.function("token")
    if function is None:
        return receiver()
    return mptcp_keys.token(connection.key(function.arguments[0]), 0 if function.name == "sha1_32" else 1)


def hmac_of(written: Written, connection: Connection, nonces: tuple[int, int], *, from_own: bool) -> bytes:
    """The HMAC of a join: with the keys that are written, else with the sender's key in front."""
    function = written.function("sender_hmac")
    if function is not None and len(function.arguments) == 2:
        keys = connection.key(function.arguments[0]), connection.key(function.arguments[1])
    else:
        own, stack = connection.both_keys()
        keys = (own, stack) if from_own else (stack, own)
    hmac = mptcp_keys.join_hmac(*keys, *nonces, connection.used_version)
    if function is not None and len(function.arguments) == 1:
        hmac = (int(function.arguments[0]) & MASK_64).to_bytes(8, "big") + hmac[8:]
    return hmac


def _join_syn(it: Injection) -> MptcpOption:
    nonce = it.written.number("rand")
    it.subflow.own_nonce = OWN_NONCE if nonce is None else nonce
    _join_address(it)
    token = token_of(it.written, it.connection, lambda: it.connection.token(it.connection.stack))
    return MpJoinSyn(it.subflow.own_address_id, token, it.subflow.own_nonce, it.written.number("backup") == 1)


def _join_address(it: Injection) -> None:
    address_id = it.written.number("address_id")
    if address_id is not None:
        it.subflow.own_address_id = address_id


def _join_syn_ack(it: Injection) -> MptcpOption:
    nonce = it.written.number("rand")
    it.subflow.own_nonce = OWN_NONCE if nonce is None else nonce
    _join_address(it)
    hmac = hmac_of(it.written, it.connection, (it.subflow.own_nonce, it.subflow.stack_nonce), from_own=True)
    number = int.from_bytes(hmac[:8], "big")
    return MpJoinSynAck(it.subflow.own_address_id, number, it.subflow.own_nonce, it.written.number("backup") == 1)


def _join_ack(it: Injection) -> MptcpOption:
    nonces = it.subflow.own_nonce, it.subflow.stack_nonce
    return MpJoinAck(hmac_of(it.written, it.connection, nonces, from_own=True)[:JOIN_ACK_OCTETS])


def data_number(written: Written, connection: Connection, name: str, idsn: int, following: int) -> int:
    """A dack or dsn on the wire, uncut: N > 0 counts from `idsn`, a function is as it is, nothing is `following`."""
    function = written.function(name)
    if function is not None:
        return connection.number_of(function)
    number = written.number(name)
    if number is None:
        return (idsn + following) & MASK_64
    return (idsn + number) & MASK_64 if number > 0 else number & MASK_64


def octets_of(written: Written, name: str) -> int:
    """4 for ``dack4``, 8 for ``dack8``, 0 for neither; likewise for dsn."""
    return next((octets for octets in (4, 8) if written.has(f"{name}{octets}")), 0)


def _cut(number: int, octets: int) -> int:
    return number & ((1 << 8 * octets) - 1)


def _dss(it: Injection) -> MptcpOption:
    written, connection = it.written, it.connection
    option = Dss(fin=written.has("fin"))
    octets = octets_of(written, "dack")
    if octets:
        stack = connection.stack
        ack = data_number(written, connection, f"dack{octets}", connection.stack_idsn, stack.next_dsn)
        option = replace(option, ack=_cut(ack, octets), ack_octets=octets)
    octets = octets_of(written, "dsn")
    return _with_mapping(it, option, octets) if octets else option


def _with_mapping(it: Injection, option: Dss, octets: int) -> Dss:
    written, connection, payload = it.written, it.connection, len(it.segment.payload)
    dsn = data_number(written, connection, f"dsn{octets}", connection.own_idsn, connection.own.next_dsn)
    ssn, length = written.number("ssn"), written.number("dll")
    ssn = it.subflow.next_ssn if ssn is None else ssn
    length = payload + option.fin if length is None else length
    checksum = None
    if written.with_checksum():
        checksum = written.number("cksum")
        if checksum is None:
            checksum = mptcp_keys.data_checksum(dsn, ssn, length, it.segment.payload)
    connection.own.passed(dsn - connection.own_idsn & MASK_64, length)
    it.subflow.next_ssn += payload
    return replace(
        option,
        dsn=_cut(dsn, octets),
        dsn_octets=octets,
        subflow_seq=ssn,
        length=length,
        checksum=checksum if checksum is None else checksum & 0xFFFF,
    )


def _add_address(it: Injection) -> MptcpOption:
    written, connection = it.written, it.connection
    name, _ = written.address
    echo = written.has("addr_echo")
    address = _address(it, name)
    written_id = written.number("address_id")
    address_id = address.address_id if written_id is None else written_id
    if address_id is None:
        address_id = connection.own_address(address.ip).address_id or 0
    port = written.number("port")
    address.port = port if port is not None else it.segment.dst_port if echo else it.segment.src_port
    hmac = None
    if not echo:
        hmac = written.number("hmac")
        if hmac is None:
            keys = connection.both_keys()
            hmac = mptcp_keys.address_hmac(*keys, address_id, address.ip, port or 0)
    return AddAddress(address_id, address.ip, port, hmac if hmac is None else hmac & MASK_64, echo)


def _address(it: Injection, name: str) -> Address:
    """The address of a variable; one without a value is a new address of the script's side."""
    known = it.connection.endpoints.get(name)
    if known is not None:
        return known
    new = it.connection.another_own_address(it.record.remote_ip)
    address_id = it.written.number("address_id")
    if address_id is not None:
        new.address_id = address_id
    address = Address(new.ip, address_id=new.address_id)
    it.connection.endpoints[name] = address
    return address


def _remove_address(it: Injection) -> MptcpOption:
    return RemoveAddress(it.written.address_ids)


def _prio(it: Injection) -> MptcpOption:
    return MpPrio(it.written.number("backup") == 1, it.written.number("address_id"))


def _fail(it: Injection) -> MptcpOption:
    connection = it.connection
    return MpFail(data_number(it.written, connection, "dsn8", connection.stack_idsn, connection.stack.next_dsn))


def _fastclose(it: Injection) -> MptcpOption:
    variables = it.written.variables
    if variables and variables[0].name:
        return MpFastclose(it.connection.numbered(variables[0]))
    _, stack = it.connection.both_keys()
    return MpFastclose(int.from_bytes(stack, "big"))


def reset_option(written: Written) -> MpReset:
    """An mp_reset, which says everything itself."""
    reason = written.number("reason")
    if reason is None:
        raise packet_error("mp_reset has no reason")
    return MpReset(reason, int(written.parts.get("flags") == "flag_t"))


def _reset(it: Injection) -> MptcpOption:
    return reset_option(it.written)


_MAKERS: dict[str, Callable[[Injection], MptcpOption]] = {
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
