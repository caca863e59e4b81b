"""Socket options that give a connection keys: TCP_MD5SIG (measured on Linux 6.18) and those of TCP-AO (linux/tcp.h).

The measured kernel is built without TCP-AO, so the errors of those options come from the comments of the header and
from Documentation/networking/tcp_ao.rst.
"""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from struct import Struct
from typing import Any, NamedTuple, TypeVar

from reference_stack.authentication.algorithms import AO_ALGORITHMS, MAC_OCTETS
from reference_stack.authentication.keys import MAX_KEY_OCTETS, AoKey, Md5Key, PeerKey, keys_for
from reference_stack.host.errnos import CallFailed, Errno
from reference_stack.host.optionrows import BytesOption, Option, OptionContext, put_setting
from wire import abi
from wire.abi import SOL_TCP, unpack_sockaddr

_MD5 = Struct("=128sBBHi80s")
_MD5_PREFIX = 1
_AO_ADD = Struct("=128s64siIHBBBBBB80s")
_AO_DELETE = Struct("=128siIHBBBBBB")
_AO_INFO = Struct("=IHBBQQQQQ")
_SET_CURRENT, _SET_RNEXT = 1, 2
_AO_REQUIRED, _AO_ACCEPT_ICMPS = 4, 16
_AO_MAX_MAC = 20
_EXCLUDE_OPTIONS = 2
"""TCP_AO_KEYF_EXCLUDE_OPT."""
_MAPPED = "::ffff:"

_Key = TypeVar("_Key", bound=PeerKey)


class _Peers(NamedTuple):
    """Whom a structure names: an address, and how many of its bits count."""

    address: str
    bits: int

    def network(self, prefix: int) -> str:
        """Return the network of `prefix` bits; `CallFailed` EINVAL for more bits than there are."""
        if prefix > self.bits:
            raise CallFailed(Errno.EINVAL)
        return str(ip_network(f"{self.address}/{prefix}", strict=False))


def _peers(context: OptionContext, raw: bytes) -> _Peers:
    """Read the address; it has to be of the socket's family (measured: EINVAL)."""
    name = unpack_sockaddr(raw)
    if name.family != context.socket.family:
        raise CallFailed(Errno.EINVAL)
    address = name.host.removeprefix(_MAPPED)
    return _Peers(address, 32 if ip_address(address).version == 4 else 128)


def _unpack(layout: Struct, value: bytes) -> tuple[Any, ...]:
    """Read a structure; a longer one is taken, a shorter one is EINVAL (measured)."""
    if len(value) < layout.size:
        raise CallFailed(Errno.EINVAL)
    return layout.unpack_from(value)


def _put_keys(context: OptionContext, keys: tuple[PeerKey, ...]) -> None:
    put_setting(context, "keys", keys)


def _without(context: OptionContext, key: PeerKey) -> tuple[PeerKey, ...]:
    """Return the keys without one; `CallFailed` ENOENT when it is not there."""
    keys = context.stream.settings.keys
    if key not in keys:
        raise CallFailed(Errno.ENOENT)
    return tuple(other for other in keys if other is not key)


def _known(context: OptionContext, kind: type[_Key]) -> tuple[_Key, ...]:
    return tuple(key for key in context.stream.settings.keys if isinstance(key, kind))


# ---------------------------------------------------------------- RFC 2385


@dataclass(frozen=True, slots=True)
class Md5Option(Option):
    """TCP_MD5SIG, and TCP_MD5SIG_EXT, which alone reads the prefix."""

    has_prefix: bool = False

    def set(self, context: OptionContext, value: bytes) -> None:
        """Add, change or (with an empty key) take away the key for a peer."""
        raw, flags, prefix, length, _, secret = _unpack(_MD5, value)
        peers = _peers(context, raw)
        is_prefix = self.has_prefix and bool(flags & _MD5_PREFIX)
        network = peers.network(prefix if is_prefix else peers.bits)
        if length > MAX_KEY_OCTETS:
            raise CallFailed(Errno.EINVAL)
        old = next((key for key in _known(context, Md5Key) if key.network == network), None)
        if not length and old is None:
            raise CallFailed(Errno.ENOENT)
        kept = context.stream.settings.keys if old is None else _without(context, old)
        added = (Md5Key(network, secret[:length]),) if length else ()
        _put_keys(context, (*kept, *added))


# ---------------------------------------------------------------- RFC 5925


