"""System calls: exact values, blocking, and what a test must be able to get wrong."""

import errno
import fcntl
import os
import select
import signal
import socket
import struct

import pytest

from targets import calls
from targets.base import Completion, Departure
from targets.calls import CallResult, ControlMessage, EpollEvent, PollEntry, SocketAddress
from targets.kernel import workers
from targets.kernel.target import KernelTarget
from tests.targets.kernel.conftest import Opener
from tests.targets.kernel.play import (
    IPV4,
    VARIANTS,
    Peer,
    answer_syn,
    do,
    established,
    listener,
    next_segment,
    wait_for,
)
from wire.tcp import ACK, FIN, PSH, RST, SYN

pytestmark = pytest.mark.needs_kernel

PEER = SocketAddress(socket.AF_INET, IPV4.remote_ip, 8080)
EPOLL_CTL_ADD = 1
SO_TIMESTAMPING, SCM_TIMESTAMPING = 37, 37
SOF_TX_SOFTWARE, SOF_SOFTWARE, SOF_OPT_TSONLY = 1 << 1, 1 << 4, 1 << 11  # linux/net_tstamp.h


def tcp_socket(target: KernelTarget) -> int:
    return do(target, calls.Socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)).value


def test_a_blocking_accept_completes_when_the_connection_does(opened: Opener) -> None:
    target = opened()
    fd = listener(target, VARIANTS["ipv4"])
    handle = target.call(calls.Accept(fd))
    assert target.poll(target.now() + 10_000) is None
    peer = Peer(target, IPV4)
    peer.handshake()
    injected = target.now()
    happening = target.poll(target.now() + 1_000_000)
    assert isinstance(happening, Completion)
    assert happening.handle == handle
    assert happening.result.value >= 0
    assert happening.result.address == SocketAddress(socket.AF_INET, IPV4.remote_ip, 40_000)
    assert handle.started < happening.time
    assert happening.time < injected + 500_000


def test_a_blocking_connect_has_sent_its_syn_when_call_returns(opened: Opener) -> None:
    target = opened()
    handle = target.call(calls.Connect(tcp_socket(target), PEER))
    departure = target.poll(0)
    assert isinstance(departure, Departure)
    answer_syn(target, departure, SYN | ACK)
    assert wait_for(target, handle).value == 0


def test_a_refused_connect_gives_its_errno(opened: Opener) -> None:
    target = opened()
    handle = target.call(calls.Connect(tcp_socket(target), PEER))
    departure, _ = next_segment(target)
    answer_syn(target, departure, RST | ACK)
    result = wait_for(target, handle)
    assert (result.value, result.errno) == (-1, errno.ECONNREFUSED)


def test_two_calls_may_block_at_once(opened: Opener) -> None:
    target = opened()
    fd, peer = established(target)
    reader = target.call(calls.Recv(fd, 10, socket.MSG_PEEK))
    poller = target.call(calls.Poll((PollEntry(fd, select.POLLIN),), -1))
    assert target.poll(target.now() + 5_000) is None
    peer.send(PSH | ACK, b"x")
    results: dict[int, CallResult] = {}
    while len(results) < 2:
        happening = target.poll(target.now() + 1_000_000)
        assert happening is not None
        if isinstance(happening, Completion):
            results[happening.handle.id] = happening.result
    assert results[reader.id].data == b"x"
    assert results[poller.id].value == 1


def test_a_poll_with_a_timeout_completes_by_itself(opened: Opener) -> None:
    target = opened()
    fd, _ = established(target)
    handle = target.call(calls.Poll((PollEntry(fd, select.POLLIN),), 20))
    result = wait_for(target, handle)
    assert (result.value, result.revents) == (0, (0,))
    assert target.now() >= handle.started + 20_000


def test_a_full_pipe_of_data_blocks_the_writer_until_it_is_acknowledged(opened: Opener) -> None:
    target = opened()
    fd, peer = established(target)
    do(target, calls.SetSockOpt(fd, socket.SOL_SOCKET, socket.SO_SNDBUF, struct.pack("=i", 1), 4))
    handle = target.call(calls.Write(fd, bytes(60_000), 60_000))
    received = 0
    while received < 60_000:
        happening = target.poll(target.now() + 1_000_000)
        assert happening is not None
        if isinstance(happening, Departure):
            received += len(happening.packet) - 40
            peer.rcv_nxt = (peer.rcv_nxt + len(happening.packet) - 40) % 2**32
            peer.send(ACK)
    assert wait_for(target, handle).value == 60_000


