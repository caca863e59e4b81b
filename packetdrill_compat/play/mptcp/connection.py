"""What is known of the MPTCP connection of a script: keys, addresses, data sequence numbers (RFC 8684).

One side is the peer that the script plays, called `own` here; the other one is the stack.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address

from packetdrill_compat.ast import Event, MptcpOption, PacketEvent, TcpSpec
from packetdrill_compat.play.errors import script_error
from packetdrill_compat.play.mptcp.written import Function, Variable, Written
from wire import mptcp_keys

KEY_OCTETS = 8
MASK_64 = (1 << 64) - 1


@dataclass(slots=True)
class Address:
    """An address with a port, 0 when none is known, and the identifier under which a host announced it."""

    ip: str
    port: int = 0
    address_id: int | None = None


@dataclass(slots=True)
class Side:
    """One host: its key, and its next data sequence number relative to the initial one."""

    key: bytes | None = None
    next_dsn: int = 1

    def idsn(self, version: int | None) -> int:
        """The initial data sequence number; 0 before key and version are known."""
        if self.key is None or version is None:
            return 0
        return mptcp_keys.initial_dsn(self.key, version)

    def passed(self, relative_dsn: int, octets: int) -> None:
        """Note that a mapping went by."""
        end = (relative_dsn + octets) & MASK_64
        if (end - self.next_dsn) & MASK_64 < 1 << 63:
            self.next_dsn = end


@dataclass(slots=True)
class Connection:
    """Keys, variables and addresses. `version` is None until a third packet with both keys went by."""

    own: Side = field(default_factory=Side)
    stack: Side = field(default_factory=Side)
    version: int | None = None
    keys: dict[str, bytes] = field(default_factory=dict)
    defined: dict[str, bytes] = field(default_factory=dict)
    endpoints: dict[str, Address] = field(default_factory=dict)
    own_addresses: list[Address] = field(default_factory=list)

    # ------------------------------------------------------------ variables

    def define(self, event: Event) -> None:
        """Take the values that one event writes for its variables (``ckey=2``, ``addr[v=inet_addr("…")]``).

        The tool does so while it reads the script, so a value is known before its line; the last one counts.
        """
        for written in mptcp_options(event):
            for variable in written.variables:
                if variable.name and variable.value is not None:
                    # The tool keeps a number as the processor has it, so the lowest octet is the first of the key.
                    self.defined[variable.name] = (variable.value & MASK_64).to_bytes(KEY_OCTETS, "little")
            if written.word == "add_address":
                name, value = written.address
                if value is not None:
                    self.endpoints[name] = Address(value)

    def key(self, name: str) -> bytes:
        """The key of a variable."""
        value = self.defined.get(name) or self.keys.get(name)
        if value is None:
            raise script_error(
                f"the MPTCP key '{name}' has no value yet",
                next_step="write it as NAME=NUMBER, or name it first where the packet that brings the key is expected",
            )
        return value

    def numbered(self, variable: Variable) -> int:
        """The value of a variable as the number of its octets on the wire, plus what is added to it."""
        return (int.from_bytes(self.key(variable.name), "big") + variable.plus) & MASK_64

    def settle(self, side: Side, name: str, live: int | None) -> None:
        """Give a side its key: the one written for the variable, else the first one seen (`live`), else made up."""
        if name in self.defined:
            side.key = self.defined[name]
            return
        if side.key is None:
            made_up = hashlib.sha256(name.encode()).digest()[:KEY_OCTETS]  # the same in every run
            side.key = made_up if live is None else live.to_bytes(KEY_OCTETS, "big")
            self.keys[name] = side.key

    # ------------------------------------------------------------ derived

    @property
    def own_idsn(self) -> int:
        """Initial data sequence number of the script's side."""
        return self.own.idsn(self.version)

    @property
    def stack_idsn(self) -> int:
        """Initial data sequence number of the stack."""
        return self.stack.idsn(self.version)

    def both_keys(self) -> tuple[bytes, bytes]:
        """Own key and the stack's, for HMACs."""
        if self.own.key is None or self.stack.key is None:
            raise script_error(
                "the keys of the MPTCP connection are not known yet",
                next_step="let the handshake with mpcapable come first",
            )
        return self.own.key, self.stack.key

    def token(self, side: Side) -> int:
        """Token of a side."""
        self.both_keys()
        assert side.key is not None
        return mptcp_keys.token(side.key, self.used_version)

    @property
    def used_version(self) -> int:
        """The version for hashes; 1 as long as no packet said it."""
        return 1 if self.version is None else self.version

    def number_of(self, function: Function) -> int:
        """The value of ``trunc_r64_hmac(key)+N`` and of the forms with a hash and a number of their own."""
        if function.name == "trunc_r64_hmac":
            return mptcp_keys.initial_dsn(self.key(function.arguments[0]), self.used_version) + function.plus & MASK_64
        version = 0 if function.name.endswith("sha1") else 1
        key = (int(function.arguments[0]) & MASK_64).to_bytes(KEY_OCTETS, "little")
        return mptcp_keys.initial_dsn(key, version)

    # ------------------------------------------------------------ addresses

    def own_address(self, ip: str) -> Address:
        """The own address with this IP address, a new one with the next free identifier if need be."""
        known = next((address for address in self.own_addresses if address.ip == ip), None)
        if known is not None:
            return known
        used = [address.address_id or 0 for address in self.own_addresses]
        self.own_addresses.append(Address(ip, address_id=max(used, default=-1) + 1))
        return self.own_addresses[-1]

    def another_own_address(self, first: str) -> Address:
        """Make a new own address, one higher than the highest so far; `first` is known to be one."""
        self.own_address(first)
        highest = max(int(ip_address(address.ip)) for address in self.own_addresses)
        return self.own_address(str(type(ip_address(first))(highest + 1)))


def mptcp_options(event: Event) -> Iterator[Written]:
    """The MPTCP options of an event."""
    action = event.action
    if isinstance(action, PacketEvent) and isinstance(action.body, TcpSpec):
        for option in action.body.options or ():
            if isinstance(option, MptcpOption):
                yield Written(option)
