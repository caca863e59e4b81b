"""Play a script from beginning to end: target, init command, events, cleanup, code, teardown (section 7.3)."""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import IPv4Network

from packetdrill_compat.ast import Command, Position, Script
from packetdrill_compat.claims import ClaimsRule, claims_of
from packetdrill_compat.config import Config
from packetdrill_compat.errors import ScriptError, UnsupportedScript
from packetdrill_compat.outcome import Failure, FailureKind, RunResult, Verdict
from packetdrill_compat.play.code import execute
from packetdrill_compat.play.commands import run_in_target
from packetdrill_compat.play.describe import failure_of_event, script_wide_failure
from packetdrill_compat.play.dialects import dialect_of
from packetdrill_compat.play.errors import PlayError
from packetdrill_compat.play.listener import Listener, Silent
from packetdrill_compat.play.player import Player
from packetdrill_compat.play.rehearsal import rehearse
from packetdrill_compat.play.teardown import close_and_reset
from packetdrill_compat.reader import load
from packetdrill_compat.refusal import RefusedScript, refuse_outside
from targets.base import Micros, Network, Target, TargetError, Unsupported
from targets.recording import Recording
from targets.trace import Trace

_REAL_LIMIT: Micros = 60_000_000
_VIRTUAL_LIMIT: Micros = 3_600_000_000
_ERRORS = (FailureKind.SCRIPT, FailureKind.LIMIT, FailureKind.TARGET, FailureKind.HARNESS)


def run_file(
    path: str,
    *,
    target: Target,
    config: Config,
    dialect: str = "google",
    command_line: Sequence[str] = (),
    time_limit: Micros | None = None,
    allows_shell: bool = True,
    claims: ClaimsRule = claims_of,
) -> RunResult:
    """Read and play one script file; one that cannot be read is a result with verdict `error` (SCTP: unsupported).

    Without `allows_shell` a script that would run something outside of the test is unsupported, too. `claims` gives
    what the script claims (`targets.base.Network`); it is not asked where time is virtual.
    """
    try:
        script, config = load(path, dialect=dialect, config=config, command_line=command_line)
        if not allows_shell:
            refuse_outside(script, config, runs_commands=not Recording(target).has_virtual_time)
    except ScriptError as error:
        return unreadable(error, path, config)
    return play(script, config, target, time_limit=time_limit, claims=claims)


def unreadable(error: ScriptError, path: str, config: Config) -> RunResult:
    """The result of a script that cannot be read."""
    position = error.position
    is_unsupported = isinstance(error, UnsupportedScript | RefusedScript)
    failure = Failure(
        kind=FailureKind.UNSUPPORTED if is_unsupported else FailureKind.SCRIPT,
        path=error.path or path,
        line=position.line if position else 0,
        column=position.column if position else 0,
        message=error.message,
        source_line=_line_of(error),
        next_step=error.next_step,
    )
    verdict = Verdict.UNSUPPORTED if is_unsupported else Verdict.ERROR
    return RunResult(verdict, None, config, Trace(), failure, reason=error.message if is_unsupported else "")


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


def play(
    script: Script,
    config: Config,
    target: Target,
    *,
    time_limit: Micros | None = None,
    directory: str = "",
    listener: Listener | None = None,
    claims: ClaimsRule = claims_of,
    on_output: Callable[[str], object] | None = None,
) -> RunResult:
    """Open the target, play the script, close the target; every outcome is a `RunResult`.

    `time_limit` bounds the whole run on a real clock (default: a minute), and each wait without an end on a virtual one
    (default: an hour, which costs nothing there). Commands run in
    `directory`, by default the script's own. The `listener` hears of everything as it happens, `on_output` gets what
    commands print. `claims` gives what the script claims (`targets.base.Network`); not asked where time is virtual.
    """
    run = _Run(script, config, Recording(target, directory=directory, on_output=on_output), time_limit)
    run.directory = directory
    run.listener = listener or Silent()
    run.check_code_flags()
    if run.result.failure is not None:
        return run.result
    claimed = frozenset() if run.recording.has_virtual_time else claims(script, config)
    network = replace(network_of(config), claims=claimed)
    try:
        run.guarded(lambda: run.recording.open(network))
        if run.result.failure is None:
            run.guarded(run.play)
    finally:
        run.guarded(run.recording.close)
    return run.result