def test_null_buffers_and_bad_arguments_give_the_kernels_errnos(opened: Opener) -> None:
    target = opened()
    fd, peer = established(target)
    peer.send(PSH | ACK, b"hello")
    assert do(target, calls.Read(fd, 5, null_buffer=True)).errno == errno.EFAULT
    assert do(target, calls.Send(fd, None, 5, 0)).errno == errno.EFAULT
    assert do(target, calls.SetSockOpt(fd, socket.SOL_SOCKET, socket.SO_RCVBUF, b"\1", 1)).errno == errno.EINVAL
    assert do(target, calls.SetSockOpt(fd, socket.SOL_SOCKET, socket.SO_RCVBUF, None, 4)).errno == errno.EFAULT
    assert do(target, calls.GetSockOpt(fd, 9_999, 1, 4)).errno == errno.EOPNOTSUPP
    assert do(target, calls.Socket(-1, -1, -1)).errno == errno.EINVAL
    assert do(target, calls.Listen(fd, 1)).errno == errno.EINVAL
    assert do(target, calls.Bind(9_999, PEER)).errno == errno.EBADF
    assert do(target, calls.Open("/no/such/file", os.O_RDONLY)).errno == errno.ENOENT


def test_options_come_back_as_the_kernel_wrote_them(opened: Opener) -> None:
    target = opened()
    fd = tcp_socket(target)
    result = do(target, calls.GetSockOpt(fd, socket.IPPROTO_TCP, socket.TCP_NODELAY, 4))
    assert (result.value, result.optval, result.optlen) == (0, bytes(4), 4)
    result = do(target, calls.GetSockOpt(fd, socket.IPPROTO_TCP, socket.TCP_NODELAY, 2))
    assert (result.optval, result.optlen) == (bytes(2), 2)
    failed = do(target, calls.GetSockOpt(fd, socket.IPPROTO_TCP, 250, 4))
    assert (failed.errno, failed.optval) == (errno.ENOPROTOOPT, bytes(4))


def test_vectors_and_messages_carry_data_and_control(opened: Opener) -> None:
    target = opened()
    fd, peer = established(target)
    peer.send(PSH | ACK, b"abcdef")
    assert do(target, calls.Readv(fd, (2, 3))).data == b"abcde"
    peer.send(PSH | ACK, b"gh")
    result = do(target, calls.RecvMsg(fd, (1, 10), 0, 0))
    assert (result.value, result.data, result.msg_flags) == (3, b"fgh", 0)
    do(target, calls.SetSockOpt(fd, socket.IPPROTO_TCP, socket.TCP_NODELAY, struct.pack("=i", 1), 4))
    target.call(calls.Writev(fd, (b"ab", b"", b"c")))
    target.call(calls.SendMsg(fd, (b"d", b"ef"), 0))
    payload, values = b"", []
    while (happening := target.poll(0)) is not None:
        if isinstance(happening, Completion):
            values.append(happening.result.value)
        else:
            payload += happening.packet[40:]
    assert (payload, values) == (b"abcdef", [3, 3])


def test_time_stamps_in_control_messages_are_on_the_targets_clock(opened: Opener) -> None:
    target = opened()
    fd, _ = established(target)
    flags = SOF_TX_SOFTWARE | SOF_SOFTWARE | SOF_OPT_TSONLY
    do(target, calls.SetSockOpt(fd, socket.SOL_SOCKET, SO_TIMESTAMPING, struct.pack("=i", flags), 4))
    before = target.now()
    do(target, calls.Write(fd, b"x", 1))
    after = target.now()
    result = do(target, calls.RecvMsg(fd, (1,), 512, socket.MSG_ERRQUEUE))
    stamps = [each for each in result.control if (each.level, each.type) == (socket.SOL_SOCKET, SCM_TIMESTAMPING)]
    seconds, nanoseconds = struct.unpack_from("=qq", stamps[0].data)
    assert before - 1 <= seconds * 1_000_000 + nanoseconds // 1_000 <= after + 1
    assert stamps[0].data[16:] == bytes(32)


