"""sendmsg and recvmsg; expectations measured with packetdrill 2.0 on Linux, or from its language (section 5.4)."""

from struct import pack

import pytest

from targets.calls import CallResult, ControlMessage, RecvMsg, SendMsg, SocketAddress
from tests.packetdrill_compat.calls.harness import LIVE_FD, Connection, complaint, run
from tests.packetdrill_compat.play.fake import REMOTE
from wire.abi import (
    AF_INET,
    IP_RECVERR,
    MSG_ERRQUEUE,
    SCM_TIMESTAMPING,
    SCM_TIMESTAMPING_OPT_STATS,
    SOL_IP,
    SOL_IPV6,
    SOL_SOCKET,
    SOL_TCP,
    TCP_CM_INQ,
)

EAGAIN = 11
INQ_7 = "{cmsg_level=SOL_TCP, cmsg_type=TCP_CM_INQ, cmsg_data=7}"
ERROR = (
    "{cmsg_level=SOL_IP, cmsg_type=IP_RECVERR, cmsg_data={ee_errno=ENOMSG, ee_origin=SO_EE_ORIGIN_TIMESTAMPING, "
    "ee_type=0, ee_code=0, ee_info=SCM_TSTAMP_ACK, ee_data=9}}"
)
TIME = "{cmsg_level=SOL_SOCKET, cmsg_type=SCM_TIMESTAMPING, cmsg_data={scm_sec=0, scm_nsec=20000000}}"


def recvmsg(control: str = "", *, flags: str = "0", sizes: str = "{..., 30}", count: int = 1, result: str = "0") -> str:
    written = f", msg_control=[{control}]" if control else ""
    header = f"{{msg_name(...)=..., msg_iov({count})=[{sizes}], msg_flags={flags}{written}}}"
    return f"+0 recvmsg(4, {header}, 0) = {result}"


def stats(attributes: str) -> str:
    return recvmsg(f"{{cmsg_level=SOL_SOCKET, cmsg_type=SCM_TIMESTAMPING_OPT_STATS, cmsg_data={{{attributes}}}}}")


def giving(*control: ControlMessage, flags: int = 0) -> Connection:
    return Connection({RecvMsg: [CallResult(0, control=control, msg_flags=flags)]})


def inq(value: int) -> ControlMessage:
    return ControlMessage(SOL_TCP, TCP_CM_INQ, pack("<i", value))


def extended_error(data: int, *, level: int = SOL_IP, origin: int = 4) -> ControlMessage:
    octets = pack("<IBBBxII", 42, origin, 0, 0, 2, data)
    return ControlMessage(level, IP_RECVERR, octets + bytes([2, 0, *range(14)]))


def time_stamp(micros: int) -> ControlMessage:
    octets = pack("<6q", micros // 1_000_000, micros % 1_000_000 * 1000, 0, 0, 5, 5)
    return ControlMessage(SOL_SOCKET, SCM_TIMESTAMPING, octets)


def attributes(*items: tuple[int, int, int]) -> ControlMessage:
    data = b""
    for kind, size, value in items:
        one = pack("<HH", 4 + size, kind) + value.to_bytes(size, "little")
        data += one + bytes(-len(one) % 4)
    return ControlMessage(SOL_SOCKET, SCM_TIMESTAMPING_OPT_STATS, data)


def test_sendmsg_gives_the_address_and_its_buffers_as_zeros() -> None:
    target = Connection({SendMsg: [CallResult(15)]})
    text = "+0 sendmsg(4, {msg_name(...)=..., msg_iov(2)=[{..., 10}, {..., 5}], msg_flags=0}, MSG_DONTWAIT) = 15"
    assert complaint(text, target) == ""
    address = SocketAddress(AF_INET, REMOTE, 8080)
    assert target.made(SendMsg) == [SendMsg(LIVE_FD, (bytes(10), bytes(5)), 0x40, address)]


def test_sendmsg_passes_control_messages() -> None:
    target = Connection({SendMsg: [CallResult(1)]})
    control = "{cmsg_level=SOL_SOCKET, cmsg_type=SO_TIMESTAMPING, cmsg_data=SOF_TIMESTAMPING_TX_ACK}"
    text = f"+0 sendmsg(4, {{msg_name(...)=..., msg_iov(1)=[{{..., 1}}], msg_flags=0, msg_control=[{control}]}}, 0) = 1"
    assert complaint(text, target) == ""
    (call,) = target.made(SendMsg)
    assert isinstance(call, SendMsg)
    assert call.control == (ControlMessage(SOL_SOCKET, 37, pack("<i", 512)),)


def test_sendmsg_refuses_flags_in_the_header() -> None:
    text = "+0 sendmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 1}], msg_flags=1}, 0) = 1"
    assert complaint(text) == "sendmsg ignores msg_flags field in msghdr"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("+0 recvmsg(4, 0) = 0", "Expected 3 args but got 2"),
        ("+0 recvmsg(4, 5, 0) = 0", "Bad type; actual: integer expected: msghdr"),
        (recvmsg(count=2), "msg_iovlen 2 does not match 1-element iovec array"),
        (recvmsg(sizes="4"), "Bad type; actual: integer expected: iovec"),
        (recvmsg("5"), "Bad type; actual: integer expected: cmsg"),
        (recvmsg('{cmsg_level=SOL_TCP, cmsg_type=1, cmsg_data="a"}'), "Unrecognized type for cmsg_data"),
        (recvmsg(ERROR.replace("ee_type=0", "ee_type=300")), "Value out of range for 8-bit integer: 300"),
        (stats("1, 2"), "Bad type; actual: integer expected: binary_expression"),
        (stats("SO_ZEROCOPY=3"), "bad NLA type 60"),
        (stats('TCP_NLA_BUSY="x"'), "values must be numeric or ellipsis"),
        (stats("TCP_NLA_CA_STATE=300"), "out of bound u8 value specified"),
        (stats("TCP_NLA_SRTT=4294967296"), "out of bound u32 value specified"),
    ],
)
def test_what_is_wrong_with_a_header_is_said_before_the_call(text: str, message: str) -> None:
    target = Connection()
    assert complaint(text, target) == message
    assert not target.made(RecvMsg)


