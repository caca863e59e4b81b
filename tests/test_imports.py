"""Imports go down only, and only `targets` opens sockets, clocks, threads and processes (ARCHITECTURE.md)."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Each room and the rooms it may import. `tests` and `benchmarks` may import all, and nothing may import them.
ROOMS = {
    "wire": set(),
    "reference_stack": {"wire"},
    "targets": {"wire", "reference_stack"},
    "packetdrill_compat": {"wire", "targets"},
    "oracles": {"wire", "targets", "packetdrill_compat"},
    "fuzz": {"wire", "reference_stack", "targets", "packetdrill_compat", "oracles"},
    "reports": {"wire", "targets", "packetdrill_compat", "oracles"},
    "conformance": {"wire", "reference_stack", "targets", "packetdrill_compat", "oracles", "fuzz", "reports"},
}
OURS = {*ROOMS, "tests", "benchmarks"}

# What gives a module a clock, a device, a thread or a process of its own.
OUTSIDE_WORLD = {
    "asyncio",
    "concurrent",
    "ctypes",
    "fcntl",
    "mmap",
    "multiprocessing",
    "pty",
    "sched",
    "select",
    "selectors",
    "signal",
    "socket",
    "subprocess",
    "threading",
    "time",
}

# Exceptions, each with its reason: (module path, imported module).
ALLOWED: dict[tuple[str, str], str] = {
    ("packetdrill_compat/parser.py", "threading"): "a lock: the parser of a dialect is shared by a process",
    ("packetdrill_compat/play/commands.py", "signal"): "numbers and names of signals only, for a message",
    ("reports/html.py", "fcntl"): "a file lock: two reports must not install Allure at once",
    ("reports/html.py", "subprocess"): "starts the generator of the HTML report, which is a Node.js program",
}


@dataclass(frozen=True)
class Import:
    path: str
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.module}"

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


def imports_of(root: Path) -> Iterator[Import]:
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            relative = path.relative_to(root).as_posix()
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                yield from (Import(relative, line, module) for line, module in _modules(node, relative))


def _modules(node: ast.AST, path: str) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Import):
        yield from ((node.lineno, alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        package = path.split("/")[: -node.level] if node.level else []
        yield node.lineno, ".".join([*package, *([node.module] if node.module else [])])
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in (
        "importlib.import_module",
        "import_module",
        "__import__",
    ):
        name = node.args[0] if node.args else None
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            yield node.lineno, name.value


def upward_imports(root: Path) -> list[str]:
    found = []
    for each in imports_of(root):
        room = each.path.partition("/")[0]
        if each.top in OURS and each.top != room and each.top not in ROOMS[room]:
            found.append(f"{each} (from {room})")
    return found


def outside_imports(root: Path) -> list[str]:
    return [
        str(each)
        for each in imports_of(root)
        if each.top in OUTSIDE_WORLD and not each.path.startswith("targets/") and (each.path, each.top) not in ALLOWED
    ]


def test_rooms_import_only_rooms_below() -> None:
    assert upward_imports(ROOT) == []


def test_only_targets_reaches_the_outside_world() -> None:
    assert outside_imports(ROOT) == []


def test_every_exception_is_still_needed() -> None:
    used = {(each.path, each.top) for each in imports_of(ROOT)}
    assert set(ALLOWED) <= used


def test_upward_imports_are_found_wherever_they_stand(tmp_path: Path) -> None:
    for room in ROOMS:
        (tmp_path / room).mkdir()
    (tmp_path / "wire" / "tcp.py").write_text("import struct\n\n\ndef f():\n    from targets.base import Target\n")
    (tmp_path / "fuzz" / "a.py").write_text("import reports.allure\nimport wire.tcp\n")
    (tmp_path / "oracles" / "b.py").write_text("import importlib\nimportlib.import_module('conformance.plugin')\n")
    (tmp_path / "reports" / "c.py").write_text("from . import d\nfrom tests import helpers\n")
    assert upward_imports(tmp_path) == [
        "wire/tcp.py:5: targets.base (from wire)",
        "oracles/b.py:2: conformance.plugin (from oracles)",
        "fuzz/a.py:1: reports.allure (from fuzz)",
        "reports/c.py:2: tests (from reports)",
    ]


def test_a_clock_outside_targets_is_found(tmp_path: Path) -> None:
    (tmp_path / "reference_stack").mkdir()
    (tmp_path / "targets").mkdir()
    (tmp_path / "reference_stack" / "a.py").write_text("import time\n")
    (tmp_path / "targets" / "b.py").write_text("import time\n")
    assert outside_imports(tmp_path) == ["reference_stack/a.py:1: time"]
