"""The HTML report: runs Allure 3 (Node.js) on a results folder. Its version is pinned in ``package.json`` beside this.

Allure is installed from the npm registry into a folder of its own on first use, and never updated by itself.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from packetdrill_compat.outcome import Verdict
from reports.allure import KNOWN_DEVIATION, category_name

MIN_NODE = 20
"""Oldest major version of Node.js with which the pinned Allure release was tried."""

CACHE_VARIABLE = "TCPROVE_NODE_CACHE"
DEFAULT_CACHE = Path(".tox") / "allure"

_HERE = Path(__file__).parent
_TIMEOUT_S = 600
# Allure's page loads a counter of its maker's; a report of a test run is nobody else's business, and must work offline.
_ANALYTICS = re.compile(
    r"\s*<script async src=\"https://www\.googletagmanager\.com/[^\"]*\"></script>\s*<script>.*?</script>", re.DOTALL
)


class ReportError(Exception):
    """The report could not be made; the message says what is missing and what to do."""


def generate(results: Path, output: Path, *, single_file: bool = False, name: str = "tcprove") -> Path:
    """Turn the Allure results in `results` into a static site in `output` and return its first page.

    `single_file` puts everything into one page that also opens without a web server. An earlier report in `output` is
    replaced. Raises `ReportError`.
    """
    if not any(results.glob("*-result.json")):
        raise ReportError(f"{results} holds no Allure results; run pytest with --alluredir={results} first")
    command = install()
    _remove_old_report(output)
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "allurerc.json"
        configuration.write_text(json.dumps(_configuration(name, single_file=single_file)), encoding="utf-8")
        arguments = ["generate", "--config", str(configuration), "--output", str(output.resolve())]
        _run([*command, *arguments, str(results.resolve())], Path(folder))
    page = output / "index.html"
    if not page.is_file():
        raise ReportError(f"Allure ended without an error but wrote no {page}")
    _remove_analytics(output)
    return page


def install() -> list[str]:
    """Return the command of the pinned Allure, after installing it if needed. Raises `ReportError`."""
    node, npm = _find_node()
    cache = Path(os.environ.get(CACHE_VARIABLE) or DEFAULT_CACHE).resolve()
    cache.mkdir(parents=True, exist_ok=True)
    package = cache / "node_modules" / "allure"
    with (cache / "lock").open("w") as lock:
        # Two runs at once share the folder, and npm ci starts by emptying it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _version_in(package / "package.json") != pinned_version():
            for file in ("package.json", "package-lock.json"):
                shutil.copyfile(_HERE / file, cache / file)
            _run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], cache)
    return [node, str(package / "cli.js")]


def pinned_version() -> str:
    """Return the version of Allure that reports are made with."""
    package = json.loads((_HERE / "package.json").read_text(encoding="utf-8"))
    return str(package["dependencies"]["allure"])


def missing_tool() -> str:
    """Return what keeps reports from being made here, as a sentence with a next step; empty when nothing does."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            return (
                f"The HTML report needs Node.js {MIN_NODE} or newer with npm, but there is no '{tool}' on PATH: "
                "install both (https://nodejs.org, or your system's packages nodejs and npm) and run this again."
            )
    return ""


def _find_node() -> tuple[str, str]:
    missing = missing_tool()
    node, npm = shutil.which("node"), shutil.which("npm")
    if missing or node is None or npm is None:
        raise ReportError(missing)
    version = _run([node, "--version"], Path.cwd()).strip()
    major = re.match(r"v(\d+)", version)
    if major is None or int(major[1]) < MIN_NODE:
        raise ReportError(
            f"The HTML report needs Node.js {MIN_NODE} or newer; {node} is {version}: install a newer one."
        )
    return node, npm


def _version_in(package: Path) -> str:
    try:
        return str(json.loads(package.read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError):
        return ""


def _configuration(name: str, *, single_file: bool) -> dict[str, object]:
    """Return Allure's configuration: the tree is document, section, requirement; categories are our verdicts."""
    listed = (Verdict.FAIL, Verdict.ERROR, Verdict.NON_STRICT, Verdict.INFO, Verdict.UNSUPPORTED)
    # The first category that fits wins. A known deviation counts only while it deviates: pytest skips it then (xfail),
    # and an unexpected pass is a failure.
    known = {"name": KNOWN_DEVIATION, "matchers": {"statuses": ["skipped"], "labels": {"deviation": "."}}}
    verdicts = [
        {"name": category_name(verdict), "matchers": {"labels": {"verdict": f"^{verdict.value}$"}}}
        for verdict in listed
    ]
    return {
        "name": name,
        "categories": [known, *verdicts],
        "hideLabels": ["host", "thread", "language", "package"],
        "plugins": {
            "awesome": {
                "options": {
                    "reportName": name,
                    "singleFile": single_file,
                    "groupBy": ["epic", "feature", "story"],
                    "defaultSortBy": "status,asc",
                }
            }
        },
    }


def _remove_old_report(output: Path) -> None:
    if not output.exists():
        return
    is_report = (output / "index.html").is_file() or not any(output.iterdir())
    if not is_report:
        raise ReportError(f"{output} exists and is no report; name another folder, or empty it yourself")
    shutil.rmtree(output)


def _remove_analytics(output: Path) -> None:
    for page in output.rglob("*.html"):
        content = page.read_text(encoding="utf-8")
        cleaned = _ANALYTICS.sub("", content)
        if "https://www.googletagmanager.com/" in cleaned:
            raise ReportError(f"{page} still loads an analytics script; this release of Allure needs another filter")
        if cleaned != content:
            page.write_text(cleaned, encoding="utf-8")


def _run(command: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReportError(f"{' '.join(command[:3])}: {error}") from error
    if done.returncode != 0:
        output = (done.stdout + done.stderr).strip()
        raise ReportError(f"{' '.join(command[:3])} … ended with status {done.returncode}:\n{output[-2000:]}")
    return done.stdout
