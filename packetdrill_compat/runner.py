"""Play a script from beginning to end: target, init command, events, cleanup, code, teardown (section 7.3)."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network

from packetdrill_compat.ast import Script
from packetdrill_compat.config import Config
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.outcome import Failure, FailureKind, RunResult, Verdict
from packetdrill_compat.play.code import execute
from packetdrill_compat.play.commands import run_in_target
from packetdrill_compat.play.describe import failure_of_event, script_wide_failure
from packetdrill_compat.play.errors import PlayError
from packetdrill_compat.play.player import Player
from packetdrill_compat.play.teardown import close_and_reset
from packetdrill_compat.reader import load
from targets.base import Micros, Network, Target, TargetError, Unsupported
from targets.recording import Recording
from targets.trace import Trace

DEFAULT_TIME_LIMIT: Micros = 60_000_000
_ERRORS = (FailureKind.SCRIPT, FailureKind.LIMIT, FailureKind.TARGET)


def run_file(
    path: str,
    *,
    target: Target,
    config: Config,
    dialect: str = "google",
    command_line: Sequence[str] = (),
    time_limit: Micros = DEFAULT_TIME_LIMIT,
) -> RunResult:
    """Read and play one script file; one that cannot be read is a result with verdict `error`."""
    try:
        script, config = load(path, dialect=dialect, config=config, command_line=command_line)
    except ScriptError as error:
        return unreadable(error, path, config)
    return play(script, config, target, time_limit=time_limit)


def unreadable(error: ScriptError, path: str, config: Config) -> RunResult:
    """The result of a script that cannot be read."""
    position = error.position
    failure = Failure(
        kind=FailureKind.SCRIPT,
        path=error.path or path,
        line=position.line if position else 0,
        column=position.column if position else 0,
        message=str(error).partition(": ")[2] if position is None else error.message,
        source_line=_line_of(error),
        next_step=error.next_step,
    )
    return RunResult(Verdict.ERROR, None, config, Trace(), failure)


def _line_of(error: ScriptError) -> str:
    lines = error.source.split("\n")
    position = error.position
    return lines[position.line - 1] if position and 1 <= position.line <= len(lines) else ""


def network_of(config: Config) -> Network:
    """The network that a configuration describes (sections 4.10 and 7.1)."""
    if config.is_wire_ipv6:
        prefix, remote_prefix = 48, config.remote_prefix_length or 128
    else:
        prefix = IPv4Network(f"0.0.0.0/{config.netmask_ip}").prefixlen
        remote_prefix = config.remote_prefix_length or 32
    return Network(
        local_ip=config.local_ip,
        remote_ip=config.remote_ip,
        gateway_ip=config.gateway_ip,
        prefix_length=prefix,
        remote_prefix_length=remote_prefix,
        mtu=config.mtu,
        speed_mbit=config.speed,
        is_anyip=config.is_anyip,
    )


def play(script: Script, config: Config, target: Target, *, time_limit: Micros = DEFAULT_TIME_LIMIT) -> RunResult:
    """Open the target, play the script, close the target; every outcome is a `RunResult`.

    `time_limit` bounds the whole run on a real clock, and each wait without an end on a virtual one.
    """
    run = _Run(script, config, Recording(target), time_limit)
    try:
        run.recording.open(network_of(config))
        run.play()
    except Unsupported as error:
        run.unsupported(error.reason)
    except TargetError as error:
        run.fail(script_wide_failure(FailureKind.TARGET, script, error.message, next_step=error.next_step))
    finally:
        try:
            run.recording.close()
        except TargetError as error:
            run.fail(script_wide_failure(FailureKind.TARGET, script, error.message, next_step=error.next_step))
    return run.result


class _Run:
    def __init__(self, script: Script, config: Config, recording: Recording, limit: Micros) -> None:
        self.script = script
        self.config = config
        self.recording = recording
        self.limit = limit
        self.result = RunResult(Verdict.PASS, script, config, recording.trace)
        self.player: Player | None = None

    def play(self) -> None:
        for path in self.config.init_scripts:
            if not self._shell(path, f"error executing init script '{path}'"):
                return
        init = self.script.init
        if init is not None and not self._shell(init.text, "error executing init command"):
            return
        player = self.player = Player(self.script.path, self.config, self.recording, limit=self.limit)
        try:
            player.play(self.script)
        except PlayError as error:
            self.fail(self._describe(error))
        except Unsupported as error:
            self.fail(self._describe(PlayError(error.reason, kind=FailureKind.UNSUPPORTED)))
        except TargetError as error:
            wrapped = PlayError(error.message, kind=FailureKind.TARGET, next_step=error.next_step)
            self.fail(self._describe(wrapped))
        finally:
            self._note(player)
        self._finish(player)

    def _note(self, player: Player) -> None:
        self.recording.trace.origin = player.waiter.start
        self.result.duration = player.waiter.now()
        self.result.lateness = player.lateness
        self.result.warnings = [self._describe(error) for error in player.warnings]

    def _finish(self, player: Player) -> None:
        """Cleanup runs after success and failure alike, but only behind an init command; code only after success."""
        cleanup = self.script.cleanup
        target_lives = self.result.failure is None or self.result.failure.kind is not FailureKind.TARGET
        if cleanup is not None and self.script.init is not None and target_lives:
            self._shell(cleanup.text, "error executing cleanup command")
        if self.result.failure is not None:
            return
        try:
            execute(player.snapshots, self.script.path)
            close_and_reset(player, self.recording)
        except PlayError as error:
            self.fail(self._describe(error))

    def _shell(self, command: str, message: str) -> bool:
        failure, output = run_in_target(self.recording, command, self.script.path, timeout=self.limit)
        if failure is None:
            return True
        self.fail(
            replace(script_wide_failure(FailureKind.COMMAND, self.script, f"{message}: {failure}"), got=output.strip())
        )
        return False

    def _describe(self, error: PlayError) -> Failure:
        assert self.player is not None
        return failure_of_event(error, self.script, self.player)

    def unsupported(self, reason: str) -> None:
        self.fail(script_wide_failure(FailureKind.UNSUPPORTED, self.script, reason))

    def fail(self, failure: Failure) -> None:
        """Keep the first failure; its kind decides the verdict."""
        if self.result.failure is not None:
            return
        self.result.failure = failure
        if failure.kind is FailureKind.UNSUPPORTED:
            self.result.verdict, self.result.reason = Verdict.UNSUPPORTED, failure.message
        else:
            self.result.verdict = Verdict.ERROR if failure.kind in _ERRORS else Verdict.FAIL
