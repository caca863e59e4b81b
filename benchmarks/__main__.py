"""``python -m benchmarks NAME [arguments]`` runs one benchmark; without a name it lists them.

Every module of this package whose name has no leading underscore is a benchmark: its first line says what it measures,
and ``main(argv) -> int`` runs it.
"""

import importlib
import pkgutil
import sys
from collections.abc import Sequence

import benchmarks


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name[0] != "_")


def main(argv: Sequence[str]) -> int:
    if not argv or argv[0] not in names():
        print("usage: python -m benchmarks NAME [arguments]\n")
        for name in names():
            module = importlib.import_module(f"benchmarks.{name}")
            print(f"  {name:<12} {(module.__doc__ or '').strip().splitlines()[0]}")
        return 2 if argv else 0
    status: int = importlib.import_module(f"benchmarks.{argv[0]}").main(argv[1:])
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