def _add_ao(context: OptionContext, value: bytes) -> None:
    """TCP_AO_ADD_KEY: one more master key tuple; EEXIST when its identifiers are taken for these peers."""
    raw, name, _, bits, _, prefix, send_id, recv_id, mac_octets, flags, length, secret = _unpack(_AO_ADD, value)
    peers = _peers(context, raw)
    algorithm = name.split(b"\0")[0].decode("ascii", "replace")
    if algorithm not in AO_ALGORITHMS:
        raise CallFailed(Errno.ENOENT)
    if length > MAX_KEY_OCTETS or mac_octets > _AO_MAX_MAC or flags & ~3:
        raise CallFailed(Errno.EINVAL)
    key = AoKey(
        peers.network(prefix),
        secret[:length],
        send_id=send_id,
        recv_id=recv_id,
        algorithm=algorithm,
        mac_octets=mac_octets or MAC_OCTETS,
        covers_options=not flags & _EXCLUDE_OPTIONS,
    )
    # RFC 5925, 3.1: identifiers do not overlap where the peers do.
    if any(key.clashes_with(other) for other in _known(context, AoKey)):
        raise CallFailed(Errno.EEXIST)
    _put_keys(context, (*context.stream.settings.keys, key))
    _choose(context, bits, send_id, recv_id)


def _delete_ao(context: OptionContext, value: bytes) -> None:
    """TCP_AO_DEL_KEY: take a tuple away; EBUSY for one that is in use."""
    raw, _, bits, _, prefix, send_id, recv_id, current, rnext, _ = _unpack(_AO_DELETE, value)
    network = _peers(context, raw).network(prefix)
    found = next(
        (
            key
            for key in _known(context, AoKey)
            if (key.network, key.send_id, key.recv_id) == (network, send_id, recv_id)
        ),
        None,
    )
    if found is None:
        raise CallFailed(Errno.ENOENT)
    _choose(context, bits, current, rnext)
    live = context.stream.live
    if live is not None and found in (live.authentication.current, live.authentication.rnext):
        raise CallFailed(Errno.EBUSY)
    _put_keys(context, _without(context, found))


def _choose(context: OptionContext, bits: int, send_id: int, recv_id: int) -> None:
    """Choose current_key and rnext_key of a connection; ENOENT when there is none with that identifier."""
    live = context.stream.live
    if live is None or not bits & (_SET_CURRENT | _SET_RNEXT):
        return
    keys = keys_for(context.stream.settings.keys, live.four_tuple.remote_ip, AoKey)
    current = next((key for key in keys if key.send_id == send_id), None)
    rnext = next((key for key in keys if key.recv_id == recv_id), None)
    if (bits & _SET_CURRENT and current is None) or (bits & _SET_RNEXT and rnext is None):
        raise CallFailed(Errno.ENOENT)
    if bits & _SET_CURRENT:
        live.authentication.current = current
    if bits & _SET_RNEXT:
        live.authentication.rnext = rnext


def _get_info(context: OptionContext, size: int, _initial: bytes) -> bytes:
    """TCP_AO_INFO: keys in use and counts; ENOENT where there is no TCP-AO."""
    if not _known(context, AoKey):
        raise CallFailed(Errno.ENOENT)
    settings, live = context.stream.settings, context.stream.live
    bits = _AO_ACCEPT_ICMPS * settings.accepts_icmp_with_ao | _AO_REQUIRED * (not settings.accepts_unknown_ao)
    if live is None:
        return _AO_INFO.pack(bits, 0, 0, 0, 0, 0, 0, 0, 0)[:size]
    state = live.authentication
    current = state.current.send_id if state.current else 0
    rnext = state.rnext.recv_id if state.rnext else 0
    bits |= _SET_CURRENT * (state.current is not None) | _SET_RNEXT * (state.rnext is not None)
    return _AO_INFO.pack(bits, 0, current, rnext, state.good, state.bad, 0, 0, 0)[:size]


def _set_info(context: OptionContext, value: bytes) -> None:
    """TCP_AO_INFO: choose keys, and whether unknown signatures and ICMP errors count."""
    bits, _, current, rnext, *_counts = _unpack(_AO_INFO, value)
    _choose(context, bits, current, rnext)
    put_setting(context, "accepts_unknown_ao", not bits & _AO_REQUIRED)
    put_setting(context, "accepts_icmp_with_ao", bool(bits & _AO_ACCEPT_ICMPS))


_HEADER = "linux/tcp.h"
AUTHENTICATION_OPTIONS: tuple[Option, ...] = (
    Md5Option(SOL_TCP, abi.TCP_MD5SIG, "TCP_MD5SIG", _HEADER),
    Md5Option(SOL_TCP, abi.TCP_MD5SIG_EXT, "TCP_MD5SIG_EXT", _HEADER, has_prefix=True),
    BytesOption(SOL_TCP, abi.TCP_AO_ADD_KEY, "TCP_AO_ADD_KEY", _HEADER, None, _add_ao),
    BytesOption(SOL_TCP, abi.TCP_AO_DEL_KEY, "TCP_AO_DEL_KEY", _HEADER, None, _delete_ao),
    BytesOption(SOL_TCP, abi.TCP_AO_INFO, "TCP_AO_INFO", _HEADER, _get_info, _set_info),
)
"""Rows of level SOL_TCP."""
