"""Budgets of the house: modules of at most 400 lines, functions of at most 40, public docstrings (CONTRIBUTING.md)."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.test_imports import ROOMS

ROOT = Path(__file__).parents[1]
MODULE_LINES = 400
FUNCTION_LINES = 40

# Modules and functions over the budget, each with its reason. The list only ever shrinks.
KNOWN_LONG: dict[str, str] = {}


def product_files(root: Path) -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((root / room).rglob("*.py"))


def too_long(root: Path) -> list[str]:
    found = []
    for path in product_files(root):
        name = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > MODULE_LINES:
            found.append(f"{name}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    found.append(f"{name}: {node.name} has {length} lines")
    return found


def without_docstring(root: Path) -> list[str]:
    return [
        path.relative_to(root).as_posix()
        for path in product_files(root)
        if not path.name.startswith("test_") and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]


def test_modules_and_functions_keep_their_budget() -> None:
    over = [each for each in too_long(ROOT) if not any(each.startswith(known) for known in KNOWN_LONG)]
    assert over == []


def test_every_known_long_place_is_still_long() -> None:
    over = too_long(ROOT)
    assert [known for known in KNOWN_LONG if not any(each.startswith(known) for each in over)] == []


def test_every_module_says_what_it_is_for() -> None:
    assert without_docstring(ROOT) == []


def test_a_long_module_and_a_long_function_are_found(tmp_path: Path) -> None:
    (tmp_path / "wire").mkdir()
    (tmp_path / "wire" / "long.py").write_text("def f():\n" + "    pass\n" * 400)
    assert too_long(tmp_path) == ["wire/long.py: 401 lines", "wire/long.py: f has 401 lines"]
    assert without_docstring(tmp_path) == ["wire/long.py"]
