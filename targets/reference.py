"""The bundled reference stack as a target: in this process, in virtual time, repeatable to the octet."""

from collections import deque
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from reference_stack.host import FinishedCall, Host, NotModelled, Route, Routes, make_prefix
from reference_stack.host.values import HostEvent, Result
from reference_stack.personality import Personality
from reference_stack.personality import personality as personality_named
from targets import base
from targets.base import (
    CallHandle,
    Completion,
    Departure,
    Happening,
    Micros,
    Network,
    ShellResult,
    TargetError,
    Unsupported,
)
from targets.calls import CallResult, ControlMessage, EpollEvent, NoBuffer, SocketAddress, Syscall, call_name

_CAPABILITIES = frozenset(
    {
        base.VIRTUAL_TIME,
        base.IPV4,
        base.IPV6,
        base.SHELL,
        base.TCP_INFO,
        base.ECN,
        base.CUBIC,
        base.FAST_OPEN,
        base.TCP_MD5,
        base.TCP_AO,
        base.LINUX_SETTINGS,
    }
)
_SYSTEMS = {
    "linux": frozenset({base.LINUX}),
    "dragonfly": frozenset({base.DRAGONFLY}),
    "freebsd": frozenset({base.FREEBSD}),
}
"""What a personality is, by name; the plain RFC stack is no system."""
_SIGNATURES = frozenset({base.TCP_MD5, base.TCP_AO})
_LACKING = {
    "dragonfly": _SIGNATURES | {base.TCP_INFO, base.ECN, base.CUBIC, base.FAST_OPEN, base.LINUX_SETTINGS},
    "freebsd": _SIGNATURES | {base.LINUX_SETTINGS},
}
"""What a personality does not have of the rest: tcp(4) knows nothing of these."""
_STEPS_WITHOUT_TIME = 100_000
"""So many events at one instant mean that a timer sets itself again and again."""


