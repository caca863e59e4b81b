"""The reference stack through the seam: five operations on a virtual clock (design of `targets.base.Target`)."""

from dataclasses import dataclass, field
from pathlib import Path
from time import process_time

import pytest

from reference_stack.host import NotModelled
from reference_stack.personality import personality
from reference_stack.rules import ListenVerdict
from targets import base, calls
from targets.base import (
    CallHandle,
    Completion,
    Departure,
    Happening,
    Network,
    Target,
    TargetError,
    Unsupported,
)
from targets.calls import CallResult, SocketAddress, Syscall
from targets.recording import Recording
from targets.reference import ReferenceTarget, create
from targets.registry import create_target
from wire.abi import (
    AF_INET,
    AF_INET6,
    F_SETFL,
    IPPROTO_TCP,
    O_NONBLOCK,
    SO_RCVTIMEO,
    SOCK_STREAM,
    SOL_SOCKET,
    pack_timeval,
)
from wire.ip import Ipv4Header, Ipv6Header
from wire.options import Mss
from wire.packet import Packet, build_packet, parse_packet
from wire.tcp import ACK, FIN, PSH, RST, SYN, TcpSegment

NETWORKS = {
    "ipv4": Network("192.168.0.1", "192.0.2.1", "192.168.0.1", 16, 32),
    "mapped": Network("192.168.0.1", "192.0.2.1", "192.168.0.1", 16, 32),
    "ipv6": Network("fd3d:a0b:17d6::1", "fd3d:fa7b:d17d::1", "fd3d:a0b:17d6:8888::1", 48, 48, mtu=1520),
}
SECOND = 1_000_000


@dataclass
class Seat:
    """One end of the seam: calls and hand-made segments in, happenings out."""

    target: Target
    kind: str = "ipv4"
    seen: list[Happening] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.network = NETWORKS[self.kind]
        self.target.open(self.network)
        self.local_isn, self.local_port = 0, 8080

    def call(self, syscall: Syscall) -> CallResult:
        """Make a call that ends at once."""
        handle = self.target.call(syscall)
        completion = self.until(handle, self.target.now())
        assert completion is not None, f"{syscall} blocks"
        return completion.result

    def until(self, handle: CallHandle, deadline: int) -> Completion | None:
        """Poll until the call ends; packets seen on the way stay in `seen`."""
        while (happening := self.target.poll(deadline)) is not None:
            if isinstance(happening, Completion) and happening.handle == handle:
                return happening
            self.seen.append(happening)
        return None

    def peer(self, flags: int, seq: int, ack: int = 0, payload: bytes = b"") -> None:
        options = (Mss(1460),) if flags & SYN else ()
        number = (self.local_isn + ack) % 2**32 if flags & ACK else 0
        segment = TcpSegment(40000, self.local_port, seq, number, flags, 65535, 0, options, payload)
        network = self.network
        header = (
            Ipv6Header(network.remote_ip, network.local_ip)
            if network.ip_version == 6
            else Ipv4Header(network.remote_ip, network.local_ip)
        )
        self.target.inject(build_packet(Packet((header,), segment)))

    def segments(self, wait: int = 0) -> list[tuple[int, int, int, int]]:
        """Flags, sequence number, octets and acknowledgment of what left up to now (or `wait` later)."""
        deadline = self.target.now() + wait
        while (happening := self.target.poll(deadline)) is not None:
            self.seen.append(happening)
        packets = [parse_packet(each.packet) for each in self.seen if isinstance(each, Departure)]
        self.seen.clear()
        found = []
        for packet in packets:
            segment = packet.body
            assert isinstance(segment, TcpSegment)
            if segment.flags & SYN:
                self.local_isn, self.local_port = segment.seq, segment.src_port
            seq = (segment.seq - self.local_isn) % 2**32
            found.append((segment.flags, seq, len(segment.payload), segment.ack))
        return found

    def address(self, host: str, port: int) -> SocketAddress:
        if self.kind == "ipv4":
            return SocketAddress(AF_INET, host, port)
        return SocketAddress(AF_INET6, f"::ffff:{host}" if self.kind == "mapped" else host, port)

    def socket(self) -> int:
        return self.call(calls.Socket(AF_INET if self.kind == "ipv4" else AF_INET6, SOCK_STREAM, IPPROTO_TCP)).value

    def passive_open(self) -> int:
        fd = self.socket()
        assert self.call(calls.Bind(fd, self.address(self.network.local_ip, 8080))).value == 0
        assert self.call(calls.Listen(fd, 5)).value == 0
        self.peer(SYN, 0)
        assert self.segments() == [(SYN | ACK, 0, 0, 1)]
        self.peer(ACK, 1, 1)
        return self.call(calls.Accept(fd)).value


@pytest.fixture(params=["ipv4", "mapped", "ipv6"])
def seat(request: pytest.FixtureRequest) -> Seat:
    return Seat(create(), request.param)


@pytest.fixture
def seat4() -> Seat:
    return Seat(create())


# ---------------------------------------------------------------- whole connections