@pytest.mark.parametrize(
    ("control", "size"),
    # cmsg(3): CMSG_SPACE is the header of 16 octets and the data, padded to 8.
    [("", 0), (INQ_7, 24), (f"{INQ_7}, {ERROR}", 24 + 48), (ERROR.replace("SOL_IP", "SOL_IPV6"), 64), (TIME, 64)],
)
def test_control_buffer_is_as_large_as_the_expectation(control: str, size: int) -> None:
    target = Connection({RecvMsg: [CallResult(-1, EAGAIN)]})
    run(recvmsg(control, result="-1"), target)
    (call,) = target.made(RecvMsg)
    assert call == RecvMsg(LIVE_FD, (30,), size, 0)


def test_result_is_checked_before_flags_and_flags_before_messages() -> None:
    all_wrong = Connection({RecvMsg: [CallResult(3, msg_flags=0x20)]})
    assert complaint(recvmsg(INQ_7), all_wrong).startswith("Expected result 0 but got 3")
    assert complaint(recvmsg(INQ_7), giving(flags=0x20)) == "Expected msg_flags 0x00000000 but got 0x00000020"
    assert complaint(recvmsg(INQ_7), giving()) == "received only 0 cmsgs"


def test_call_that_fails_as_expected_leaves_the_expectation_in_the_buffer() -> None:
    text = recvmsg(f"{INQ_7}, {ERROR}", flags="MSG_ERRQUEUE", result="-1 EAGAIN (nothing)")
    assert complaint(text, Connection({RecvMsg: [CallResult(-1, EAGAIN)]})) == ""


def test_time_in_the_buffer_of_a_failed_call_is_script_time_and_never_right() -> None:
    target = Connection({RecvMsg: [CallResult(-1, EAGAIN)]})
    message = complaint(recvmsg(TIME, result="-1"), target)
    assert message.startswith("Bad timestamp 0 in scm_timestamping 0: expected=20000 (20000)")
    zero = recvmsg(TIME.replace("20000000", "0"), result="-1")
    assert complaint(zero, Connection({RecvMsg: [CallResult(-1, EAGAIN)]})) == ""
    number = recvmsg(TIME.replace("{scm_sec=0, scm_nsec=20000000}", "1"), result="-1")  # measured: read as times, too
    assert "expected=1000000 (1000000)" in complaint(number, Connection({RecvMsg: [CallResult(-1, EAGAIN)]}))


@pytest.mark.parametrize(
    ("control", "given", "message"),
    [
        (INQ_7, (inq(7),), ""),
        (INQ_7, (inq(8),), "Bad data in cmsg 0: expected=7 actual=8"),
        (INQ_7, (ControlMessage(0, TCP_CM_INQ, bytes(4)),), "Bad level in cmsg 0: expected=6 actual=0"),
        (INQ_7, (ControlMessage(SOL_TCP, 3, bytes(4)),), "Bad type in cmsg 0: expected=36 actual=3"),
        (INQ_7, (ControlMessage(SOL_TCP, TCP_CM_INQ, bytes(8)),), "Bad len in cmsg 0: expected=20 actual=24"),
        (INQ_7, (inq(7), inq(7)), "received more than 1 cmsgs"),
        (f"{INQ_7}, {INQ_7}", (inq(7),), "received only 1 cmsgs"),
        (f"{INQ_7}, {INQ_7}", (inq(7), inq(6)), "Bad data in cmsg 1: expected=7 actual=6"),
    ],
)
def test_messages_are_compared_pairwise(control: str, given: tuple[ControlMessage, ...], message: str) -> None:
    assert complaint(recvmsg(control), giving(*given)) == message


