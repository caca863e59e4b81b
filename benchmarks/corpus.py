"""Reading a corpus of scripts: how many are read, and where packetdrill itself decides otherwise.

``python -m benchmarks corpus --dialect google DIR... [--packetdrill BINARY]`` reads every ``.pkt`` file below the
folders and prints how many were read, refused, and refused as unsupported. Scripts that are read are also printed and
read again. With a binary of packetdrill (of the fork whose dialect is chosen) each file is given to it with
``--dry_run`` too, and every disagreement is shown; ``--mutations N`` compares N damaged versions of the files as well.
"""

import argparse
import collections
import random
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packetdrill_compat.errors import ScriptError, UnsupportedScript
from packetdrill_compat.parser import DIALECTS
from packetdrill_compat.printer import print_script
from packetdrill_compat.reader import load
from packetdrill_compat.variants import VARIANT_FLAGS

_TOKEN = re.compile(r'//[^\n]*\n|/\*.*?\*/|"[^"]*"|`[^`]*`|%\{.*?\}%|\s+|-?\w*\.?\w+|\.\.\.|.', re.DOTALL)


@dataclass(frozen=True)
class Answer:
    """What one reader makes of a script: the message is empty when it was read."""

    message: str = ""
    unsupported: bool = False

    @property
    def is_read(self) -> bool:
        return not self.message


@dataclass(frozen=True)
class Settings:
    dialect: str
    flags: tuple[str, ...]
    binary: str | None


def main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    settings = Settings(arguments.dialect, _flags(arguments.dialect, arguments.variant), arguments.packetdrill)
    paths = sorted(path for folder in arguments.folders for path in Path(folder).rglob("*.pkt"))
    counts: collections.Counter[str] = collections.Counter()
    for path in paths:
        _examine(path, path.read_bytes(), settings, counts, show_refused=arguments.verbose)
    if arguments.mutations:
        for path, content in _mutations(paths, arguments.mutations, arguments.seed):
            _examine(path, content, settings, counts, kind="mutated ")
    for name in sorted(counts):
        print(f"{name:<28} {counts[name]:>6}")
    return 1 if any("disagree" in name or "differs" in name for name in counts) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks corpus", description=__doc__)
    parser.add_argument("folders", nargs="+", metavar="DIR")
    parser.add_argument("--dialect", choices=list(DIALECTS), default="google")
    parser.add_argument("--variant", choices=[*VARIANT_FLAGS, "none"], help="flags to read with (default: ipv4)")
    parser.add_argument("--packetdrill", metavar="BINARY", help="compare with this program's --dry_run")
    parser.add_argument("--mutations", type=int, default=0, metavar="N", help="compare N damaged scripts, too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="show why scripts are refused")
    return parser


def _flags(dialect: str, variant: str | None) -> tuple[str, ...]:
    """The flags of a variant; scripts of the nplab fork are run without any."""
    chosen = variant or ("none" if dialect == "nplab" else "ipv4")
    flags = VARIANT_FLAGS.get(chosen, ())
    # The fork has no such flag, and none of them knows -D and its value in one word.
    kept = [flag for flag in flags if dialect != "nplab" or flag != "--send_omit_free"]
    return tuple(f"--define={flag[2:]}" if flag.startswith("-D") else flag for flag in kept)


def _examine(
    path: Path,
    content: bytes,
    settings: Settings,
    counts: collections.Counter[str],
    *,
    kind: str = "",
    show_refused: bool = False,
) -> None:
    ours = _ours(path, content, settings, counts, kind)
    if ours.is_read:
        counts[f"{kind}read"] += 1
    else:
        counts[f"{kind}{'unsupported' if ours.unsupported else 'refused'}"] += 1
        if show_refused:
            print(f"{ours.message}\n")
    if settings.binary is None:
        return
    theirs = _theirs(content, settings)
    counts[f"{kind}read by packetdrill"] += theirs.is_read
    if ours.is_read != theirs.is_read and not ours.unsupported:
        counts[f"{kind}disagree"] += 1
        print(f"{path}: we say {ours.message or 'read'!r}, packetdrill says {theirs.message or 'read'!r}")
        if kind:
            print(content.decode("utf-8", "replace"))


def _ours(path: Path, content: bytes, settings: Settings, counts: collections.Counter[str], kind: str) -> Answer:
    text = content.decode("utf-8", "surrogateescape")
    try:
        script, _ = load(str(path), text=text, dialect=settings.dialect, command_line=settings.flags)
    except UnsupportedScript as error:
        return Answer(str(error), unsupported=True)
    except ScriptError as error:
        return Answer(str(error))
    # What the command line defined is in the printed text already.
    flags = [flag for flag in settings.flags if not flag.startswith("--define=")]
    again, _ = load(str(path), text=print_script(script), dialect=settings.dialect, command_line=flags)
    if again != script:
        counts[f"{kind}printed script differs"] += 1
        print(f"{path}: the printed script reads as another one")
    return Answer()


def _theirs(content: bytes, settings: Settings) -> Answer:
    assert settings.binary is not None
    with tempfile.NamedTemporaryFile(suffix=".pkt") as file:
        file.write(content)
        file.flush()
        command = [settings.binary, "--dry_run", *settings.flags, file.name]
        result = subprocess.run(command, capture_output=True, check=False, timeout=60)
    if result.returncode == 0:
        return Answer()
    lines = result.stderr.decode("utf-8", "replace").strip().splitlines()
    return Answer(lines[0] if lines else f"status {result.returncode}")


def _mutations(paths: Sequence[Path], count: int, seed: int) -> Iterator[tuple[Path, bytes]]:
    """Scripts with a few tokens deleted, doubled, exchanged, or replaced by one of another script."""
    dice = random.Random(seed)
    texts = {path: path.read_text(encoding="utf-8", errors="surrogateescape") for path in paths}
    vocabulary = sorted(_vocabulary(texts.values()))
    for _ in range(count):
        path = dice.choice(paths)
        tokens = _TOKEN.findall(texts[path])
        for _ in range(dice.choice((1, 1, 2, 3))):
            _mutate(tokens, vocabulary, dice)
        yield path, "".join(tokens).encode("utf-8", "surrogateescape")


def _vocabulary(texts: Iterable[str]) -> set[str]:
    tokens = {token for text in texts for token in _TOKEN.findall(text)}
    return {token for token in tokens if len(token) < 40 and not token.startswith(("/", "`", "%"))}


def _mutate(tokens: list[str], vocabulary: Sequence[str], dice: random.Random) -> None:
    if not tokens:
        return
    at, other = dice.randrange(len(tokens)), dice.randrange(len(tokens))
    match dice.randrange(5):
        case 0:
            del tokens[at]
        case 1:
            tokens.insert(at, tokens[at])
        case 2:
            tokens[at], tokens[other] = tokens[other], tokens[at]
        case 3:
            tokens[at] = dice.choice(vocabulary)
        case _:
            tokens.insert(at, f" {dice.choice(vocabulary)} ")
