"""The builder of the mptcp dialect.

Source: the language specification, section 10.2; lengths: RFC 8684, sections 3.1 to 3.7.
"""

from ipaddress import AddressValueError, IPv4Address, IPv6Address

from packetdrill_compat.ast import Endpoint, MptcpOption, ScriptOption, TcpSpec, UdpSpec
from packetdrill_compat.build.base import U8, U16, U32, Parts, integer, number
from packetdrill_compat.build.google import GoogleBuilder
from packetdrill_compat.scanner import Token

_Part = tuple[str, str | int | None]
_Ports = tuple[int, int] | tuple[Endpoint, Endpoint] | None


class MptcpBuilder(GoogleBuilder):
    """All rules of ``grammar.lark`` and ``mptcp.lark``. The rules of option parts give lists of parts."""

    dialect = "mptcp"

    # ------------------------------------------------------------ packets

    def tcp(self, parts: Parts) -> TcpSpec:
        """A TCP packet; two plain ports are ports as upstream."""
        ends, flags, sequence, ack, window, urgent, options = parts
        ports, endpoints = _split(ends)
        return TcpSpec(flags, sequence, ack, window, urgent, options, ports, endpoints=endpoints)

    def udp(self, parts: Parts) -> UdpSpec:
        """``udp (N)``."""
        ends, length = parts
        ports, endpoints = _split(ends)
        return UdpSpec(self.ranged(length, U16, "UDP payload size out of range"), ports, endpoints=endpoints)

    def endpoints(self, parts: Parts) -> tuple[Endpoint, Endpoint]:
        """``[end] > [end]``."""
        source, destination = parts
        return source, destination

    def any_endpoint(self, _: Parts) -> Endpoint:
        """A side that is not written."""
        return Endpoint()

    def port(self, parts: Parts) -> Endpoint:
        """A port."""
        return Endpoint(port=self._port(parts[0]))

    def address_and_port(self, parts: Parts) -> Endpoint:
        """``address:port``."""
        address, port = parts
        version = 6 if address.type == "IPV6_ADDR" else 4
        return Endpoint(self._ip_address(version, address), port=self._port(port))

    def address_variable(self, parts: Parts) -> Endpoint:
        """``addr[variable]``."""
        return Endpoint(variable=parts[0].value)

    def _port(self, token: Token) -> int:
        return self.ranged(token, U16, "port out of range")

    def _ip_address(self, version: int, token: Token) -> str:
        try:
            return str(IPv6Address(token.value) if version == 6 else IPv4Address(token.value))
        except AddressValueError:
            self.fail(f"bad IPv{version} address: {token.value}", token)

    # ------------------------------------------------------------ options

    def mptcp(self, parts: Parts) -> ScriptOption:
        """An option and its parts."""
        word, *groups = parts
        flat = tuple(part for group in groups for part in group)
        if word.text == "mp_fail" and flat and flat[0][0] == "dsn4":
            self.fail("Value assigned to a MP_FAIL option is not a valid unsigned 64 bits number.", word)
        return MptcpOption(word.text, flat, position=self.position(word))

    def mp_nothing(self, _: Parts) -> list[_Part]:
        """A part that is not written."""
        return []

    def mp_bare(self, parts: Parts) -> list[_Part]:
        """A part without value."""
        return [(parts[0].text, None)]

    def mp_number(self, parts: Parts) -> list[_Part]:
        """``name=N`` without a limit."""
        return [(parts[0].text, integer(parts[1]))]

    def mp_text(self, parts: Parts) -> list[_Part]:
        """``name=text``."""
        return [(parts[0].text, parts[1])]

    def mp_auto(self, parts: Parts) -> list[_Part]:
        """``name=auto``."""
        return [(parts[0].text, "auto")]

    def mp_function(self, parts: Parts) -> list[_Part]:
        """``name=function(arguments)``."""
        name, function, *arguments = parts
        return [(name.text, f"{function.text}({' '.join(token.value for token in arguments)})")]

    def _limited(self, parts: Parts, limit: int, message: str) -> list[_Part]:
        return [(parts[0].text, self.ranged(parts[1], limit, message))]

    def mp_version(self, parts: Parts) -> list[_Part]:
        """``v0``, ``v1`` or ``none``."""
        return [("version", parts[0].text)]

    def mp_flag_list(self, parts: Parts) -> list[_Part]:
        """``flags[flag_a, …]``."""
        _, *flags = parts
        return [("flags", ",".join(flag.text for flag in flags))]

    def mp_flag_word(self, parts: Parts) -> list[_Part]:
        """``flags N``; the number is cut to one octet."""
        return [("flags", number(parts[1]) & U8)]

    def mp_variable(self, parts: Parts) -> list[_Part]:
        """``name`` or ``name=N``."""
        name, *value = parts
        return [("key", name.value + (f"={integer(value[0])}" if value else ""))]

    def mp_same(self, parts: Parts) -> list[_Part]:
        """A rule for another one."""
        group: list[_Part] = parts[0]
        return group

    def mp_key_list(self, parts: Parts) -> list[_Part]:
        """``key[a]`` and ``key[a, b]``."""
        _, *variables = parts
        return [("key", ",".join(str(variable[0][1]) for variable in variables))]

    def mp_data_length(self, parts: Parts) -> list[_Part]:
        """``mpcdatalen N``."""
        return self._limited(parts, U16, "mpcdatalen value out of range")

    def mp_backup(self, parts: Parts) -> list[_Part]:
        """``backup=0`` or ``backup=1``."""
        if integer(parts[1]) > 1:
            self.fail("MPTCP backup flag should be set to 1 or 0.", parts[1])
        return self.mp_number(parts)

    def mp_address_id(self, parts: Parts) -> list[_Part]:
        """``address_id=N``."""
        return self._limited(parts, U8, "MPTCP mp_join address_id should be a 8 bits unsigned integer.")

    def mp_token(self, parts: Parts) -> list[_Part]:
        """``token=N``."""
        return self._limited(parts, U32, "mptcp_token is not a valid u32.")

    def mp_rand(self, parts: Parts) -> list[_Part]:
        """``rand=N``."""
        return self._limited(parts, U32, "rand is not a valid u32.")

    def mp_truncated(self, parts: Parts) -> str:
        """``trunc_r64_hmac(key)+N`` and the forms with a hash of their own."""
        function, argument, *plus = parts
        return f"{function.text}({argument.value}){plus[0] or '' if plus else ''}"

    def mp_plus(self, parts: Parts) -> str:
        """``+N``."""
        return f"+{integer(parts[0])}"

    def mp_ssn(self, parts: Parts) -> list[_Part]:
        """``ssn=N``."""
        return self._limited(parts, U32, "this is not a valid 32 unsigned integer.")

    def mp_dll(self, parts: Parts) -> list[_Part]:
        """``dll=N``; packetdrill's message names the wrong size."""
        return self._limited(parts, U16, "this is not a valid 32 unsigned integer.")

    def mp_address(self, parts: Parts) -> list[_Part]:
        """``addr[v]`` and ``addr[v=inet_addr("…")]``."""
        word, name, *address = parts
        text = name.value
        if address:
            function, string = address
            version = 6 if function.text == "inet6_addr" else 4
            text += f'={function.text}("{self._ip_address(version, string)}")'
        return [(word.text, text)]

    def mp_port(self, parts: Parts) -> list[_Part]:
        """``port=N``."""
        return self._limited(parts, U16, "ADD_ADDRESS: the port is a 16 bits unsigned integer")

    def mp_addresses(self, parts: Parts) -> list[_Part]:
        """``address_id=[N, …]``."""
        word, *tokens = parts
        message = "REMOVE_ADDRESS: address_id should be a 8 bits unsigned integer."
        return [(word.text, f"[{','.join(str(self.ranged(token, U8, message)) for token in tokens)}]")]

    def mp_fastclose_key(self, parts: Parts) -> list[_Part]:
        """``k``, ``k=N`` and ``+N`` behind it."""
        *variable, plus = parts
        text = "".join(str(group[0][1]) for group in variable) + (plus or "")
        return [("key", text)] if text else []

    def mp_reason(self, parts: Parts) -> list[_Part]:
        """The reason of a reset."""
        message = "mp_reset: reason code should be a 8 bits unsigned integer."
        return [("reason", self.ranged(parts[0], U8, message))]


def _split(ends: _Ports) -> tuple[tuple[int, int] | None, tuple[Endpoint, Endpoint] | None]:
    """Return ports and endpoints: two plain ports are no endpoints."""
    if ends is None:
        return None, None
    source, destination = ends
    assert isinstance(source, Endpoint)
    assert isinstance(destination, Endpoint)
    if _is_port(source) and _is_port(destination):
        return (source.port or 0, destination.port or 0), None
    return None, (source, destination)


def _is_port(end: Endpoint) -> bool:
    return end.port is not None and end.address is None
