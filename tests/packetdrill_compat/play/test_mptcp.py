"""Playing the mptcp dialect on a target whose packets are known.

Keys, tokens and HMACs were computed with openssl(1); tests/wire/test_mptcp.py says how. The stack's key is KEY_A, the
script's KEY_B, which scripts write as the number that has its lowest octet first.
"""

from collections.abc import Callable

import pytest

from packetdrill_compat.outcome import FailureKind, RunResult, Verdict
from packetdrill_compat.reader import load
from packetdrill_compat.runner import play
from packetdrill_compat.variants import variant_config
from targets.base import ShellResult
from targets.calls import Bind
from tests.packetdrill_compat.play.fake import FakeTarget
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
    Nop,
    RemoveAddress,
    TcpOption,
)
from wire.packet import Packet
from wire.tcp import ACK, PSH, RST, SYN, TcpSegment

KEY_A = 0x0001020304050607
KEY_B = 0xF0E0D0C0B0A09070
CKEY = int.from_bytes(KEY_B.to_bytes(8, "big"), "little")
TOKEN_A = 0x8A851FF8
IDSN_A = 0xE3DB22C6785A0D45
IDSN_B = 0x52E89250F2AD4151  # the lowest 64 bits of SHA-256(KEY_B)
NONCE_A, NONCE_B = 0x11223344, 0x55667788
HMAC_A = 0x3C57D9BFF7CC277A  # HMAC-SHA256 of KEY_A KEY_B over NONCE_A NONCE_B, leftmost 64 bits
HMAC_B = "1228d8e91014e04e5b6d55b7d0da6f3ea5497968"  # of KEY_B KEY_A over NONCE_B NONCE_A, leftmost 160 bits
ADDRESS_HMAC = 0xBD0F4C62D59F4E80  # of KEY_A KEY_B over 1, 192.0.2.7, port 0, rightmost 64 bits

OPENING = f"""
0 socket(..., SOCK_STREAM, IPPROTO_MPTCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < addr[first] > addr[server] S 0:0(0) win 1000 <mpcapable v1 flags[flag_h] nokey>
+0 > S. 0:0(0) ack 1 <mpcapable v1 flags[flag_h] key[skey]>
+0 < . 1:1(0) ack 1 win 1000 <mpcapable v1 flags[flag_h] key[ckey={CKEY}, skey]>
"""
JOIN = f"""
+0 < addr[second] > addr[server] S 0:0(0) win 1000 <mp_join_syn token=auto rand={NONCE_B}>
+0 > S. 0:0(0) ack 1 <mp_join_syn_ack sender_hmac=auto>
"""
Plan = Callable[[FakeTarget], None]


class Stack:
    """Answers SYNs as an MPTCP stack with KEY_A would; when the third packet comes the plan is made."""

    def __init__(self, plan: Plan, join_hmac: int) -> None:
        self.plan = plan
        self.join_hmac = join_hmac

    def __call__(self, target: FakeTarget, packet: Packet) -> None:
        body = packet.body
        assert isinstance(body, TcpSegment)
        if body.flags & SYN:
            option: TcpOption = MpCapable(1, 1, (KEY_A,))
            if any(isinstance(each, MpJoinSyn) for each in body.options):
                option = MpJoinSynAck(0, self.join_hmac, NONCE_A)
            target.sends(target.clock, SYN | ACK, 0, (body.seq + 1) % 2**32, options=(option,), to=packet.ip.src)
        elif len(target.injected) == 2:
            self.plan(target)


def run(
    text: str, plan: Plan = lambda _target: None, *flags: str, join_hmac: int = HMAC_A
) -> tuple[RunResult, FakeTarget]:
    target = FakeTarget(on_inject=Stack(plan, join_hmac))
    script, config = load(
        "t.pkt", text=OPENING + text, config=variant_config("ipv4"), command_line=flags, dialect="mptcp"
    )
    result = play(script, config, target)
    assert not target.is_open
    return result, target


def options_of(target: FakeTarget, index: int) -> tuple[TcpOption, ...]:
    body = target.injected[index].body
    assert isinstance(body, TcpSegment)
    return body.options


def sending(*options: TcpOption, flags: int = ACK, payload: bytes = b"") -> Plan:
    return lambda target: target.sends(target.clock, flags, 1, 1, payload, options)


def message(result: RunResult) -> str:
    assert result.failure is not None, "the script passed"
    return result.failure.message


def test_the_third_packet_carries_both_keys() -> None:
    result, target = run("")
    assert result.verdict is Verdict.PASS
    assert options_of(target, 1) == (MpCapable(1, 1, (KEY_B, KEY_A)),)


def test_a_bind_of_an_mptcp_socket_is_to_every_address() -> None:
    _, target = run("")
    (bind,) = (call for call in target.calls if isinstance(call, Bind))
    assert bind.address.host == "0.0.0.0"


