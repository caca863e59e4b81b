"""The options of the plugin, read and checked once: what the command line says, else what the ini file says."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance import deviations
from packetdrill_compat.config import IP_VERSIONS
from packetdrill_compat.header import DIALECTS, parse_duration
from targets.base import Micros
from targets.registry import target_names

DEFAULT_TARGET = "reference"
DEFAULT_DIALECT = "google"
_MOST_JOBS = 1000


@dataclass(frozen=True, slots=True)
class Settings:
    """What a whole run uses. `time_limit` is in microseconds of the target's clock, for each script; None is the
    default of the interpreter.

    `target` is the name with its argument (``reference:linux``). `is_strict` turns non-strict verdicts into failures.
    Without `allows_shell` scripts that run something outside of the test are unsupported. `attaches_all` gives Allure
    the diagrams and captures of passed tests too. `jobs` is how many scripts may play at once where time is real, None
    for as many as the processors bear. `arguments` are the options that repeat this choice.
    """

    target: str = DEFAULT_TARGET
    variants: tuple[str, ...] = IP_VERSIONS
    dialect: str = DEFAULT_DIALECT
    is_strict: bool = False
    time_limit: Micros | None = None
    definitions: tuple[str, ...] = ()
    pcap: Path | None = None
    attaches_all: bool = False
    deviations: tuple[Path, ...] = ()
    allows_shell: bool = True
    jobs: int | None = None

    @property
    def target_name(self) -> str:
        """The target without its argument: ``reference``."""
        return self.target.partition(":")[0]

    @property
    def arguments(self) -> tuple[str, ...]:
        """The options that choose the same again."""
        options = [f"--tcprove-target={self.target}"]
        if self.dialect != DEFAULT_DIALECT:
            options.append(f"--tcprove-dialect={self.dialect}")
        if self.is_strict:
            options.append("--tcprove-strict=should")
        if self.time_limit is not None:
            options.append(f"--tcprove-time-limit={self.time_limit / 1_000_000:g}s")
        if self.jobs is not None:
            options.append(f"--tcprove-jobs={self.jobs}")
        if not self.allows_shell:
            options.append("--tcprove-no-shell")
        options += [f"--tcprove-define={each}" for each in self.definitions]
        options += [f"--tcprove-deviations={each}" for each in self.deviations]
        return tuple(options)


_SETTINGS = pytest.StashKey[Settings]()


def settings_of(config: pytest.Config) -> Settings:
    """Return the settings of a run. Raises `pytest.UsageError` for a value that has no meaning."""
    if _SETTINGS not in config.stash:
        config.stash[_SETTINGS] = _read(config)
    return config.stash[_SETTINGS]


def check_settings(config: pytest.Config) -> None:
    """Read the settings and the deviations files that they name. Raises `pytest.UsageError` for what is wrong."""
    settings = settings_of(config)
    try:
        deviations.load("", settings.deviations)
    except deviations.DeviationError as error:
        raise pytest.UsageError(f"--tcprove-deviations: {error}") from error


def _read(config: pytest.Config) -> Settings:
    strict = _value(config, "strict")
    if strict not in ("", "should"):
        raise pytest.UsageError(f"--tcprove-strict={strict}: only 'should' can be made strict")
    dialect = _value(config, "dialect") or DEFAULT_DIALECT
    if dialect not in DIALECTS:
        raise pytest.UsageError(f"--tcprove-dialect={dialect}: none of {', '.join(DIALECTS)}")
    pcap = _directory(config, _value(config, "pcap"))
    attach = _value(config, "attach")
    if attach not in ("", "all"):
        raise pytest.UsageError(f"--tcprove-attach={attach}: the only other choice is 'all'")
    return Settings(
        target=_target(_value(config, "target")),
        variants=_variants(_value(config, "variants")),
        dialect=dialect,
        is_strict=strict == "should",
        time_limit=_time_limit(_value(config, "time_limit")),
        definitions=tuple(_definition(each) for each in _values(config, "define")),
        pcap=pcap,
        attaches_all=attach == "all",
        allows_shell=not (config.getoption("tcprove_no_shell") or config.getini("tcprove_no_shell")),
        jobs=_jobs(_value(config, "jobs")),
        deviations=tuple(config.invocation_params.dir / each for each in _values(config, "deviations")),
    )


def _jobs(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_JOBS:
        raise pytest.UsageError(f"--tcprove-jobs={text}: write a number from 1 to {_MOST_JOBS}")
    return int(text)


def _target(name: str) -> str:
    # Only the name: what the argument must be, and whether the target runs here, is asked when a test opens it.
    if name and name.partition(":")[0] not in target_names():
        raise pytest.UsageError(f"--tcprove-target={name}: no such target; known are {', '.join(target_names())}")
    return name or DEFAULT_TARGET


def _directory(config: pytest.Config, name: str) -> Path | None:
    if not name:
        return None
    directory = config.invocation_params.dir / name
    if directory.exists() and not directory.is_dir():
        raise pytest.UsageError(f"--tcprove-pcap={name}: this is no directory; name one, it is made if need be")
    return directory


def _value(config: pytest.Config, name: str) -> str:
    given: str | None = config.getoption(f"tcprove_{name}")
    return given if given is not None else str(config.getini(f"tcprove_{name}"))


def _values(config: pytest.Config, name: str) -> list[str]:
    given: list[str] = config.getoption(f"tcprove_{name}")
    configured: Any = config.getini(f"tcprove_{name}")
    return [*configured, *given]


def _variants(text: str) -> tuple[str, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in IP_VERSIONS:
            raise pytest.UsageError(f"--tcprove-variants={text}: '{word}' is none of {', '.join(IP_VERSIONS)}")
    return tuple(variant for variant in IP_VERSIONS if variant in words) or IP_VERSIONS


def _time_limit(text: str) -> Micros | None:
    if not text:
        return None
    limit = parse_duration(text)
    if limit is None:
        raise pytest.UsageError(f"--tcprove-time-limit={text}: write 10s, 500ms or 2m")
    return limit


def _definition(text: str) -> str:
    if "=" not in text or text.startswith("="):
        raise pytest.UsageError(f"--tcprove-define={text}: write NAME=VALUE")
    return text
