"""Running a command text on one simulated host."""

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from reference_stack.host.errnos import NotModelled
from reference_stack.host.routes import Routes
from reference_stack.host.shell.bsdsockets import SocketList
from reference_stack.host.shell.commands import COMMANDS
from reference_stack.host.shell.counters import CounterHistory
from reference_stack.host.shell.streams import EMPTY, Done, Stream, failed
from reference_stack.host.shell.syntax import Command as Node
from reference_stack.host.shell.syntax import For, Group, If, Loop, Pipeline, Redirection, Sequence_, Simple, parse
from reference_stack.host.shell.words import Kind, Part, Word, arithmetic
from reference_stack.host.sysctl_rows import SysctlError
from reference_stack.host.sysctls import SysctlSettings

ReadScript: TypeAlias = Callable[[str], str | None]

_SYSTEM_FOLDERS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin")
_LEVELS_MAX = 8
_ROUNDS_MAX = 10_000
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_DEFAULT = re.compile(r"([A-Za-z_]\w*|\d|[#?@*])(:?[-=+])(.*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ShellOutcome:
    """How a command text ended: the exit status of its last command, and what it printed."""

    status: int
    output: str = ""


class ExitShell(Exception):
    """exit was called."""

    def __init__(self, status: int) -> None:
        self.status = status


@dataclass(slots=True)
class Shell:
    """One run of a command text on a host.

    `read_script` gives the text of a file, or None; `files` are the files that commands of this host have made, and
    `proc` the ones that it makes up when they are read.
    """

    sysctls: SysctlSettings
    routes: Routes
    files: dict[str, str]
    directory: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)
    read_script: ReadScript = lambda _path: None
    proc: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    counters: CounterHistory = field(default_factory=CounterHistory)
    system_name: str = "Linux"
    """What uname(1) says."""
    associations: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """Secrets for TCP-MD5 by the addresses of sender and receiver."""
    sockets: SocketList = tuple
    """The TCP sockets of the host."""
    arguments: tuple[str, ...] = ()
    """$1, $2, ..."""
    variables: dict[str, str] = field(default_factory=dict)
    status: int = 0
    """Exit status of the last command."""
    exits_on_error: bool = False
    level: int = 0
    _messages: list[str] = field(default_factory=list)

    def run(self, text: str) -> ShellOutcome:
        """Run all commands; `NotModelled` at the first one that this host does not know."""
        done = self.execute(text)
        return ShellOutcome(done.status, done.out.text + done.err)

    def execute(self, text: str, stdin: Stream = EMPTY) -> Done:
        """Run all commands and return output and messages apart."""
        try:
            return self._sequence(parse(text), stdin)
        except ExitShell as end:
            return Done(end.status, Stream("".join(self._messages)))

    # --- lists ---------------------------------------------------------------------------------------------------

    def _sequence(self, commands: Sequence_, stdin: Stream, *, is_condition: bool = False) -> Done:
        out: list[str] = []
        err: list[str] = []
        known: tuple[str, ...] | None = None
        for pipeline in commands:
            wanted = {"&&": self.status == 0, "||": self.status != 0}
            if not wanted.get(pipeline.connector, True):
                continue
            try:
                done = self._pipeline(pipeline, stdin)
            except ExitShell:
                self._messages = ["".join(out), *self._messages]
                raise
            self.status = done.status
            out.append(done.out.text)
            err.append(done.err)
            known = done.out.known if done.out.known is not None else known
            if self.exits_on_error and self.status and not is_condition:
                self._messages = out
                raise ExitShell(self.status)
        return Done(self.status, Stream("".join(out), known), "".join(err))

    def _pipeline(self, pipeline: Pipeline, stdin: Stream) -> Done:
        errors = []
        done = Done()
        is_single = len(pipeline.commands) == 1
        for command in pipeline.commands:
            # POSIX.1-2017, 2.12: each command of a pipeline of several is in a subshell of its own.
            done = (self if is_single else self.inner())._command(command, stdin)
            stdin = done.out
            errors.append(done.err)
        status = int(done.status == 0) if pipeline.is_negated else done.status
        return Done(status, done.out, "".join(errors))

    def inner(self) -> "Shell":
        """Return a subshell: its variables and its directory are its own."""
        return replace(self, variables=dict(self.variables), _messages=[])

    def _command(self, command: Node, stdin: Stream) -> Done:
        if isinstance(command, Simple):
            return self._simple(command, stdin)
        if isinstance(command, Group):
            shell = self.inner() if command.is_apart else self
            done = shell._apart(command, stdin) if command.is_apart else shell._sequence(command.body, stdin)
            return self._redirected(command.redirections, done)
        if isinstance(command, If):
            return self._if(command, stdin)
        if isinstance(command, For):
            return self._for(command, stdin)
        return self._loop(command, stdin)

    def _apart(self, group: Group, stdin: Stream) -> Done:
        try:
            return self._sequence(group.body, stdin)
        except ExitShell as end:
            return Done(end.status, Stream("".join(self._messages)))

    def _if(self, command: If, stdin: Stream) -> Done:
        before = Done()
        for condition, body in command.branches:
            before = _joined(before, self._sequence(condition, stdin, is_condition=True))
            if before.status == 0:
                return _joined(before, self._body(body, stdin))
        return _joined(before, self._body(command.otherwise, stdin))

    def _body(self, body: Sequence_, stdin: Stream) -> Done:
        self.status = 0
        return self._sequence(body, stdin)

    def _for(self, command: For, stdin: Stream) -> Done:
        done = Done()
        for value in [text for word in command.words for text in self._expand(word)]:
            self.variables[command.name] = value
            done = _joined(done, self._body(command.body, stdin))
        return done

    def _loop(self, command: Loop, stdin: Stream) -> Done:
        done = Done()
        for _ in range(_ROUNDS_MAX):
            condition = self._sequence(command.condition, stdin, is_condition=True)
            if (condition.status == 0) is command.is_until:
                return replace(_joined(done, condition), status=done.status)
            done = _joined(_joined(done, condition), self._body(command.body, stdin))
        raise NotModelled(f"shell: a loop of more than {_ROUNDS_MAX} rounds")

    # --- simple commands -----------------------------------------------------------------------------------------

    def _simple(self, command: Simple, stdin: Stream) -> Done:
        assignments: dict[str, str] = {}
        rest = list(command.words)
        while rest and _ASSIGNMENT.match(_prefix(rest[0])):
            name, _, _ = _prefix(rest[0]).partition("=")
            assignments[name] = "".join(self._expand(rest.pop(0), splits=False))[len(name) + 1 :]
        words = [text for word in rest for text in self._expand(word)]
        if not words:
            self.variables.update(assignments)
            return self._redirected(command.redirections, Done())
        shell = self
        if assignments:
            shell = self.inner()
            shell.variables.update(assignments)
        stdin = self._input(command.redirections, stdin)
        return self._redirected(command.redirections, shell._execute(words, stdin))

    def _execute(self, words: list[str], stdin: Stream) -> Done:
        folder, base = posixpath.split(words[0])
        if not folder or folder in _SYSTEM_FOLDERS:
            known = COMMANDS.get(base)
            if known is None:
                raise NotModelled(f"shell: no command {base} on this target")
            return known(self, words, stdin)
        return self.run_file(words)

    def run_file(self, words: list[str], *, is_sourced: bool = False) -> Done:
        """Run the shell script that the first word names, with the others as arguments."""
        path = self.resolve(words[0])
        if posixpath.basename(path) == "set_sysctls.py":
            return COMMANDS["set_sysctls.py"](self, words, EMPTY)
        text = self.read(path)
        if text is None:
            return failed(127, f"{words[0]}: No such file or directory\n")
        first_line = text.partition("\n")[0]
        if first_line.startswith("#!") and "sh" not in posixpath.basename(first_line):
            raise NotModelled(f"shell: {words[0]} is not a shell script")
        if self.level >= _LEVELS_MAX:
            raise NotModelled(f"shell: scripts call each other more than {_LEVELS_MAX} deep")
        if is_sourced:
            return self._sequence(parse(text), EMPTY)
        inner = replace(self.inner(), arguments=tuple(words[1:]), status=0, level=self.level + 1)
        return inner.execute(text)

    @staticmethod
    def exit(status: int) -> Exception:
        """Return what exit(1) raises."""
        return ExitShell(status)

    def resolve(self, name: str) -> str:
        """Return the absolute path of `name`."""
        return posixpath.normpath(posixpath.join(self.directory, name))

    def read(self, path: str) -> str | None:
        """Return the text of a file of this host, by absolute path; None when there is none."""
        if path in self.proc:
            return self.proc[path]()
        if path in self.files:
            return self.files[path]
        if path.startswith("/proc/sys/"):
            try:
                return self.sysctls.read(path) + "\n"
            except SysctlError:
                return None
        return self.read_script(path)

    # --- redirections --------------------------------------------------------------------------------------------

    def _input(self, redirections: list[Redirection], stdin: Stream) -> Stream:
        for each in redirections:
            if each.kind == "<":
                name = "".join(self._expand(each.target))
                text = "" if name == "/dev/null" else self.read(self.resolve(name))
                if text is None:
                    raise NotModelled(f"shell: redirection < {name}")
                stdin = Stream(text)
        return stdin

    def _redirected(self, redirections: list[Redirection], done: Done) -> Done:
        """Send output and messages where they go; in the order in which the redirections are written."""
        outputs: dict[int, str] = {1: "out", 2: "err"}
        for each in redirections:
            if each.kind != "<":
                self._redirect(outputs, each.kind, "".join(self._expand(each.target)))
        out, err = done.out, done.err
        if outputs == {1: "out", 2: "err"}:
            return done
        texts = {"out": "", "err": "", "/dev/null": ""}
        for number, text in ((1, out.text), (2, err)):
            texts[outputs[number]] = texts.get(outputs[number], "") + text
        status = done.status
        for target in [name for name in texts if name.startswith("/") and name != "/dev/null"]:
            problem = self._write(target, texts[target]) if not status else Done(status)
            status, texts["err"] = problem.status, texts["err"] + problem.err
        return Done(status, Stream(texts["out"], out.known if outputs[1] == "out" else None), texts["err"])

    def _redirect(self, outputs: dict[int, str], kind: str, target: str) -> None:
        if kind in (">&", "2>&") and target in ("1", "2"):
            outputs[2 if kind[0] == "2" else 1] = outputs[int(target)]
            return
        numbers = {"&>": (1, 2), "2>": (2,), "2>>": (2,), ">": (1,), ">>": (1,)}.get(kind)
        if numbers is None or (2 in numbers and target != "/dev/null"):
            raise NotModelled(f"shell: redirection {kind} {target}")
        for number in numbers:
            outputs[number] = self.resolve(target)

    def _write(self, target: str, text: str) -> Done:
        if target.startswith("/proc/sys/"):
            return self._write_setting(target, text)
        # A module's parameter is kept, without effect.
        if target.startswith(("/sys/module/", "/tmp/")):
            self.files[target] = text
            return Done()
        raise NotModelled(f"shell: redirection to {target}")

    def _write_setting(self, path: str, text: str) -> Done:
        try:
            self.sysctls.write(path, text)
        except SysctlError as error:
            reason = str(error).rpartition(": ")[2]
            # dash, the usual /bin/sh: a file that cannot be created gives 2, a write that is refused 1.
            status = 2 if reason == "No such file or directory" and str(error).startswith("cannot") else 1
            return failed(status, f"sh: {path}: {reason}\n")
        return Done()

    # --- expansion -----------------------------------------------------------------------------------------------

    def _expand(self, word: Word, *, splits: bool = True) -> list[str]:
        """Return the fields that a word becomes: what an unquoted expansion gives is split at blanks."""
        fields: list[str] = []
        current: str | None = None
        for part in word.parts:
            text = self._value(part)
            if part.kind is Kind.TEXT or part.is_quoted or not splits:
                current = (current or "") + text
                continue
            if text[:1].isspace() and current is not None:
                fields.append(current)
                current = None
            pieces = text.split()
            if pieces:
                fields += [(current or "") + pieces[0], *pieces[1:]] if len(pieces) > 1 else []
                current = (current or "") + pieces[0] if len(pieces) == 1 else fields.pop()
            if text[-1:].isspace() and current is not None:
                fields.append(current)
                current = None
        return fields if current is None else [*fields, current]

    def _value(self, part: Part) -> str:
        if part.kind is Kind.TEXT:
            return part.text
        if part.kind is Kind.PARAMETER:
            return self._parameter(part.text)
        if part.kind is Kind.ARITHMETIC:
            names = part.text.replace("$", "")
            return str(arithmetic(re.sub(r"\b[A-Za-z_]\w*", lambda match: self._parameter(match[0]) or "0", names)))
        done = self.inner().execute(part.text)
        return done.out.text.rstrip("\n")

    def _parameter(self, text: str) -> str:
        match = _DEFAULT.match(text)
        if match is None:
            if not text.isidentifier() and text not in tuple("?$#@*0123456789"):
                raise NotModelled(f"shell: parameter expansion ${{{text}}}")
            return self._named(text)
        name, how, default = match.groups()
        value = self._named(name)
        is_set = bool(value) or (":" not in how and name in self.variables)
        if how[-1] == "+":
            return self._inner_text(default) if is_set else ""
        if is_set:
            return value
        value = self._inner_text(default)
        if how[-1] == "=":
            self.variables[name] = value
        return value

    def _inner_text(self, text: str) -> str:
        tree = parse(f'echo "{text}"')
        return self._sequence(tree, EMPTY).out.text.rstrip("\n")

    def _named(self, name: str) -> str:
        if name.isdigit():
            index = int(name)
            return (self.arguments[index - 1 : index] or ("",))[0] if index else "sh"
        if name in ("PPID", "$"):
            # The shell is the child of the tool, whose pid PACKETDRILL_PID holds (language spec 7.3).
            return self.environment.get("PPID", self.environment.get("PACKETDRILL_PID", "0"))
        special = {"?": str(self.status), "#": str(len(self.arguments)), "@": " ".join(self.arguments)}
        special["*"] = special["@"]
        return special.get(name, self.variables.get(name, self.environment.get(name, "")))


def _prefix(word: Word) -> str:
    """Return the unquoted text with which a word begins."""
    first = ""
    for part in word.parts:
        if part.kind is not Kind.TEXT or part.is_quoted:
            break
        first += part.text
    return first


def _joined(before: Done, after: Done) -> Done:
    known = after.out.known if after.out.known is not None else before.out.known
    return Done(after.status, Stream(before.out.text + after.out.text, known), before.err + after.err)