# ---------------------------------------------------------------- data


def test_numbers_count_from_the_initial_number_of_the_side_that_sends_the_data() -> None:
    live = Dss(IDSN_B + 1, 8, IDSN_A + 1, 8, 1, 10)
    text = "+0 > P. 1:11(10) ack 1 <nop, nop, dss dack8=1 dsn8=1 ssn=1 dll=10 nocs>"
    assert run(text, sending(Nop(), Nop(), live, flags=PSH | ACK, payload=bytes(10)))[0].verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("live", "field"),
    [
        (Dss(IDSN_B + 2, 8, IDSN_A + 1, 8, 1, 10), ("option 3 dss ack", "1", "2")),
        (Dss(IDSN_B + 1, 8, IDSN_A, 8, 1, 10), ("option 3 dss dsn", "1", "0")),
        (Dss(IDSN_B + 1, 8, IDSN_A + 1, 8, 2, 10), ("option 3 dss subflow_seq", "1", "2")),
        (Dss(IDSN_B + 1, 8, IDSN_A + 1, 8, 1, 11), ("option 3 dss length", "10", "11")),
        (Dss(IDSN_B + 1, 8, IDSN_A + 1, 8, 1, 10, fin=True), ("option 3 dss fin", "0", "1")),
    ],
)
def test_a_data_sequence_signal_that_differs_is_told_in_the_numbers_of_the_script(
    live: Dss, field: tuple[str, str, str]
) -> None:
    text = "+0 > P. 1:11(10) ack 1 <nop, nop, dss dack8=1 dsn8=1 ssn=1 dll=10 nocs>"
    result, _ = run(text, sending(Nop(), Nop(), live, flags=PSH | ACK, payload=bytes(10)))
    assert message(result) == "error handling packet: MPTCP option mismatch: 30"
    assert result.failure is not None
    assert [(d.name, d.want, d.got) for d in result.failure.differences] == [field]
    assert "dss dack8=" in result.failure.got


def test_a_number_of_32_bits_is_the_lower_half() -> None:
    text = "+0 > . 1:1(0) ack 1 <dss dack4=101>"
    assert run(text, sending(Dss((IDSN_B + 101) & 0xFFFFFFFF, 4)))[0].verdict is Verdict.PASS
    assert run(text, sending(Dss((IDSN_B + 100) & 0xFFFFFFFF, 4)))[0].verdict is Verdict.FAIL


def test_what_a_script_leaves_open_is_not_compared() -> None:
    text = "+0 > P. 1:11(10) ack 1 <dss dack4 dsn8 nocs, nop, nop>"
    live = Dss(7, 4, IDSN_A + 99, 8, 5, 10)
    assert run(text, sending(live, Nop(), Nop(), flags=PSH | ACK, payload=bytes(10)))[0].verdict is Verdict.PASS


def test_inbound_numbers_that_are_left_open_go_on_where_the_connection_is() -> None:
    text = """
+0 < P. 1:11(10) ack 1 win 1000 <nop, nop, dss dack8 dsn8 nocs>
+0 < P. 11:31(20) ack 1 win 1000 <nop, nop, dss dack4=1 dsn4 cksum=7, nop, nop>
+0 < . 31:31(0) ack 1 win 1000 <dss dack4=1 dsn8 ssn=0 nocs fin, nop, nop>
"""
    _, target = run(text)
    assert options_of(target, 2)[2] == Dss(IDSN_A + 1, 8, IDSN_B + 1, 8, 1, 10)
    assert options_of(target, 3)[2] == Dss((IDSN_A + 1) & 0xFFFFFFFF, 4, (IDSN_B + 11) & 0xFFFFFFFF, 4, 11, 20, 7)
    assert options_of(target, 4)[0] == Dss((IDSN_A + 1) & 0xFFFFFFFF, 4, IDSN_B + 31, 8, 0, 1, fin=True)


def test_a_checksum_that_is_left_open_is_that_of_pseudo_header_and_zeros() -> None:
    # RFC 8684, section 3.3.1, by hand for IDSN_B + 1 = 52e89250f2ad4152, 1 and 10:
    # 52e8 + 9250 + f2ad + 4152 + 0000 + 0001 + 000a = 21942, with the carry 1944, complement e6bb.
    _, target = run("+0 < P. 1:11(10) ack 1 win 1000 <dss dack8=1 dsn8=1 ssn=1 dll=10>")
    (option,) = options_of(target, 2)
    assert isinstance(option, Dss)
    assert option.checksum == 0xE6BB


def test_the_hash_of_a_key_can_be_named_instead_of_a_number() -> None:
    _, target = run("+0 < . 1:1(0) ack 1 win 1000 <dss dack8=trunc_r64_hmac(skey)+5>")
    assert options_of(target, 2) == (Dss(IDSN_A + 5, 8),)