def _own_mistake(error: Exception) -> tuple[str, str]:
    """Message and next step for an exception that nobody expected."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    message = f"the interpreter of tcprove broke: {type(error).__name__}: {error}".rstrip(": ")
    return message, f"report this script; it happened at {frame.filename}:{frame.lineno}, in {frame.name}"


class _Run:
    def __init__(self, script: Script, config: Config, recording: Recording, limit: Micros | None) -> None:
        self.script = script
        self.config = config
        self.recording = recording
        self.limit = limit or _REAL_LIMIT
        """For what takes real time on every target: commands and code."""
        self.script_limit = limit or (_VIRTUAL_LIMIT if recording.has_virtual_time else _REAL_LIMIT)
        self.result = RunResult(Verdict.PASS, script, config, recording.trace)
        self.player: Player | None = None
        self.directory = ""
        self.listener: Listener = Silent()

    def check_code_flags(self) -> None:
        """Refuse what code blocks cannot be told, before anything is done."""
        config = self.config
        for name, value, known in (
            ("code_format", config.code_format, ("python",)),
            ("code_sockopt", config.code_sockopt, ("", "TCP_INFO", "TCP_CC_INFO", "SO_MEMINFO")),
        ):
            if value not in known:
                step = f"write one of {', '.join(word for word in known if word)}"
                message = f"unsupported --{name} '{value}'"
                self.fail(script_wide_failure(FailureKind.SCRIPT, self.script, message, next_step=step))

    def guarded(self, step: Callable[[], None]) -> None:
        """Run a step of the life of a run; what it raises becomes the failure, if there is none yet."""
        try:
            step()
        except Unsupported as error:
            self.unsupported(error.reason)
        except TargetError as error:
            self.fail(script_wide_failure(FailureKind.TARGET, self.script, error.message, next_step=error.next_step))
        except Exception as error:  # a mistake of the interpreter itself
            message, next_step = _own_mistake(error)
            self.fail(script_wide_failure(FailureKind.HARNESS, self.script, message, next_step=next_step))

    def play(self) -> None:
        """Play init commands, events, cleanup and code."""
        for path in self.config.init_scripts:
            if not self._shell(path, f"error executing init script '{path}'"):
                return
        init = self.script.init
        if init is not None and not self._shell(init.text, "error executing init command", init):
            return
        if not self.recording.has_virtual_time:
            rehearse()
        player = self.player = Player(
            self.script.path, self.config, self.recording, limit=self.script_limit, dialect=self.script.dialect
        )
        player.listener = self.listener
        player.context.directory = self.directory or player.context.directory
        try:
            player.play(self.script)
        except PlayError as error:
            self.fail(self._describe(error))
        except Unsupported as error:
            self.fail(self._describe(PlayError(error.reason, kind=FailureKind.UNSUPPORTED)))
        except TargetError as error:
            wrapped = PlayError(error.message, kind=FailureKind.TARGET, next_step=error.next_step)
            self.fail(self._describe(wrapped))
        except Exception as error:  # a mistake of the interpreter itself
            message, next_step = _own_mistake(error)
            self.fail(self._describe(PlayError(message, kind=FailureKind.HARNESS, next_step=next_step)))
        finally:
            self._note(player)
        self._finish(player)

    def _note(self, player: Player) -> None:
        self.recording.trace.origin = player.waiter.start
        self.result.duration = player.waiter.now()
        self.result.lateness = player.lateness
        self.result.warnings = [self._describe(error).as_warning() for error in player.warnings]

    def _finish(self, player: Player) -> None:
        """Cleanup runs after success and failure alike, upstream's only behind an init command; code after success."""
        cleanup = self.script.cleanup
        may_clean_up = self.script.init is not None or not player.dialect.cleanup_needs_init
        target_lives = self.result.failure is None or self.result.failure.kind is not FailureKind.TARGET
        if cleanup is not None and may_clean_up and target_lives:
            self._shell(cleanup.text, "error executing cleanup command", cleanup)
        if self.result.failure is not None:
            return
        try:
            command = self.config.code_command
            execute(player.snapshots, self.script.path, self.recording, command=command, limit=self.limit)
            player.finish_blocked_call()
            close_and_reset(player, self.recording)
        except PlayError as error:
            self.fail(self._describe(error))

    def _shell(self, command: str, message: str, written: Command | None = None) -> bool:
        """Run a command that belongs to no event; `written` is its place in the script, if it stands there."""
        position = Position() if written is None else written.position
        got = next_step = ""
        # Unlike a command among the events, which may well check something, this one only prepares or clears up.
        kind = FailureKind.SCRIPT
        try:
            environment = dialect_of(self.script.dialect).environment(self.config)
            failure, output = run_in_target(
                self.recording, command, self.script.path, timeout=self.limit, environment=environment
            )
            if failure is None:
                return True
            message, got = f"{message}: {failure}", output.strip()
        except Unsupported as error:
            kind, message = FailureKind.UNSUPPORTED, error.reason
        except TargetError as error:
            kind, message, next_step = FailureKind.TARGET, error.message, error.next_step
        self.fail(
            script_wide_failure(kind, self.script, message, next_step=next_step, got=got, position=position),
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