class ReferenceTarget:
    """A `Target` around one simulated host. Every `open` begins a fresh host at time 0 with the same seed.

    `make_host` is called like `Host`, for a host that differs from it.
    """

    def __init__(self, personality: Personality, *, seed: int = 0, make_host: Callable[..., Host] = Host) -> None:
        self._personality = personality
        self._seed = seed
        self._make_host = make_host
        self._host: Host | None = None
        self._now: Micros = 0
        self._calls: dict[int, CallHandle] = {}
        self._happenings: deque[Happening] = deque()

    @property
    def name(self) -> str:
        """Always ``reference``; the personality is in `personality_name`."""
        return "reference"

    @property
    def personality_name(self) -> str:
        """Name of the personality under test."""
        return self._personality.name

    @property
    def capabilities(self) -> frozenset[str]:
        """What the reference stack has; ``linux`` or ``dragonfly`` with that personality."""
        name = self._personality.name.partition("+")[0]
        return (_CAPABILITIES | _SYSTEMS.get(name, frozenset())) - _LACKING.get(name, frozenset())

    def open(self, network: Network) -> None:
        """Begin a fresh host at time 0. `TargetError` for an address that is none."""
        self.close()
        try:
            prefix = make_prefix(network.local_ip, network.prefix_length)
            remote = make_prefix(network.remote_ip, network.remote_prefix_length)
        except ValueError as error:
            raise TargetError(f"bad network: {error}", next_step="correct the addresses or prefix lengths") from None
        # RFC 791 section 3.2 and RFC 8200 section 5: what every link carries.
        least = 68 if network.ip_version == 4 else 1280
        if network.mtu < least:
            raise TargetError(
                f"bad network: an MTU of {network.mtu} octets", next_step=f"IPv{network.ip_version} needs {least}"
            )
        addresses = set() if network.is_anyip else {network.local_ip}
        routes = Routes(addresses, [prefix], network.mtu, network.is_anyip)
        routes.routes[remote] = Route()
        self._host = self._make_host(routes, personality=self._personality, seed=self._seed)
        self._now = 0

    def begin(self) -> Micros:
        """Return the clock: one place of virtual time is as good as another."""
        return self._now

    def close(self) -> None:
        """Forget the host and everything that has not been taken."""
        self._host = None
        self._calls.clear()
        self._happenings.clear()

    def inject(self, packet: bytes, *, gso_size: int = 0) -> None:
        """An IP packet arrives now.

        Raises `Unsupported` when it asks for something that a script switched on and that the stack lacks.
        """
        host = self._opened()
        try:
            host.inject(packet, now=self._now, gso_size=gso_size)
        except NotModelled as missing:
            raise Unsupported(f"the reference stack has no {missing.reason}") from None
        self._collect(host)

    def call(self, syscall: Syscall) -> CallHandle:
        """Start a system call: the host's call of the same name with the same arguments."""
        host = self._opened()
        arguments = {field.name: getattr(syscall, field.name) for field in fields(syscall)}
        vector = arguments.get("buffers") or arguments.get("sizes") or ()
        if any(isinstance(element, NoBuffer) for element in vector):
            raise Unsupported(f"the reference stack has no {call_name(syscall)} with a buffer that is not there")
        try:
            call_id = host.call(call_name(syscall), arguments, now=self._now)
        except NotModelled as missing:
            raise Unsupported(f"the reference stack has no {missing.reason}") from None
        handle = CallHandle(call_id, syscall, self._now)
        self._calls[call_id] = handle
        self._collect(host)
        return handle

    def poll(self, deadline: Micros) -> Happening | None:
        """Return the next happening up to `deadline`, moving the clock to it, or None with the clock at `deadline`."""
        host = self._opened()
        steps = 0
        while not self._happenings:
            event = host.next_event()
            if event is None or event > deadline:
                self._now = max(self._now, deadline)
                return None
            steps = 0 if event > self._now else steps + 1
            if steps > _STEPS_WITHOUT_TIME:
                raise TargetError(
                    f"the reference stack does not get past {self._now} us",
                    next_step="report the script: a timer of the stack sets itself again without end",
                )
            self._now = max(self._now, event)
            host.advance(now=self._now)
            self._collect(host)
        return self._happenings.popleft()

    def now(self) -> Micros:
        """Return the virtual clock."""
        return self._now

    def shell(self, command: str, *, directory: str, environment: dict[str, str], timeout: Micros) -> ShellResult:  # noqa: ARG002
        """Run a command on the simulated host, in no time; files of commands are read from `directory`."""
        host = self._opened()
        try:
            outcome = host.shell(
                command,
                now=self._now,
                directory=str(Path(directory).absolute()),
                environment=environment,
                read_script=_read_script,
            )
        except NotModelled as missing:
            raise Unsupported(missing.reason) from None
        self._collect(host)
        return ShellResult(outcome.status, 0, outcome.output)

    # --- inside --------------------------------------------------------------------------------------------------

    def _opened(self) -> Host:
        if self._host is None:
            raise TargetError("the reference target is not open", next_step="call open(network) first")
        return self._host

    def _collect(self, host: Host) -> None:
        self._happenings.extend(self._happening(event) for event in host.take())

    def _happening(self, event: HostEvent) -> Happening:
        if isinstance(event, FinishedCall):
            return Completion(event.time, self._calls.pop(event.call_id), _call_result(event.result))
        return Departure(event.time, event.packet)


def _call_result(result: Result) -> CallResult:
    """Return the host's result in the terms of the seam."""
    address = result.address
    return CallResult(
        value=result.value,
        errno=result.errno,
        data=result.data,
        optval=result.optval,
        optlen=result.optlen,
        address=None if address is None else SocketAddress(address.family, address.host, address.port),
        revents=result.revents,
        events=tuple(EpollEvent(event.events, event.data) for event in result.events),
        control=tuple(ControlMessage(each.level, each.type, each.data) for each in result.control),
        msg_flags=result.msg_flags,
        fds=result.fds,
    )


def _read_script(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def create(personality: str | Personality = "rfc", *, seed: int = 0) -> ReferenceTarget:
    """Make a reference target; as a plug-in, ``reference:linux`` names the personality.

    `personality` may be a `Personality` of one's own, for example one with a planted fault. Equal seeds give equal
    sequence numbers, timestamps and ports. `ValueError` for an unknown personality names the known ones.
    """
    chosen = personality_named(personality) if isinstance(personality, str) else personality
    return ReferenceTarget(chosen, seed=seed)