# ---------------------------------------------------------------- joins


def test_a_join_has_the_token_of_the_receiver_and_the_hmacs_of_both() -> None:
    result, target = run(JOIN + "+0 < . 1:1(0) ack 1 win 1000 <mp_join_ack sender_hmac=auto>")
    assert result.verdict is Verdict.PASS
    assert options_of(target, 2) == (MpJoinSyn(1, TOKEN_A, NONCE_B),)
    assert options_of(target, 3) == (MpJoinAck(bytes.fromhex(HMAC_B)),)
    assert target.injected[2].ip.src == "192.0.2.2"


def test_a_wrong_hmac_of_the_stack_is_a_failure() -> None:
    result, _ = run(JOIN, join_hmac=HMAC_A ^ 1)
    assert message(result) == "error handling packet: MPTCP option mismatch: 30"


def test_the_script_can_take_other_keys_for_its_hmac() -> None:
    _, target = run(JOIN + "+0 < . 1:1(0) ack 1 win 1000 <mp_join_ack sender_hmac=full_160_hmac(skey ckey)>")
    (option,) = options_of(target, 3)
    assert isinstance(option, MpJoinAck)
    assert option.hmac != bytes.fromhex(HMAC_B)


@pytest.mark.parametrize(
    ("token", "number"), [("5", 5), ("sha256_32(skey)", TOKEN_A), ("sha1_32(skey)", 0x67423EBF), ("auto", TOKEN_A)]
)
def test_a_token_can_be_written_in_every_form(token: str, number: int) -> None:
    _, target = run(f"+0 < S 0:0(0) win 1000 <mp_join_syn backup=1 address_id=9 token={token}>")
    assert options_of(target, 2) == (MpJoinSyn(9, number, 42, backup=True),)


def test_packets_without_endpoints_are_those_of_the_newest_subflow_and_named_ones_find_theirs() -> None:
    text = JOIN + "+0 < . 1:1(0) ack 1 win 1000\n+0 < addr[first] > addr[server] . 1:1(0) ack 1 win 1000"
    _, target = run(text)
    assert [packet.ip.src for packet in target.injected[3:5]] == ["192.0.2.2", "192.0.2.1"]


def test_a_packet_of_another_subflow_is_an_error() -> None:
    text = JOIN + "+.1 > . 1:1(0) ack 1"
    result, _ = run(text, lambda target: target.sends(target.clock + 100_000, ACK, 1, 1))
    assert message(result) == "error handling packet: packet is not for expected socket"


# ---------------------------------------------------------------- addresses and the rest


def test_an_announced_address_has_the_hmac_of_the_sender() -> None:
    text = "+0 > . 1:1(0) ack 1 <add_address addr[new] hmac=auto>"
    assert run(text, sending(AddAddress(1, "192.0.2.7", hmac=ADDRESS_HMAC)))[0].verdict is Verdict.PASS
    result, _ = run(text, sending(AddAddress(1, "192.0.2.7", hmac=ADDRESS_HMAC ^ 1)))
    assert message(result) == "error handling packet: MPTCP option mismatch: 30"


def test_an_address_that_is_written_is_compared() -> None:
    text = '+0 > . 1:1(0) ack 1 <add_address addr[new=inet_addr("192.0.2.8")] addr_echo>'
    result, _ = run(text, sending(AddAddress(1, "192.0.2.7", echo=True)))
    assert result.failure is not None
    assert [(d.want, d.got) for d in result.failure.differences] == [("192.0.2.8", "192.0.2.7")]


def test_an_echo_has_identifier_and_address_of_the_announcement() -> None:
    text = """
+0 > . 1:1(0) ack 1 <add_address addr[new] hmac=auto>
+0 < . 1:1(0) ack 1 win 9 <add_address addr[new] addr_echo>
"""
    _, target = run(text, sending(AddAddress(1, "192.0.2.7", hmac=ADDRESS_HMAC)))
    assert options_of(target, 2) == (AddAddress(1, "192.0.2.7", echo=True),)


def test_an_address_of_the_script_is_the_one_after_its_last() -> None:
    _, target = run("+0 < . 1:1(0) ack 1 win 9 <add_address addr[mine] port=90 addr_echo, nop, nop>")
    assert options_of(target, 2)[0] == AddAddress(1, "192.0.2.2", 90, echo=True)


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("remove_address address_id=[1, 2], nop, nop, nop", RemoveAddress((1, 2))),
        ("mp_prio backup=1, nop", MpPrio(True)),
        ("mp_prio address_id=3", MpPrio(False, 3)),
        ("mp_fail dsn8=5", MpFail(IDSN_A + 5)),
        ("mp_fastclose", MpFastclose(KEY_A)),
        ("mp_fastclose ckey", MpFastclose(KEY_B)),
        ("mp_fastclose skey+1", MpFastclose(KEY_A + 1)),
        ("mp_reset 5 flags[flag_t]", MpReset(5, 1)),
    ],
)
def test_the_other_options_are_injected_as_written(text: str, option: TcpOption) -> None:
    _, target = run(f"+0 < . 1:1(0) ack 1 win 1000 <{text}>")
    assert options_of(target, 2)[0] == option


