"""A wrapper that writes down the life of any target as a `Trace`, and gives what breaks in a target one form."""

from collections.abc import Callable

from targets.base import (
    VIRTUAL_TIME,
    CallHandle,
    Completion,
    Departure,
    Happening,
    Micros,
    Network,
    ShellResult,
    Target,
    TargetError,
    Unsupported,
)
from targets.broken import broken
from targets.calls import Syscall, call_name
from targets.trace import CallFinished, CallStarted, Departed, Injected, ShellRan, Trace


class Recording:
    """A `Target` that passes everything through and records it in `trace`.

    What the target raises against the rules of `Target` becomes a `TargetError` that names target and operation. With
    a `directory` all commands run there, wherever they were to run; `on_output` gets what they print.
    """

    def __init__(
        self, target: Target, *, directory: str = "", on_output: Callable[[str], object] | None = None
    ) -> None:
        self._target = target
        self._directory = directory
        self._on_output = on_output
        self.trace = Trace(target=target.name)

    @property
    def name(self) -> str:
        """Name of the target behind."""
        return self._target.name

    @property
    def capabilities(self) -> frozenset[str]:
        """Capabilities of the target behind."""
        return self._target.capabilities

    @property
    def has_virtual_time(self) -> bool:
        """Tell whether time is virtual; a target may say so without finding out all its capabilities."""
        known: bool | None = getattr(self._target, "has_virtual_time", None)
        return VIRTUAL_TIME in self.capabilities if known is None else known

    def open(self, network: Network) -> None:
        """Open the target behind."""
        self.trace.network = network
        try:
            self._target.open(network)
        except (TargetError, Unsupported):
            raise
        except Exception as error:
            raise broken(self.name, "open", error) from error

    def close(self) -> None:
        """Close the target behind; the trace stays."""
        try:
            self._target.close()
        except TargetError:
            raise
        except Exception as error:
            raise broken(self.name, "close", error) from error

    def begin(self) -> Micros:
        """Let the target behind come to a good place of its clock."""
        return self._target.begin()

    def inject(self, packet: bytes, *, gso_size: int = 0, scheduled: Micros | None = None) -> None:
        """Inject; the time noted is the one just before, so that lateness is the harness's own."""
        try:
            time = self._target.now()
            self._target.inject(packet, gso_size=gso_size)
        except (TargetError, Unsupported):
            raise
        except Exception as error:
            raise broken(self.name, "inject", error) from error
        self.trace.events.append(Injected(time, packet, scheduled))

    def call(self, syscall: Syscall) -> CallHandle:
        """Start a call."""
        try:
            handle = self._target.call(syscall)
        except (TargetError, Unsupported):
            raise
        except Exception as error:
            raise broken(self.name, f"call {call_name(syscall)}", error) from error
        self.trace.events.append(CallStarted(handle.started, handle.id, syscall))
        return handle

    def poll(self, deadline: Micros) -> Happening | None:
        """Wait for the next happening and note it."""
        try:
            happening = self._target.poll(deadline)
        except TargetError:
            raise
        except Exception as error:
            raise broken(self.name, "poll", error) from error
        if isinstance(happening, Departure):
            self.trace.events.append(Departed(happening.time, happening.packet))
        elif isinstance(happening, Completion):
            handle = happening.handle
            self.trace.events.append(CallFinished(happening.time, handle.id, handle.syscall, happening.result))
        elif happening is not None:
            raise TargetError(
                f"target '{self.name}' gave {happening!r:.60} from poll",
                next_step="poll returns a Departure, a Completion or None (targets.base.Target)",
            )
        return happening

    def now(self) -> Micros:
        """Clock of the target behind."""
        return self._target.now()

    def shell(self, command: str, *, directory: str, environment: dict[str, str], timeout: Micros) -> ShellResult:
        """Run a command and note how it ended."""
        try:
            where = self._directory or directory
            result = self._target.shell(command, directory=where, environment=environment, timeout=timeout)
        except (TargetError, Unsupported):
            raise
        except Exception as error:
            raise broken(self.name, "shell", error) from error
        if self._on_output is not None and result.output:
            self._on_output(result.output)
        self.trace.events.append(ShellRan(self._target.now(), command, result.status, result.signal))
        return result
