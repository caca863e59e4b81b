"""Conformance tests in Python as cases: called directly, with the fixtures of `conformance.testing`."""

import importlib.util
import inspect
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from conformance.running import network_of
from conformance.testing import Connections
from packetdrill_compat.config import IPV4
from targets.reference import ReferenceTarget
from tests.quality.cases import SUITE, Find, has_rules


@dataclass(frozen=True)
class PythonCase:
    """One test function with one set of parameters; `name` is like pytest's node id."""

    name: str
    function: Callable[..., None]
    parameters: tuple[tuple[str, Any], ...]

    @property
    def requirements(self) -> tuple[str, ...]:
        return tuple(mark.args[0] for mark in _marks(self.function) if mark.name == "requirement")

    @property
    def rules(self) -> str:
        # A word may be a capability as well as a system.
        words = [mark.args[0] for mark in _marks(self.function) if mark.name == "targets"]
        return next((word for word in words if has_rules(word)), "rfc")

    def unsupported(self) -> str:
        wanted = set(inspect.signature(self.function).parameters) - {name for name, _ in self.parameters}
        unknown = sorted(name for name in wanted if name != "connection" and not hasattr(Connections, name))
        return f"fixtures {', '.join(unknown)}" if unknown else ""

    def find(self, target: ReferenceTarget) -> Find | None:
        network = network_of(IPV4)
        connection = Connections(target, network)
        arguments = dict(self.parameters)
        target.open(network)
        try:
            for name in inspect.signature(self.function).parameters:
                if name == "connection":
                    arguments[name] = connection
                elif name not in arguments:
                    arguments[name] = getattr(connection, name)()
            self.function(**arguments)
        except AssertionError as error:
            return Find("assertion", _line_of(error, self.function), str(error).partition("\n")[0])
        finally:
            target.close()
        return None


def python_tests(path: Path) -> Iterator[PythonCase]:
    """Yield the tests of one file."""
    module = _load(path)
    base = path.relative_to(SUITE).as_posix()
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if not name.startswith("test_"):
            continue
        for parameters in _parameter_sets(function):
            suffix = "-".join(str(value) for _, value in parameters)
            yield PythonCase(f"{base}::{name}" + (f"[{suffix}]" if suffix else ""), function, parameters)


def all_python_tests() -> Iterator[PythonCase]:
    """Yield every conformance test in Python."""
    for path in sorted(SUITE.rglob("test_*.py")):
        yield from python_tests(path)


@cache
def _load(path: Path) -> ModuleType:
    # The folders of the suite are no packages: the same file name may stand in several.
    spec = importlib.util.spec_from_file_location("_".join(path.relative_to(SUITE).with_suffix("").parts), path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _marks(function: Callable[..., None]) -> Sequence[pytest.Mark]:
    own: Sequence[pytest.Mark] = getattr(function, "pytestmark", ())
    of_file: Any = inspect.unwrap(function).__globals__.get("pytestmark", ())
    decorators = of_file if isinstance(of_file, list | tuple) else (of_file,)
    return [*own, *(decorator.mark for decorator in decorators)]


def _parameter_sets(function: Callable[..., None]) -> Iterator[tuple[tuple[str, Any], ...]]:
    choices = [
        [(mark.args[0], value) for value in mark.args[1]] for mark in _marks(function) if mark.name == "parametrize"
    ]
    yield from itertools.product(*choices)


def _line_of(error: AssertionError, function: Callable[..., None]) -> str:
    """Return the line of the test, or of a helper in its file, that failed."""
    path, found = inspect.getsourcefile(function), ""
    trace = error.__traceback__
    while trace is not None:
        frame = inspect.getframeinfo(trace)
        if frame.filename == path and frame.code_context:
            found = frame.code_context[0].strip()
        trace = trace.tb_next
    return found