def test_a_passive_connection_lives_and_ends(seat: Seat) -> None:
    fd = seat.passive_open()
    assert seat.call(calls.Write(fd, b"x" * 500, 500)).value == 500
    assert seat.segments() == [(PSH | ACK, 1, 500, 1)]
    seat.peer(ACK, 1, 501)
    seat.peer(PSH | ACK, 1, 501, b"answer")
    assert seat.call(calls.Read(fd, 100)).data == b"answer"
    assert seat.call(calls.Close(fd)).value == 0
    assert seat.segments(SECOND)[-1] == (FIN | ACK, 501, 0, 7)
    seat.peer(ACK, 7, 502)
    seat.peer(FIN | ACK, 7, 502)
    assert seat.segments() == [(ACK, 502, 0, 8)]


def test_an_active_connection_lives_and_ends(seat: Seat) -> None:
    fd = seat.socket()
    handle = seat.target.call(calls.Connect(fd, seat.address(seat.network.remote_ip, 40000)))
    assert seat.until(handle, 10_000) is None
    assert seat.segments() == [(SYN, 0, 0, 0)]
    seat.peer(SYN | ACK, 0, 1)
    completion = seat.until(handle, 20_000)
    assert completion is not None
    assert (completion.time, completion.result.value) == (10_000, 0)
    assert seat.segments() == [(ACK, 1, 0, 1)]
    seat.peer(FIN | ACK, 1, 1)
    assert seat.call(calls.Read(fd, 10)).value == 0
    assert seat.call(calls.Close(fd)).value == 0
    assert seat.segments()[-1] == (FIN | ACK, 1, 0, 2)
    seat.peer(ACK, 2, 2)
    assert seat.segments() == []


def test_a_reset_ends_a_connection_with_an_error(seat: Seat) -> None:
    fd = seat.passive_open()
    seat.peer(RST, 1)
    result = seat.call(calls.Read(fd, 10))
    assert (result.value, result.errno) == (-1, 104)
    assert seat.segments() == []


def test_a_closed_port_answers_with_a_reset(seat: Seat) -> None:
    seat.peer(SYN, 0)
    assert seat.segments() == [(RST | ACK, 0, 0, 1)]


def test_what_is_not_acknowledged_is_sent_again(seat: Seat) -> None:
    # RFC 6298: the first RTO is at least one second after the segment.
    fd = seat.passive_open()
    seat.call(calls.Write(fd, b"x", 1))
    start = seat.target.now()
    departures = [seat.target.poll(start + 20 * SECOND) for _ in range(3)]
    times = [each.time - start for each in departures if isinstance(each, Departure)]
    assert times[0] >= SECOND
    # RFC 6298 (5.5): back off the timer.
    assert (times[1] - times[0], times[2] - times[1]) == (2 * times[0], 4 * times[0])


# ---------------------------------------------------------------- the clock


def test_the_clock_stands_at_the_deadline_when_nothing_happens(seat4: Seat) -> None:
    assert seat4.target.now() == 0
    assert seat4.target.poll(5_000_000_000_000) is None
    assert seat4.target.now() == 5_000_000_000_000


def test_the_clock_never_goes_back(seat4: Seat) -> None:
    seat4.target.poll(1_000)
    assert seat4.target.poll(10) is None
    assert seat4.target.now() == 1_000


def test_a_deadline_in_the_past_gives_what_has_happened(seat4: Seat) -> None:
    seat4.target.poll(1_000)
    handle = seat4.target.call(calls.Socket(AF_INET, SOCK_STREAM, 0))
    completion = seat4.target.poll(10)
    assert completion == Completion(1_000, handle, CallResult(3))
    assert seat4.target.now() == 1_000


def test_the_clock_jumps_to_the_next_happening_and_not_beyond(seat4: Seat) -> None:
    fd = seat4.passive_open()
    seat4.call(calls.SetSockOpt(fd, SOL_SOCKET, SO_RCVTIMEO, pack_timeval(300_000), 16))
    handle = seat4.target.call(calls.Read(fd, 1))
    assert seat4.until(handle, 299_999) is None
    completion = seat4.until(handle, 10 * SECOND)
    assert completion is not None
    assert (completion.time, completion.result.errno) == (300_000, 11)
    assert seat4.target.now() == 300_000


def test_two_runs_with_one_seed_are_equal_to_the_octet() -> None:
    def run(seed: int) -> list[Happening]:
        seat = Seat(create(seed=seed))
        fd = seat.socket()
        seat.call(calls.Fcntl(fd, F_SETFL, O_NONBLOCK))
        seat.target.call(calls.Connect(fd, seat.address("192.0.2.1", 40000)))
        happenings = []
        while (happening := seat.target.poll(100 * SECOND)) is not None:
            happenings.append(happening)
        return happenings

    assert run(1) == run(1)
    assert run(1) != run(2)


# ---------------------------------------------------------------- opening, closing, capabilities


def test_every_open_begins_a_fresh_host(seat4: Seat) -> None:
    seat4.passive_open()
    seat4.target.poll(SECOND)
    seat4.target.open(NETWORKS["ipv4"])
    assert seat4.target.now() == 0
    assert seat4.call(calls.Socket(AF_INET, SOCK_STREAM, 0)).value == 3