@pytest.mark.parametrize(
    ("text", "came"),
    [
        ("mp_reset 0", MpReset(1)),
        ("mp_prio backup=0, nop", MpPrio(True)),
        ("mp_fastclose ckey", MpFastclose(KEY_A)),
        ("mp_fail dsn8=1", MpFail(IDSN_B + 2)),
        ("remove_address address_id=[1, 2, 3, 4, 5]", RemoveAddress((1, 2, 3, 4, 6))),
        ("dss dack4=1", MpCapable(1, 1)),
    ],
)
def test_another_option_than_expected_is_a_failure(text: str, came: TcpOption) -> None:
    result, _ = run(f"+0 > . 1:1(0) ack 1 <{text}>", sending(came, *[Nop()] * (-len(came.build()) % 4)))
    assert result.verdict is Verdict.FAIL


def test_the_order_of_removed_addresses_does_not_matter() -> None:
    text = "+0 > . 1:1(0) ack 1 <remove_address address_id=[1, 2], nop, nop, nop>"
    assert run(text, sending(RemoveAddress((2, 1)), Nop(), Nop(), Nop()))[0].verdict is Verdict.PASS


# ---------------------------------------------------------------- the rest of the dialect


def test_a_variable_without_a_value_is_an_error_with_a_way_out() -> None:
    result, _ = run("+0 < . 1:1(0) ack 1 win 1000 <mp_fastclose other>")
    assert message(result) == "error handling packet: the MPTCP key 'other' has no value yet"
    assert result.verdict is Verdict.ERROR
    assert result.failure is not None
    assert result.failure.next_step


def test_a_value_that_is_written_later_counts_from_the_start() -> None:
    text = OPENING.replace(f"ckey={CKEY}", "ckey").replace("OPENING", "")
    target = FakeTarget(on_inject=Stack(lambda _: None, HMAC_A))
    later = f"+0 < P. 1:1(0) ack 1 win 9 <mpcapable v1 flags[flag_h] key[ckey={CKEY}, skey]>"
    script, config = load("t.pkt", text=text + later, config=variant_config("ipv4"), dialect="mptcp")
    assert play(script, config, target).verdict is Verdict.PASS
    assert options_of(target, 1) == (MpCapable(1, 1, (KEY_B, KEY_A)),)


def test_a_missing_packet_is_told_soon() -> None:
    result, target = run("+.5 > . 1:1(0) ack 1")
    assert message(result) == "error handling packet: Timed out waiting for packet"
    assert result.failure is not None
    assert result.failure.kind is FailureKind.MISSING
    assert target.clock < 3_000_000


def test_the_tolerance_does_not_grow_with_the_distance() -> None:
    plan: Plan = lambda target: target.sends(target.clock + 1_005_000, ACK, 1, 1)  # noqa: E731
    assert "timing error" in message(run("+1 > . 1:1(0) ack 1", plan)[0])
    assert run("+1 > . 1:1(0) ack 1", plan, "--tolerance_usecs=6000")[0].verdict is Verdict.PASS


def test_a_reset_of_the_stack_needs_no_option() -> None:
    assert run("+0 > R. 1:1(0) ack 1 <...>", sending(MpReset(1), flags=RST | ACK))[0].verdict is Verdict.PASS


class Shell(FakeTarget):
    """Keeps the environment of commands."""

    environment: dict[str, str]

    def shell(self, command: str, *, directory: str, environment: dict[str, str], timeout: int) -> ShellResult:
        self.environment = environment
        return ShellResult(0)


def test_commands_find_options_and_definitions_in_their_environment() -> None:
    target = Shell()
    flags = ("--strict_segments", "-DPLACE=home", "--mtu=1400")
    script, config = load("t.pkt", text="0 `true`", config=variant_config("ipv4"), dialect="mptcp", command_line=flags)
    assert play(script, config, target).verdict is Verdict.PASS
    seen = target.environment
    names = ("OPT_IP_VERSION", "OPT_LOCAL_IP", "OPT_NETMASK_IP", "OPT_MTU", "OPT_STRICT_SEGMENTS", "OPT_IS_ANYIP")
    assert [seen[name] for name in names] == ["ipv4", "192.168.0.1", "255.255.0.0", "1400", "1", "0"]
    assert (seen["OPT_LOCAL_DEV"], seen["PLACE"]) == ("tun0", "home")
