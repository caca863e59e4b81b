"""A wrapper that writes down the life of any target as a `Trace`."""

from targets.base import CallHandle, Departure, Happening, Micros, Network, ShellResult, Target
from targets.calls import Syscall
from targets.trace import CallFinished, CallStarted, Departed, Injected, ShellRan, Trace


class Recording:
    """A `Target` that passes everything through and records it in `trace`."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.trace = Trace(target=target.name)

    @property
    def name(self) -> str:
        """Name of the target behind."""
        return self._target.name

    @property
    def capabilities(self) -> frozenset[str]:
        """Capabilities of the target behind."""
        return self._target.capabilities

    def open(self, network: Network) -> None:
        """Open the target behind."""
        self.trace.network = network
        self._target.open(network)

    def close(self) -> None:
        """Close the target behind; the trace stays."""
        self._target.close()

    def inject(self, packet: bytes, *, gso_size: int = 0, scheduled: Micros | None = None) -> None:
        """Inject; the time noted is the one just before, so that lateness is the harness's own."""
        time = self._target.now()
        self._target.inject(packet, gso_size=gso_size)
        self.trace.events.append(Injected(time, packet, scheduled))

    def call(self, syscall: Syscall) -> CallHandle:
        """Start a call."""
        handle = self._target.call(syscall)
        self.trace.events.append(CallStarted(handle.started, handle.id, syscall))
        return handle

    def poll(self, deadline: Micros) -> Happening | None:
        """Wait for the next happening and note it."""
        happening = self._target.poll(deadline)
        if isinstance(happening, Departure):
            self.trace.events.append(Departed(happening.time, happening.packet))
        elif happening is not None:
            handle = happening.handle
            self.trace.events.append(CallFinished(happening.time, handle.id, handle.syscall, happening.result))
        return happening

    def now(self) -> Micros:
        """Clock of the target behind."""
        return self._target.now()

    def shell(self, command: str, *, directory: str, environment: dict[str, str], timeout: Micros) -> ShellResult:
        """Run a command and note how it ended."""
        result = self._target.shell(command, directory=directory, environment=environment, timeout=timeout)
        self.trace.events.append(ShellRan(self._target.now(), command, result.status, result.signal))
        return result