def test_close_is_harmless_at_any_time() -> None:
    target = create()
    target.close()
    target.open(NETWORKS["ipv4"])
    target.close()
    target.close()
    with pytest.raises(TargetError, match="not open"):
        target.poll(0)


def test_a_bad_network_is_an_error_of_the_target() -> None:
    with pytest.raises(TargetError, match="bad network"):
        create().open(Network("nonsense", "192.0.2.1", "192.168.0.1", 16, 32))


def test_it_is_a_target_with_a_name_and_capabilities() -> None:
    target = create()
    assert isinstance(target, Target)
    assert (target.name, target.personality_name) == ("reference", "rfc")
    assert {base.VIRTUAL_TIME, base.IPV4, base.IPV6, base.SHELL, base.TCP_INFO} <= target.capabilities
    assert base.LINUX not in target.capabilities


def test_the_registry_makes_it_by_name() -> None:
    target = create_target("reference:rfc", seed=3)
    assert isinstance(target, ReferenceTarget)
    with pytest.raises(TargetError, match=r"no personality 'nosuch'"):
        create_target("reference:nosuch")


def test_a_personality_of_ones_own_is_taken() -> None:
    def silent(*_: object) -> bool:
        return True

    mutant = personality("rfc").with_rule("closed/ignore-reset", silent)
    seat = Seat(create(mutant))
    seat.peer(SYN, 0)
    assert seat.segments() == []


def test_anyip_takes_every_address_of_the_prefix() -> None:
    target = create()
    target.open(Network("192.168.0.1", "192.0.2.1", "192.168.0.1", 16, 32, is_anyip=True))
    segment = TcpSegment(1, 2, 0, 0, SYN, 100)
    target.inject(build_packet(Packet((Ipv4Header("192.0.2.1", "192.168.77.7"),), segment)))
    assert isinstance(target.poll(0), Departure)


# ---------------------------------------------------------------- what it does not have


def test_a_call_that_is_not_modelled_is_unsupported(seat4: Seat) -> None:
    for syscall in (calls.Open("/tmp/x", 1), calls.Socket(1, 1, 0), calls.Socket(AF_INET, SOCK_STREAM, 132)):
        with pytest.raises(Unsupported, match="reference stack has no"):
            seat4.target.call(syscall)
    assert seat4.target.poll(0) is None


# ---------------------------------------------------------------- commands


def shell(seat: Seat, command: str, directory: str = "/") -> tuple[int | None, str]:
    result = seat.target.shell(command, directory=directory, environment={"PACKETDRILL_PID": "1"}, timeout=SECOND)
    return result.status, result.output


def test_commands_change_the_settings_of_the_simulated_host(seat4: Seat) -> None:
    assert shell(seat4, "sysctl -q net.ipv4.tcp_keepalive_time=11") == (0, "")
    assert shell(seat4, "sysctl -n net.ipv4.tcp_keepalive_time") == (0, "11\n")
    fd = seat4.socket()
    assert seat4.call(calls.GetSockOpt(fd, 6, 4, 4)).optval == b"\x0b\0\0\0"


def test_files_of_commands_are_read_relative_to_the_directory(seat4: Seat, tmp_path: Path) -> None:
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "defaults.sh").write_text("#!/bin/sh\nsysctl -q net.ipv4.tcp_sack=0\n")
    (tmp_path / "close").mkdir()
    assert shell(seat4, "../common/defaults.sh", str(tmp_path / "close")) == (0, "")
    assert shell(seat4, "sysctl -n net.ipv4.tcp_sack") == (0, "0\n")
    assert shell(seat4, "./missing.sh", str(tmp_path))[0] == 127


def test_an_unknown_command_is_unsupported_and_named(seat4: Seat) -> None:
    with pytest.raises(Unsupported, match="no command iptables"):
        shell(seat4, "iptables -A INPUT -j DROP")


# ---------------------------------------------------------------- speed


def test_a_handshake_with_data_and_close_takes_well_under_ten_milliseconds() -> None:
    def connection() -> float:
        start = process_time()
        test_a_passive_connection_lives_and_ends(Seat(create()))
        return process_time() - start

    assert min(connection() for _ in range(5)) < 0.010


def _missing(_segment: TcpSegment) -> ListenVerdict:
    raise NotModelled("what was switched on")


def test_a_packet_that_needs_what_is_missing_is_unsupported() -> None:
    seat = Seat(ReferenceTarget(personality("rfc").with_rule("listen/accept-syn", _missing)))
    fd = seat.socket()
    seat.call(calls.Bind(fd, seat.address("192.168.0.1", 8080)))
    seat.call(calls.Listen(fd, 1))
    recording = Recording(seat.target)
    syn = TcpSegment(40000, 8080, 0, 0, SYN, 65535)
    with pytest.raises(Unsupported, match="what was switched on"):
        recording.inject(build_packet(Packet((Ipv4Header("192.0.2.1", "192.168.0.1"),), syn)))