def test_address_behind_an_extended_error_is_not_compared() -> None:
    text = recvmsg(ERROR, flags="MSG_ERRQUEUE")
    assert complaint(text, giving(extended_error(9), flags=MSG_ERRQUEUE)) == ""
    message = "Bad data in extended err 0: expected=9 actual=8"
    assert complaint(text, giving(extended_error(8), flags=MSG_ERRQUEUE)) == message
    message = "Bad origin in extended err 0: expected=4 actual=5"
    assert complaint(text, giving(extended_error(9, origin=5), flags=MSG_ERRQUEUE)) == message


def test_extended_error_is_longer_at_every_other_level() -> None:
    text = recvmsg(ERROR.replace("SOL_IP", "SOL_IPV6").replace("IP_RECVERR", "IPV6_RECVERR"))
    given = ControlMessage(SOL_IPV6, 25, extended_error(9).data)
    assert complaint(text, giving(given)) == "Bad len in cmsg 0: expected=60 actual=48"
    longer = ControlMessage(SOL_IPV6, 25, extended_error(9).data + bytes(12))
    assert complaint(text, giving(longer)) == ""


def test_time_stamp_is_script_time_within_the_tolerance() -> None:
    # Default tolerance_usecs: 4000. The other two timespecs are expected as 0, which is not compared.
    for micros in (16_000, 20_000, 24_000):
        assert complaint(recvmsg(TIME), giving(time_stamp(micros))) == ""
    message = "Bad timestamp 0 in scm_timestamping 0: expected=20000 (20000) actual=24001 (24001) start=0"
    assert complaint(recvmsg(TIME), giving(time_stamp(24_001))) == message


class Late(Connection):
    """A target whose clock shows something else when the script starts."""

    def begin(self) -> int:
        self.clock = 1_000_000
        return self.clock


def test_time_stamp_counts_from_the_start_of_the_script() -> None:
    assert complaint(recvmsg(TIME), Late({RecvMsg: [CallResult(0, control=(time_stamp(1_020_000),))]})) == ""
    message = complaint(recvmsg(TIME), Late({RecvMsg: [CallResult(0, control=(time_stamp(20_000),))]}))
    assert message.endswith("expected=1020000 (20000) actual=20000 (-980000) start=1000000")


def test_statistics_are_compared_by_kind() -> None:
    given = (attributes((1, 8, 5000), (2, 8, 0), (6, 8, 77), (8, 4, 10), (14, 1, 3)),)
    text = "TCP_NLA_BUSY={}, TCP_NLA_RWND_LIMITED={}, TCP_NLA_PACING_RATE=..., TCP_NLA_SND_CWND={}, TCP_NLA_CA_STATE={}"
    assert complaint(stats(text.format(9000, 0, 10, "TCP_CA_RECOVERY")), giving(*given)) == ""
    assert complaint(stats(text.format(1000, "...", "...", "...")), giving(*given)) == ""
    message = "Bad TCP_NLA_BUSY: expected=9001 actual=5000"
    assert complaint(stats(text.format(9001, 0, 10, 3)), giving(*given)) == message
    message = "Bad TCP_NLA_SND_CWND: expected=11 actual=10"
    assert complaint(stats(text.format(5000, 0, 11, 3)), giving(*given)) == message
    message = "Bad TCP_NLA_CA_STATE: expected=2 actual=3"
    assert complaint(stats(text.format(5000, 0, 10, 2)), giving(*given)) == message


def test_time_of_zero_is_exact_in_statistics() -> None:
    message = "Bad TCP_NLA_BUSY: expected=0 actual=1"
    assert complaint(stats("TCP_NLA_BUSY=0"), giving(attributes((1, 8, 1)))) == message


def test_statistics_must_list_all_attributes_in_order() -> None:
    swapped = giving(attributes((2, 8, 0), (1, 8, 0)))
    message = "Bad nla_type 0: expected=1 actual=2"
    assert complaint(stats("TCP_NLA_BUSY=..., TCP_NLA_RWND_LIMITED=..."), swapped) == message
    more = giving(attributes((1, 8, 0), (26, 1, 0)))
    assert complaint(stats("TCP_NLA_BUSY=..."), more) == "Bad len in cmsg 0: expected=28 actual=36"


def test_dots_are_thirty_two_ones_in_wider_values() -> None:
    # Measured: packetdrill writes ~0U for "...", so a literal 4294967295 matches everything as well.
    for value in ("4294967295", "..."):
        assert complaint(stats(f"TCP_NLA_DELIVERY_RATE={value}"), giving(attributes((7, 8, 5)))) == ""
    # All 64 bits set are a number like any other.
    message = "Bad TCP_NLA_DELIVERY_RATE: expected=18446744073709551615 actual=5"
    assert complaint(stats("TCP_NLA_DELIVERY_RATE=-1"), giving(attributes((7, 8, 5)))) == message
