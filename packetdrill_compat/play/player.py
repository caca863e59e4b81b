"""Walk the events of a script on a target (sections 2, 4 and 5)."""

from packetdrill_compat.ast import CodeBlock, Command, Direction, Event, PacketEvent, Script, SyscallEvent
from packetdrill_compat.calls import CallContext, Prepared, check_result, prepare
from packetdrill_compat.config import Config
from packetdrill_compat.outcome import Difference, FailureKind
from packetdrill_compat.play.code import check_command, take_snapshot
from packetdrill_compat.play.commands import directory_of, run_command
from packetdrill_compat.play.dialects import Dialect, dialect_of
from packetdrill_compat.play.errors import PlayError, script_error
from packetdrill_compat.play.inbound import make_inbound
from packetdrill_compat.play.listener import Listener, Silent
from packetdrill_compat.play.outbound import Expectation, read_frame
from packetdrill_compat.play.records import SocketRecord, SocketTable
from packetdrill_compat.play.snapshot import Snapshot
from packetdrill_compat.play.timing import (
    Due,
    check,
    excess,
    goes_backward,
    resolve,
    seconds,
    show_due,
)
from packetdrill_compat.play.waiting import Waiter
from targets.base import FREEBSD, CallHandle, Completion, Micros
from targets.calls import CallResult, SetSockOpt, Socket, Syscall
from targets.recording import Recording
from targets.trace import Injected
from wire import abi
from wire.errors import WireError
from wire.packet import build_packet

MAX_WAIT_FOR_BLOCKED_CALL: Micros = 1_000_000


