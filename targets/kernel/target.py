"""The running kernel as a `Target`: one object plays one script."""

import functools
import heapq
import itertools
import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from targets import calls
from targets.base import CallHandle, Completion, Happening, Micros, Network, ShellResult, TargetError, Unsupported
from targets.calls import CallResult, Syscall
from targets.kernel import capabilities
from targets.kernel.admission import Admission, seat
from targets.kernel.blocking import may_block
from targets.kernel.clock import wait_for_tick
from targets.kernel.messages import prepare_recvmsg, prepare_sendmsg, rebase_times
from targets.kernel.privileges import change_of, owns_namespace, prepare_capset
from targets.kernel.session import Session
from targets.kernel.syscalls import PREPARE, Prepared

_MSG_ZEROCOPY = 0x4000000
_SOCK_CLOEXEC = os.O_CLOEXEC
_LINKS = ("auto", "tun", "veth", "here")

_PREPARE: dict[type[Syscall], Callable[[Any], Prepared]] = {
    **PREPARE,
    calls.RecvMsg: prepare_recvmsg,
    calls.SendMsg: prepare_sendmsg,
    calls.CapSet: prepare_capset,
}


class KernelTarget:
    """TCP of the running kernel, in a network namespace of its own or (``here``) in the one that it is started in."""

    has_virtual_time = False
    """Known without asking the kernel for its capabilities."""

    def __init__(self, link: str = "auto", *, segmentation_offload: bool = True, align_to_tick: bool = True) -> None:
        if link not in _LINKS:
            raise TargetError(f"the kernel target has no link {link!r}", next_step=f"choose one of {', '.join(_LINKS)}")
        self._options = {"link": link, "segmentation_offload": segmentation_offload}
        self._align_to_tick = align_to_tick
        self._session: Session | None = None
        self._ids = itertools.count(1)
        self._order = itertools.count()
        self._waiting: list[tuple[Micros, int, Happening]] = []
        self._last: Micros = 0
        self._pinned: list[Prepared] = []
        self._admission = Admission()
        self._has_begun = False

    @property
    def name(self) -> str:
        """Always ``kernel``."""
        return "kernel"

    @property
    def capabilities(self) -> frozenset[str]:
        """What the running kernel can do; asked of it once per process."""
        return capabilities.running_kernel()

    @property
    def link(self) -> str:
        """The kind of link in use, ``tun`` or ``veth``; empty when closed."""
        return self._session.link if self._session else ""

    def open(self, network: Network) -> None:
        """Make a namespace with the network, when it is this target's turn (`targets.kernel.admission`).

        Raises `TargetError` that names what is missing here.
        """
        if self._session is not None:
            raise TargetError("the kernel target is open already", next_step="close it, or create a second one")
        self._waiting.clear()
        self._last = 0
        self._has_begun = False
        try:
            self._admission.claim(network.claims)
            with seat():
                self._session = Session(network, self._options)
        except BaseException:
            self._admission.leave()
            raise

    def close(self) -> None:
        """Undo `open`: calls under way are interrupted, connections reset, commands killed."""
        session, self._session = self._session, None
        try:
            if session is not None:
                session.close()
        finally:
            self._pinned.clear()
            self._admission.leave()

    def _opened(self) -> Session:
        if self._session is None:
            raise TargetError("the kernel target is not open", next_step="call open first")
        return self._session

    def begin(self) -> Micros:
        """Sleep until shortly after a timer tick, at most one tick, and return that moment."""
        self._has_begun = True
        if self._align_to_tick:
            wait_for_tick()
        return self.now()

    def now(self) -> Micros:
        """Return the microseconds since `open` returned."""
        return self._opened().clock.now()

    def inject(self, packet: bytes, *, gso_size: int = 0) -> None:
        """Hand one IP packet to the stack; it has processed the packet when this returns."""
        self._opened().injector.inject(packet, gso_size)

    def call(self, syscall: Syscall) -> CallHandle:
        """Start a system call; it has finished or is blocked in the kernel when this returns."""
        session = self._opened()
        handle = CallHandle(next(self._ids), syscall, session.clock.now())
        session.descriptors.before(syscall)
        if isinstance(syscall, calls.Socket | calls.Open):
            result = self._made_there(session, syscall)
            self._keep(Completion(session.clock.now(), handle, result))
            return handle
        prepare = _PREPARE.get(type(syscall))
        if prepare is None:
            raise Unsupported(f"the kernel target has no call {type(syscall).__name__}")
        prepared = prepare(syscall)
        if getattr(syscall, "flags", 0) & _MSG_ZEROCOPY:
            self._pinned.append(prepared)  # the kernel sends from this memory later (MSG_ZEROCOPY)
        finish = functools.partial(_finish, session, syscall, prepared)
        if isinstance(syscall, calls.CapSet):
            _allow_capset(session)
            session.workers.confine(handle, prepared, finish, change_of(syscall))
        elif session.workers.is_confined or may_block(syscall, session.notsent_lowat):
            session.workers.run(handle, prepared, finish)
        else:
            value, errno = prepared.make()
            now = session.clock.now()
            self._keep(Completion(now, handle, finish(value, errno)))
        return handle

    def _made_there(self, session: Session, syscall: calls.Socket | calls.Open) -> CallResult:
        """Make a descriptor where the namespace is; only what was made there belongs to it."""
        if isinstance(syscall, calls.Socket):
            flags = syscall.type
            descriptor, errno = session.socket(syscall.domain, syscall.type, syscall.protocol)
        else:
            flags = syscall.flags
            request = {"do": "open", "path": syscall.path, "flags": syscall.flags, "directory": os.getcwd()}
            descriptor, errno = session.ask({**request, "dropped": sorted(session.dropped)})
        if descriptor >= 0:
            os.set_inheritable(descriptor, not flags & _SOCK_CLOEXEC)
        result = CallResult(descriptor, errno)
        session.descriptors.after(syscall, result)
        return result

    def poll(self, deadline: Micros) -> Happening | None:
        """Return the next thing the stack does, not later than `deadline`; None when the clock is there."""
        session = self._opened()
        is_past = session.clock.now() >= deadline
        while True:
            for completion in session.workers.take():
                self._keep(completion)
            for departure in session.capture.take():
                self._keep(departure)
            if self._waiting and (is_past or self._waiting[0][0] <= deadline):
                return self._next()
            if is_past or session.clock.now() >= deadline or not session.wait(deadline):
                return None

    def _keep(self, happening: Happening) -> None:
        heapq.heappush(self._waiting, (happening.time, next(self._order), happening))

    def _next(self) -> Happening:
        """Take the earliest happening. One that came to light a moment too late gets the time of the one before."""
        time, _, happening = heapq.heappop(self._waiting)
        if time < self._last:
            return replace(happening, time=self._last)
        self._last = time
        return happening

    def shell(self, command: str, *, directory: str, environment: dict[str, str], timeout: Micros) -> ShellResult:
        """Run a command in the namespace: the caller's environment and `environment`, PACKETDRILL_PID equal to $PPID.

        An empty `directory` is the caller's. What the command leaves running ends with `close`.
        """
        session = self._opened()
        with nullcontext() if self._has_begun else seat():
            return session.shell(command, directory, environment, timeout)


def _allow_capset(session: Session) -> None:
    """Raise `Unsupported` where dropping a capability would change nothing."""
    if owns_namespace(session.helper.pid):
        raise Unsupported(
            "capabilities cannot be dropped without root: the namespace under test belongs to this user, "
            "who may do everything in it"
        )


def _finish(session: Session, syscall: Syscall, prepared: Prepared, value: int, errno: int) -> CallResult:
    result = prepared.finish(value, errno)
    if isinstance(syscall, calls.CapSet) and value == 0:
        session.note_capability(syscall)
    if result.control:
        result = replace(result, control=rebase_times(result.control, session.clock.realtime_origin_ns))
    session.descriptors.after(syscall, result)
    return result
