"""The pytest plugin: collects packetdrill scripts, offers the options, fixtures and markers.

pytest loads this module in every project of an environment in which tcprove is installed. So it imports nothing of ours
at the top: a project without scripts pays for a few function definitions.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conformance.testing import Connections
    from targets.base import Target

MARKERS = (
    "requirement(id): the test checks this requirement of the catalogue (conformance/requirements)",
    "targets(*words): systems and capabilities that the test needs, as in the '//: targets' line of a script",
    "variant(name): network of the fixtures 'target' and 'connection': ipv4 (the default) or ipv6",
    "needs_kernel: needs the running kernel as a target; TCPROVE_REQUIRE_KERNEL=1 turns the skip into a failure",
    "slow: the test takes more than 0.25 s",
)

_OPTIONS = (
    ("target", "NAME", "target under test: reference (default), reference:linux, kernel, ... "),
    ("variants", "LIST", "comma list of ipv4, ipv6, ipv4-mapped-ipv6 (default: all)"),
    ("dialect", "NAME", "dialect of scripts without a '//: dialect' line: google (default), nplab, mptcp"),
    ("strict", "LEVEL", "'should': a test that finds a SHOULD broken fails instead of passing as non-strict"),
    ("time_limit", "TIME", "time for each script on the target's clock: 10s, 500ms, 2m (default 60s; virtual time 1h)"),
    ("pcap", "DIR", "write what each script saw on the wire to DIR/NAME.pcapng"),
    ("jobs", "N", "scripts that play at once on a real kernel (default: 10 for each processor; 1: no crowd)"),
    ("attach", "WHICH", "'all': Allure's results hold ladder and capture of passed tests too (default: of the others)"),
)
_NO_SHELL = "skip scripts that would run shell commands, or code that does more than compute, outside of the test"
_LISTS = (
    ("define", "NAME=VALUE", "define a symbol in every script (may be given several times)"),
    ("deviations", "FILE", "more known deviations of the target, in TOML (may be given several times)"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer each option on the command line and, under the same name with underscores, in the ini file."""
    group = parser.getgroup("tcprove", "tcprove: TCP conformance")
    for name, value, text in _OPTIONS:
        flag = f"--tcprove-{name.replace('_', '-')}"
        group.addoption(flag, dest=f"tcprove_{name}", metavar=value, default=None, help=text)
        parser.addini(f"tcprove_{name}", text, type="string", default="")
    for name, value, text in _LISTS:
        flag = f"--tcprove-{name}"
        group.addoption(flag, dest=f"tcprove_{name}", metavar=value, action="append", default=[], help=text)
        parser.addini(f"tcprove_{name}", text, type="linelist", default=[])
    group.addoption("--tcprove-no-shell", dest="tcprove_no_shell", action="store_true", default=None, help=_NO_SHELL)
    parser.addini("tcprove_no_shell", _NO_SHELL, type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers and accept ``path/name.pkt@ipv4`` as an argument."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if any(".pkt@" in argument for argument in config.args):
        from conformance.items import full_argument  # noqa: PLC0415

        config.args[:] = [full_argument(argument, config.invocation_params.dir) for argument in config.args]
    _check_options(config)


def _check_options(config: pytest.Config) -> None:
    """Refuse bad values before anything is collected, once for the whole run."""
    names = [name for name, _, _ in (*_OPTIONS, *_LISTS)]
    if any(config.getoption(f"tcprove_{name}") or config.getini(f"tcprove_{name}") for name in names):
        from conformance.settings import check_settings  # noqa: PLC0415

        check_settings(config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect scripts."""
    if file_path.suffix != ".pkt":
        return None
    from conformance.items import ScriptFile  # noqa: PLC0415

    _give_verdicts(parent.config)
    file: pytest.Collector = ScriptFile.from_parent(parent, path=file_path)
    return file


def pytest_collection_finish(session: pytest.Session) -> None:
    """Get ready to play scripts ahead, if there are any."""
    if any(item.path.suffix == ".pkt" for item in session.items):
        from conformance import ahead  # noqa: PLC0415

        ahead.start(session)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Let the scripts that come later be played meanwhile."""
    if item.path.suffix == ".pkt":
        from conformance import ahead  # noqa: PLC0415

        ahead.look(item)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs the kernel where there is none to test, unless there has to be."""
    if item.get_closest_marker("needs_kernel") is None:
        return
    from conformance.kernel import must_have_kernel, why_no_kernel  # noqa: PLC0415

    if reason := why_no_kernel():
        if must_have_kernel():
            pytest.fail(f"TCPROVE_REQUIRE_KERNEL is set, but {reason}", pytrace=False)
        pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Sum up the verdicts; under pytest-xdist only the controller comes here."""
    reports = [report for category in terminalreporter.stats.values() for report in category]
    summaries: list[dict[str, Any]] = [report.tcprove for report in reports if hasattr(report, "tcprove")]
    if summaries:
        from conformance.summary import write_summary  # noqa: PLC0415

        write_summary(terminalreporter, summaries)
        _describe_run(terminalreporter.config)


def _describe_run(config: pytest.Config) -> None:
    """Write the files of the whole run into the folder of Allure's results, if there is one."""
    directory = getattr(config.option, "allure_report_dir", None)
    if directory:
        from conformance.environment import run_environment  # noqa: PLC0415
        from conformance.settings import settings_of  # noqa: PLC0415
        from reports.allure import write_run_files  # noqa: PLC0415

        write_run_files(config.invocation_params.dir / directory, run_environment(settings_of(config)))


@pytest.fixture
def target(request: pytest.FixtureRequest) -> "Iterator[Target]":
    """Open the selected target for one test and close it afterwards."""
    from conformance import python_tests  # noqa: PLC0415

    _give_verdicts(request.config)
    yield from python_tests.opened_target(request.node)


@pytest.fixture
def connection(target: "Target", request: pytest.FixtureRequest) -> "Connections":
    """Give the state constructors for TCP connections to the selected target."""
    from conformance import python_tests, testing  # noqa: PLC0415

    return testing.Connections(target, python_tests.network_of_test(request.node))


def _give_verdicts(config: pytest.Config) -> None:
    from conformance import reporting  # noqa: PLC0415

    if not config.pluginmanager.is_registered(reporting):
        config.pluginmanager.register(reporting, "tcprove-reporting")