class Player:
    """Plays the events of one script on an open target. A failing event raises `PlayError`; `current` says which."""

    def __init__(
        self, path: str, config: Config, target: Recording, *, limit: Micros, dialect: str = Dialect.name
    ) -> None:
        self.path = path
        self.config = config
        self.events: list[Event] = []
        self.sockets = SocketTable()
        self.snapshots: list[Snapshot] = []
        self.warnings: list[PlayError] = []
        self.lateness: list[Micros] = []
        self.current = 0
        self.waiter = Waiter(target, limit, self._completed)
        self.listener: Listener = Silent()
        self._target = target
        self.dialect = dialect_of(dialect)(config, self.sockets)
        self._tolerance = self.dialect.tolerance()
        self.context = CallContext(config, self.sockets, self.waiter.start, directory_of(path), self.dialect.name)
        self._results: dict[int, Completion] = {}
        # errno belongs to a thread, and the C tool makes calls in blocking form in a second one.
        self._errno = 0
        self._errno_of_blocking = 0
        # On FreeBSD an IPv6 socket takes no IPv4 addresses unless it is told so, which its fork of the C tool does.
        is_closed = self.dialect.opens_to_mapped or FREEBSD in target.capabilities
        self._opens_to_mapped = config.is_mapped and is_closed
        self._blocked: tuple[CallHandle, Prepared, int, Due] | None = None
        self._previous_due: Due | None = None
        self._finished: Micros = 0
        """When the latest event was over, in script time."""

    # ------------------------------------------------------------ the walk

    def play(self, script: Script) -> None:
        """Play all events; a call in blocking form may still be out then (`finish_blocked_call`)."""
        self.dialect.read(script.events)
        for event in script.events:
            self.step(event)

    def step(self, event: Event) -> None:
        """Play one more event."""
        previous = self.events[-1] if self.events else None
        self.current = len(self.events)
        self.events.append(event)
        self.listener.event(event, self.waiter.now())
        self._check_order(event, previous)
        # What does not depend on the moment is made before the moment is read, so that the packet leaves on time.
        packet = self._make_packet(event)
        due = resolve(
            event,
            previous=previous,
            previous_due=self._previous_due,
            now=self.waiter.now(),
            finished=self._finished if previous else None,
        )
        if packet is not None:
            self._inject(packet, due)
        else:
            self._play_event(event, due)
        self._previous_due = due

    def _check_order(self, event: Event, previous: Event | None) -> None:
        if previous is None and event.time.start != 0:
            raise script_error(
                "first event should be at time 0", next_step="start the first event at 0 or +0", stands_alone=True
            )
        if previous is not None and goes_backward(event, previous):
            raise script_error(
                f"time goes backward in script from {previous.time.start} usec to {event.time.start} usec",
                stands_alone=True,
            )

    def _play_event(self, event: Event, due: Due) -> None:
        match event.action:
            case PacketEvent():
                self._expect(event.action, due)
            case SyscallEvent():
                self._call_or_warn(event.action, due)
            case Command():
                self._wait_for(due, "command")
                environment = self.dialect.environment(self.config)
                command = event.action.text
                run_command(self._target, command, self.path, remaining=self._remaining(), environment=environment)
                self._over(self.waiter.now())
            case CodeBlock():
                check_command(self.config.code_command, has_virtual_time=self.has_virtual_time)
                self._wait_for(due, "data collection for code")
                line, record = event.position.line, self.sockets.under_test
                self.snapshots.append(take_snapshot(event.action, line, self.current, record, self.call_now))
                self._over(self.waiter.now())

    def _over(self, moment: Micros) -> None:
        """Note when an event was over; one that had come before its turn was over when its turn came."""
        self._finished = max(self._finished, moment)

    def _remaining(self) -> Micros:
        return max(self.waiter.limit - self.waiter.now(), 1)

    def _wait_for(self, due: Due, what: str) -> None:
        """Wait for the event's time and judge the moment; the first event is not judged (trap 15)."""
        self.waiter.until(due.time)
        if self.current:
            late = check(due, self.waiter.now(), reference=self._reference, tolerance=self._tolerance, what=what)
            if late:
                raise PlayError(
                    late,
                    kind=FailureKind.TIMING,
                    next_step="this moment is the harness's own: run fewer scripts at once if it comes late",
                )

    @property
    def has_virtual_time(self) -> bool:
        """Tell whether the target's time is virtual."""
        return self._target.has_virtual_time

    @property
    def _reference(self) -> Micros | None:
        return None if self._previous_due is None else self._previous_due.time

    def socket_of(self, packet: PacketEvent) -> SocketRecord:
        """Find, or for a first inbound packet create, the socket that a script packet belongs to."""
        return self.dialect.socket_of(packet)

    # ------------------------------------------------------------ packets

    def _make_packet(self, event: Event) -> bytes | None:
        """The packet that an inbound event injects, None for other events."""
        action = event.action
        if not isinstance(action, PacketEvent) or action.direction is not Direction.INBOUND:
            return None
        record = self.socket_of(action)
        try:
            packet = build_packet(make_inbound(action, record, self.dialect))
        except WireError as error:
            raise script_error(f"this packet cannot be built: {error}", next_step="correct its lengths") from None
        self.dialect.played(action, record)
        return packet

    def _inject(self, packet: bytes, due: Due) -> None:
        self._wait_for(due, "inbound packet")
        self._target.inject(packet, gso_size=self.config.mss, scheduled=self.waiter.start + due.time)
        self._over(self.waiter.now())
        injected = self._target.trace.events[-1]
        assert isinstance(injected, Injected)
        self.lateness.append(max(0, injected.lateness))
        self.listener.injected(packet, injected.time - self.waiter.start)

    def _expect(self, action: PacketEvent, due: Due) -> None:
        self.waiter.seen.clear()
        record = self.socket_of(action)
        expectation = Expectation(action, record, self.dialect)
        try:
            self._collect(expectation, record, due)
            expectation.judge(
                timing=lambda time: self._judge_time(due, time),
                timestamp_tolerance=self._tolerance.over(due.time),
            )
            self.dialect.played(action, record)
        except PlayError as error:
            if expectation.frames and self._judge_time(due, expectation.frames[-1].time):
                came = seconds(expectation.frames[-1].time)
                error.differences += (Difference("time", show_due(due), came),)
                error.excess = excess(
                    due, expectation.frames[-1].time, reference=self._reference, tolerance=self._tolerance
                )
            if not (error.can_warn and self.config.non_fatal_packet):
                raise
            error.event_index = self.current
            self.warnings.append(error)

    def _judge_time(self, due: Due, time: Micros) -> str | None:
        """Judge when an expected packet came."""
        return check(due, time, reference=self._reference, tolerance=self._tolerance, what="outbound packet")

    def _collect(self, expectation: Expectation, record: SocketRecord, due: Due) -> None:
        patience = self.dialect.patience(due, self._reference, self.waiter.now())
        while True:
            departure = self.waiter.packet(patience)
            if departure is None:
                raise PlayError(
                    "Timed out waiting for packet", kind=FailureKind.MISSING, want=expectation.want_text, got=""
                )
            packet = read_frame(departure, opens_udp=self.dialect.opens_udp)
            if packet is None or not self.dialect.claims(packet, record):
                continue
            time = departure.time - self.waiter.start
            self.listener.sniffed(packet, time)
            if expectation.add(packet, departure, time):
                self._over(time)
                return

    # ------------------------------------------------------------ calls

    def _call_or_warn(self, action: SyscallEvent, due: Due) -> None:
        try:
            self._call(action, due)
        except PlayError as error:
            can_warn = self.dialect.has_non_fatal_calls and self.config.non_fatal_syscall
            if not can_warn or error.kind is not FailureKind.SYSCALL:
                raise
            error.event_index = self.current
            self.warnings.append(error)

    def _call(self, action: SyscallEvent, due: Due) -> None:
        if self._blocked is not None and (action.end is not None or self.dialect.waits_for_blocked_call):
            done = self.waiter.call(lambda: self._blocked is None, MAX_WAIT_FOR_BLOCKED_CALL)
            if not done and action.end is not None:
                raise PlayError(
                    "blocking system call while another blocking system call is already in progress",
                    kind=FailureKind.SYSCALL,
                )
        self._wait_for(due, "system call start")
        prepared = prepare(action, self.context)
        handle = self._target.call(prepared.syscall)
        if action.end is not None:
            self._blocked = (handle, prepared, self.current, due)
            self.waiter.until(self.waiter.now())
            self._over(self.waiter.now())
            return
        completion = self._result_of(handle)
        self._over(completion.time - self.waiter.start)
        self.listener.called(action.name)
        self._errno = check_result(action, prepared, completion.result, self._errno)
        if isinstance(prepared.syscall, Socket) and self._opens_to_mapped and completion.result.value >= 0:
            off = SetSockOpt(completion.result.value, abi.SOL_IPV6, abi.IPV6_V6ONLY, bytes(4), 4)
            self.call_now(off)

    def _result_of(self, handle: CallHandle) -> Completion:
        self.waiter.call(lambda: handle.id in self._results, None)
        return self._results.pop(handle.id)

    def call_now(self, syscall: Syscall) -> CallResult:
        """Make a call of the interpreter's own (code blocks, teardown)."""
        return self._result_of(self._target.call(syscall)).result

    def _completed(self, completion: Completion) -> None:
        """Note a finished call; one in blocking form is checked here, with its own event as the current one."""
        if self._blocked is None or completion.handle != self._blocked[0]:
            self._results[completion.handle.id] = completion
            return
        _handle, prepared, index, due = self._blocked
        self._blocked = None
        action = self.events[index].action
        assert isinstance(action, SyscallEvent)
        self.listener.called(action.name)
        try:
            result, errno = completion.result, self._errno_of_blocking
            self._errno_of_blocking = check_result(action, prepared, result, errno)
            self._check_return(due, completion.time - self.waiter.start)
        except PlayError as error:
            error.event_index = index
            raise

    def _check_return(self, due: Due, returned: Micros) -> None:
        assert due.call_end is not None
        end = Due(due.kind, due.call_end, due.call_end, due.offset)
        late = check(end, returned, reference=due.time, tolerance=self._tolerance, what="system call return")
        if late:
            beyond = excess(end, returned, reference=due.time, tolerance=self._tolerance)
            raise PlayError(late, kind=FailureKind.TIMING, excess=beyond)

    def finish_blocked_call(self) -> None:
        """At the end a blocking call has one more second to return (section 5.5)."""
        if self._blocked is None:
            return
        if not self.waiter.call(lambda: self._blocked is None, MAX_WAIT_FOR_BLOCKED_CALL):
            raise PlayError(
                "runtime error: exiting while a blocking system call is in progress",
                kind=FailureKind.SYSCALL,
                event_index=self._blocked[2],
                stands_alone=True,
            )
