import pytest

from reports.calls import describe_call, describe_result
from targets import calls
from targets.calls import CallResult, EpollEvent, PollEntry, SocketAddress, Syscall


@pytest.mark.parametrize(
    ("call", "text"),
    [
        # Numbers: Linux ABI (asm-generic/socket.h, linux/tcp.h, linux/in.h, fcntl.h).
        (calls.Socket(10, 1 | 0o4000, 6), "socket(AF_INET6, SOCK_STREAM|0x800, IPPROTO_TCP)"),
        (calls.Connect(3, SocketAddress(10, "fd00::1", 80)), "connect(3, [fd00::1]:80)"),
        (calls.Bind(3, SocketAddress(2, raw=b"\x02\x00\x00")), "bind(3, sockaddr 0x020000)"),
        (calls.SetSockOpt(3, 1, 2, b"\x01\0\0\0", 4), "setsockopt(3, SOL_SOCKET, SO_REUSEADDR, 1, 4)"),
        (calls.SetSockOpt(3, 6, 1, None, 4), "setsockopt(3, SOL_TCP, TCP_NODELAY, NULL, 4)"),
        (calls.SetSockOpt(3, 0, 1, b"\x10", 1), "setsockopt(3, SOL_IP, IP_TOS, 0x10, 1)"),
        (calls.GetSockOpt(3, 999, 7, 4), "getsockopt(3, 999, 7, 4)"),
        (calls.Fcntl(4, 4, 0o4000), "fcntl(4, F_SETFL, 0x800)"),
        (calls.Shutdown(4, 1), "shutdown(4, SHUT_WR)"),
        (calls.Poll((PollEntry(4, 1),), 100), "poll([{fd=4, events=0x1}], 1, 100)"),
        (calls.EpollCtl(5, 1, 4, EpollEvent(1, 4)), "epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=0x1})"),
        (calls.SendTo(3, b"abc", 3, 0x20000000, None), "sendto(3, …, 3, 0x20000000, NULL)"),
        (calls.SendFile(4, 5, None, 10), "sendfile(4, 5, NULL, 10)"),
        (calls.Pipe(), "pipe()"),
    ],
)
def test_calls_are_named_as_in_the_manual(call: Syscall, text: str) -> None:
    assert describe_call(call) == text


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (CallResult(3), "= 3"),
        (CallResult(-1, errno=11), "= -1 EAGAIN"),
        (CallResult(0, optval=b"\x05\0\0\0"), "= 0 value 5"),
        (CallResult(0, optval=bytes(20)), "= 0 value 0x" + "00" * 16 + "…(20)"),
        (CallResult(1, revents=(4, 0)), "= 1 revents [0x4, 0x0]"),
        (CallResult(1, events=(EpollEvent(1, 4),)), "= 1 events [0x1: 4]"),
        (CallResult(0, fds=(5, 6)), "= 0 fds [5, 6]"),
    ],
)
def test_results_show_what_came_back(result: CallResult, text: str) -> None:
    assert describe_result(result) == text
