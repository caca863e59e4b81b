"""The calls that make, name and connect sockets (section 5.2)."""

from packetdrill_compat.calls.arguments import Arguments, call_error
from packetdrill_compat.calls.base import AfterCall, CallContext, Prepared, register
from packetdrill_compat.config import Config
from packetdrill_compat.play.records import OtherFd, SocketRecord, SocketState
from targets.calls import Accept, Bind, CallResult, Close, Connect, Listen, Shutdown, Socket, SocketAddress
from wire import abi


def socket_domain(config: Config) -> int:
    """The family that ``socket(..., …)`` takes from --ip_version (section 7.2)."""
    return abi.AF_INET if config.ip_version == "ipv4" else abi.AF_INET6


def socket_address(config: Config, ip: str, port: int) -> SocketAddress:
    """An address as a socket of this run names it: in mapped runs IPv4 addresses stand inside IPv6 ones."""
    host = f"::ffff:{ip}" if config.is_mapped else ip
    return SocketAddress(socket_domain(config), host, port)


@register("socket")
def _socket(context: CallContext, args: Arguments, want: int) -> Prepared:
    args.expect(3)
    domain = socket_domain(context.config) if args.is_ellipsis(0) else args.integer(0)
    kind, protocol = args.integer(1), args.integer(2)

    def after(result: CallResult) -> None:
        if result.value >= 0:
            context.check_new(want)
            record = SocketRecord(domain, kind, protocol, script_fd=want, live_fd=result.value)
            context.sockets.add(record)

    return Prepared(Socket(domain, kind, protocol), makes_fd=True, after=after)


@register("bind")
def _bind(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(3)
    fd = context.live_fd(args.integer(0))
    args.ellipsis(1)
    args.ellipsis(2)
    return Prepared(Bind(fd, _bind_address(context)))


def _bind_address(context: CallContext) -> SocketAddress:
    """The local address; with an MPTCP socket under test every address, so that subflows may come to others."""
    config, under_test = context.config, context.sockets.under_test
    if under_test is not None and under_test.protocol == abi.IPPROTO_MPTCP:
        return SocketAddress(
            socket_domain(config), "0.0.0.0" if config.ip_version == "ipv4" else "::", config.bind_port
        )
    return socket_address(config, config.local_ip, config.bind_port)


@register("listen")
def _listen(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(2)
    script_fd = args.integer(0)
    fd = context.live_fd(script_fd)
    backlog = args.integer(1)
    _refuse_old(context, script_fd, "bad listen()")

    def after(_result: CallResult) -> None:
        # Also when the script expected -1 and got it (section 4.1).
        record = context.socket(script_fd)
        if record is None:
            raise call_error(f"unable to find socket with script fd {script_fd}")
        record.state = SocketState.PASSIVE_LISTENING

    return Prepared(Listen(fd, backlog), after=after)


def _refuse_old(context: CallContext, script_fd: int, message: str) -> None:
    """Check for the nplab fork that nothing has been done with a socket: it listens and connects only once."""
    record = context.socket(script_fd)
    if context.is_nplab and record is not None and record.state is not SocketState.NEW:
        raise call_error(message, next_step="make a new socket for it")


@register("accept")
def _accept(context: CallContext, args: Arguments, want: int) -> Prepared:
    args.expect(3)
    fd = context.live_fd(args.integer(0))
    args.ellipsis(1)
    args.ellipsis(2)

    def after(result: CallResult) -> None:
        if result.value >= 0:
            _bind_accepted(context, result, want)

    return Prepared(Accept(fd), makes_fd=True, after=after)


def _bind_accepted(context: CallContext, result: CallResult, script_fd: int) -> None:
    record = context.sockets.accept_candidate()
    if record is None:
        raise call_error("unable to find socket matching accept() call")
    peer = result.address
    if peer is not None:
        host = peer.host.removeprefix("::ffff:") if peer.host.count(".") else peer.host
        if (host, peer.port) != (record.remote_ip, record.remote_port):
            raise call_error(
                f"accept() returned the peer {host}:{peer.port} but the connection under test comes from "
                f"{record.remote_ip}:{record.remote_port}"
            )
    record.script_fd, record.live_fd, record.is_closed = script_fd, result.value, False


@register("connect")
def _connect(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(3)
    script_fd = args.integer(0)
    fd = context.live_fd(script_fd)
    family = None if args.is_ellipsis(1) else args.integer(1)
    args.ellipsis(2)
    _refuse_old(context, script_fd, "socket is not new")
    return Prepared(Connect(fd, remote_address(context, script_fd, family)))


def remote_address(context: CallContext, script_fd: int, family: int | None) -> SocketAddress:
    """The address for connect and sendto, marking a new socket as connecting before the call is made (section 5.2)."""
    record = context.socket(script_fd)
    if record is None:
        raise call_error(f"unable to find socket with script fd {script_fd}")
    if family is not None:
        family = None if family == -1 else family & 0xFFFF  # sa_family_t; the C tool takes -1 for "none written"
    if family == abi.AF_UNSPEC:
        record.state = SocketState.NEW
        return SocketAddress(family)
    if record.state is SocketState.NEW:
        record.state = SocketState.ACTIVE_CONNECTING
        record.remote_ip, record.remote_port = context.config.remote_ip, context.config.connect_port
    if family is not None:
        return SocketAddress(family)
    return socket_address(context.config, context.config.remote_ip, context.config.connect_port)


@register("close")
def _close(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(1)
    script_fd = args.integer(0)
    entry, fd = context.entry(script_fd)

    def after(_result: CallResult) -> None:
        _mark_closed(entry)

    return Prepared(Close(fd), after=after)


def _mark_closed(entry: SocketRecord | OtherFd) -> None:
    entry.is_closed = True


@register("shutdown")
def _shutdown(context: CallContext, args: Arguments, _want: int) -> Prepared:
    args.expect(2)
    return Prepared(Shutdown(context.live_fd(args.integer(0)), args.integer(1)))


__all__ = ["AfterCall", "remote_address", "socket_address", "socket_domain"]
