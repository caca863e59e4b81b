"""The mptcp dialect. Source: language specification, section 10.2; lengths: RFC 8684; details measured with the
fork."""

import pytest

from packetdrill_compat.ast import Endpoint, MptcpOption, UdpSpec
from packetdrill_compat.build.mptcp_lengths import mptcp_length
from packetdrill_compat.errors import ScriptError
from tests.packetdrill_compat.reading import helpers


def option(text: str) -> MptcpOption:
    """The option with as many nops behind it as it needs, which tells its length modulo four."""
    padding = next(nops for nops in range(4) if _is_padded(text, nops))
    options = helpers.tcp(f"> S 0:0(0) <{text}{',nop' * padding}>", dialect="mptcp").options or ()
    assert isinstance(options[0], MptcpOption)
    assert (mptcp_length(options[0]) + padding) % 4 == 0
    return options[0]


def _is_padded(text: str, nops: int) -> bool:
    try:
        helpers.tcp(f"> S 0:0(0) <{text}{',nop' * nops}>", dialect="mptcp")
    except ScriptError as error:
        if "not padded correctly" not in error.message:
            raise
        return False
    return True


def refused(text: str) -> str:
    return helpers.refused(f"0 > S 0:0(0) <{text}>", dialect="mptcp").message


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("mpcapable v1 flags[flag_h] nokey", 4),
        ("mpcapable v1 flags[flag_a, flag_h] key[ckey=5]", 12),
        ("mpcapable none flags 0x81 key[ckey, skey]", 20),
        ("mpcapable v1 flags[no_flags] key[ckey, skey] mpcdatalen 7", 22),
        ("mpcapable v1 flags[flag_h] key[ckey, skey] mpcdatalen 0", 20),
        ("mp_capable K", 12),
        ("mp_capable K=5 K2 flag_a flag_h no_flags", 20),
        ("mp_capable_no_cs K", 12),
        ("mp_join_syn token=5", 12),
        ("mp_join_syn backup=1 address_id=auto token=sha1_32(k) rand=3", 12),
        ("mp_join_syn_ack address_id=2 sender_hmac=trunc_l64_hmac(a b)", 16),
        ("mp_join_ack sender_hmac=full_160_hmac(a b)", 24),
        ("dss dack4", 8),
        ("dss dack8=trunc_r64_hmac(k)+5 dsn8 ssn=1 dll=2 nocs", 26),
        ("dss dack4=1 dsn4=2 ssn=1 dll=2 cksum=3 fin", 20),
        ("dss dack4 dsn4 ssn=1 dll=2", 20),
        ("dss dack4 dsn4 ssn=1 dll=2 cksum=0", 18),
        ("add_address address_id=5 addr[v] addr_echo", 8),
        ('add_address address_id=5 addr[v=inet_addr("192.0.2.1")] port=5 hmac=auto', 18),
        ('add_address addr[v=inet6_addr("::1")] hmac=5', 28),
        ("remove_address address_id=[1, 2, 3]", 6),
        ("mp_prio backup=1", 3),
        ("mp_prio backup=1 address_id=3", 4),
        ("mp_fail dsn8=5", 12),
        ("mp_fastclose k=5+6", 12),
        ("mp_fastclose", 12),
        ("mp_reset 5 flags[flag_t]", 4),
    ],
)
def test_options_and_their_lengths(text: str, length: int) -> None:
    assert mptcp_length(option(text)) == length