def test_epoll_pipe_splice_and_sendfile(opened: Opener, tmp_path: os.PathLike[str]) -> None:
    target = opened()
    fd, peer = established(target)
    epfd = do(target, calls.EpollCreate(1)).value
    do(target, calls.EpollCtl(epfd, EPOLL_CTL_ADD, fd, EpollEvent(select.EPOLLIN, 0xFFFF_FFFF_0000_0007)))
    assert do(target, calls.EpollWait(epfd, 4, 0)).events == ()
    peer.send(PSH | ACK, b"spliced")
    assert do(target, calls.EpollWait(epfd, 4, -1)).events == (EpollEvent(select.EPOLLIN, 0xFFFF_FFFF_0000_0007),)
    reading, writing = do(target, calls.Pipe()).fds
    assert do(target, calls.Splice(fd, writing, 100, 0)).value == 7
    assert do(target, calls.Read(reading, 100)).data == b"spliced"
    path = os.path.join(tmp_path, "file")
    with open(path, "wb") as file:
        file.write(b"from a file")
    file_fd = do(target, calls.Open(path, os.O_RDONLY)).value
    assert do(target, calls.SendFile(fd, file_fd, 5, 100)).value == 6


def test_fcntl_ioctl_and_shutdown(opened: Opener) -> None:
    target = opened()
    fd, peer = established(target)
    assert do(target, calls.Fcntl(fd, fcntl.F_GETFD)).value == 0
    assert do(target, calls.Fcntl(fd, fcntl.F_SETFL, os.O_RDWR | os.O_NONBLOCK)).value == 0
    assert do(target, calls.Read(fd, 1)).errno == errno.EAGAIN
    peer.send(PSH | ACK, b"12345")
    assert do(target, calls.Ioctl(fd, 0x541B, bytes(4))).optval == struct.pack("=i", 5)  # FIONREAD
    assert do(target, calls.Ioctl(fd, 0x541B)).errno == errno.EFAULT
    shut = target.call(calls.Shutdown(fd, socket.SHUT_WR))
    _, segment = next_segment(target)
    while not segment.flags & FIN:
        _, segment = next_segment(target)
    assert wait_for(target, shut).value == 0


def test_a_lingering_close_blocks_until_the_peer_has_everything(opened: Opener) -> None:
    target = opened()
    fd, peer = established(target)
    do(target, calls.SetSockOpt(fd, socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 5), 8))
    handle = target.call(calls.Close(fd))
    _, fin = next_segment(target)
    assert fin.flags == FIN | ACK
    assert target.poll(target.now() + 5_000) is None
    peer.rcv_nxt = (peer.rcv_nxt + 1) % 2**32
    peer.send(ACK)
    assert wait_for(target, handle).value == 0


def test_sockets_live_in_the_namespace_of_the_target(opened: Opener) -> None:
    # Two targets hold the same address and port at the same time.
    first, second = opened(), opened()
    for target in (first, second):
        listener(target, VARIANTS["ipv4"])
    assert do(second, calls.Bind(tcp_socket(second), VARIANTS["ipv4"].local)).errno == errno.EADDRINUSE


def test_a_control_message_can_be_sent(opened: Opener) -> None:
    target = opened()
    fd = do(target, calls.Socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP)).value
    ttl = ControlMessage(socket.IPPROTO_IP, socket.IP_TTL, struct.pack("=i", 7))
    target.call(calls.SendMsg(fd, (b"x",), 0, PEER, (ttl,)))
    departure = target.poll(0)
    assert isinstance(departure, Departure)
    assert departure.packet[8] == 7


def test_a_signal_for_the_process_does_not_interrupt_a_call(opened: Opener) -> None:
    target = opened()
    fd, peer = established(target)
    handle = target.call(calls.Recv(fd, 1, 0))
    before = signal.signal(signal.SIGUSR2, lambda *_: None)
    try:
        os.kill(os.getpid(), signal.SIGUSR2)
        assert target.poll(target.now() + 5_000) is None
    finally:
        signal.signal(signal.SIGUSR2, before)
    peer.send(PSH | ACK, b"x")
    assert wait_for(target, handle).value == 1


def test_a_call_that_can_be_served_needs_no_waiting(opened: Opener) -> None:
    target = opened()
    fd = listener(target, VARIANTS["ipv4"])
    Peer(target, IPV4).handshake()
    handle = target.call(calls.Accept(fd))
    happening = target.poll(0)
    assert isinstance(happening, Completion)
    assert happening.handle == handle


def test_blocked_calls_are_noticed_without_the_file_that_names_them(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    # User-Mode Linux has no /proc/PID/task/TID/syscall; there the thread's state has to do.
    monkeypatch.setattr(workers, "_FUTEX", b"")
    target = opened()
    fd, peer = established(target)
    first = target.call(calls.Recv(fd, 10, 0))
    assert target.now() - first.started < 500_000
    peer.send(PSH | ACK, b"x")
    assert wait_for(target, first).data == b"x"
    handle = target.call(calls.Poll((), 5))
    assert wait_for(target, handle).value == 0