def test_parts_in_written_order() -> None:
    assert option("mpcapable v1 flags[flag_a, flag_h] key[ckey=5, skey] mpcdatalen 7") == MptcpOption(
        "mpcapable", (("version", "v1"), ("flags", "flag_a,flag_h"), ("key", "ckey=5,skey"), ("mpcdatalen", 7))
    )
    assert option("dss dack8=trunc_r64_hmac(k)+5 dsn4 ssn=1 dll=2 nocs fin") == MptcpOption(
        "dss",
        (("dack8", "trunc_r64_hmac(k)+5"), ("dsn4", None), ("ssn", 1), ("dll", 2), ("nocs", None), ("fin", None)),
    )
    assert option('add_address address_id=auto addr[v=inet_addr("192.0.2.1")] addr_echo').parts == (
        ("address_id", "auto"),
        ("addr", 'v=inet_addr("192.0.2.1")'),
        ("addr_echo", None),
    )
    assert option("mp_fastclose +6").parts == (("key", "+6"),)
    assert option("remove_address address_id=[1, 2]").parts == (("address_id", "[1,2]"),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mp_join_syn backup=2 token=5", "MPTCP backup flag should be set to 1 or 0."),
        ("mp_join_syn address_id=256 token=5", "MPTCP mp_join address_id should be a 8 bits unsigned integer."),
        ("mp_join_syn token=4294967296", "mptcp_token is not a valid u32."),
        ("mp_join_syn token=5 rand=-1", "rand is not a valid u32."),
        ("mpcapable v1 flags[flag_h] nokey mpcdatalen 65536", "mpcdatalen value out of range"),
        ("dss dsn4 ssn=-1 dll=2", "this is not a valid 32 unsigned integer."),
        ("dss dsn4 ssn=1 dll=65536", "this is not a valid 32 unsigned integer."),
        ("add_address addr[v] port=65536 addr_echo", "ADD_ADDRESS: the port is a 16 bits unsigned integer"),
        ("remove_address address_id=[256]", "REMOVE_ADDRESS: address_id should be a 8 bits unsigned integer."),
        ("mp_fail dsn4=5", "Value assigned to a MP_FAIL option is not a valid unsigned 64 bits number."),
        ("mp_reset 256", "mp_reset: reason code should be a 8 bits unsigned integer."),
        ('add_address addr[v=inet_addr("x")] addr_echo', "bad IPv4 address: x"),
    ],
)
def test_ranges(text: str, told: str) -> None:
    assert refused(text) == f"semantic error: {told}"


@pytest.mark.parametrize(
    "text",
    [
        "mpcapable v1 nokey",
        "mpcapable v1 flags[] nokey",
        "mp_capable K flag_h flag_a",
        "mp_join_syn",
        "mp_join_syn address_id=1 backup=1 token=5",
        "mp_join_syn token=sha1_32(5)",
        "dss dsn4 dack4",
        "add_address addr[v]",
        "remove_address address_id=5",
        "mp_reset",
        "mp_reset 5 flags[flag_a]",
        "ECN e0b 1",
    ],
)
def test_options_that_are_none(text: str) -> None:
    assert "syntax error" in refused(text)


def test_endpoints() -> None:
    def ends(text: str) -> object:
        body = helpers.tcp(f"> {text} . 1:1(0)", dialect="mptcp")
        return body.endpoints or body.ports

    assert ends("1 > 2") == (1, 2)
    assert ends("addr[a] > addr[b]") == (Endpoint(variable="a"), Endpoint(variable="b"))
    assert ends("192.0.2.1:5 > 6") == (Endpoint("192.0.2.1", port=5), Endpoint(port=6))
    assert ends("fe80::1 : 5 > ") == (Endpoint("fe80::1", port=5), Endpoint())
    assert ends("> 6") == (Endpoint(), Endpoint(port=6))
    assert helpers.packet("> udp addr[a] > 5 (7)", dialect="mptcp").body == UdpSpec(
        7, endpoints=(Endpoint(variable="a"), Endpoint(port=5))
    )
    assert helpers.refused("0 > 70000 > 5 . 1:1(0)", dialect="mptcp").message == "semantic error: port out of range"


def test_the_rest_is_the_upstream_language() -> None:
    assert helpers.expression("A=1", dialect="mptcp") == helpers.expression("A=1")
    assert "syntax error" in helpers.refused("0 > encap psp spi 1 . 1:1(0)", dialect="mptcp").message
    assert "syntax error" in helpers.refused("0 f(token) = 0", dialect="mptcp").message
