import json
import shutil
from pathlib import Path

import pytest

from reports import html
from reports.__main__ import main
from reports.html import CACHE_VARIABLE, ReportError, generate, install, missing_tool, pinned_version


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "1-result.json").write_text("{}")
    return folder


def put_program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it but what the test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return folder


def test_without_node_one_sentence_says_what_to_install(
    programs: Path, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["html", str(results), str(tmp_path / "out")]) == 1
    message = capsys.readouterr().err.strip()
    assert "\n" not in message
    assert "needs Node.js 20 or newer with npm" in message
    assert "no 'node' on PATH" in message
    assert "install both" in message


def test_without_npm_the_sentence_names_npm(programs: Path) -> None:
    put_program(programs, "node", "echo v20.0.0")
    assert "no 'npm' on PATH" in missing_tool()


def test_an_old_node_is_refused(programs: Path) -> None:
    put_program(programs, "node", "echo v18.19.0")
    put_program(programs, "npm", "exit 0")
    with pytest.raises(ReportError, match=r"needs Node\.js 20 or newer; .* is v18\.19\.0"):
        install()


def test_the_words_of_a_failing_npm_are_shown(programs: Path) -> None:
    put_program(programs, "node", "echo v22.1.0")
    put_program(programs, "npm", "echo registry is away >&2; exit 7")
    with pytest.raises(ReportError, match="ended with status 7:\nregistry is away"):
        install()


def test_an_installed_allure_is_used_as_it_is(programs: Path, tmp_path: Path) -> None:
    put_program(programs, "node", "echo v22.1.0")
    put_program(programs, "npm", "exit 7")
    package = tmp_path / "cache" / "node_modules" / "allure"
    package.mkdir(parents=True)
    (package / "package.json").write_text(json.dumps({"version": pinned_version()}))
    assert install() == [str(programs / "node"), str(package / "cli.js")]


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="holds no Allure results; run pytest with --alluredir="):
        generate(tmp_path, tmp_path / "out")


def test_a_folder_that_is_no_report_is_not_removed(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "install", lambda: ["false"])
    precious = tmp_path / "out" / "thesis.tex"
    precious.parent.mkdir()
    precious.touch()
    with pytest.raises(ReportError, match="exists and is no report"):
        generate(results, tmp_path / "out")
    assert precious.exists()


def test_the_lock_file_pins_the_same_release_and_names_no_private_registry() -> None:
    text = (Path(html.__file__).parent / "package-lock.json").read_text()
    lock = json.loads(text)
    assert lock["packages"]["node_modules/allure"]["version"] == pinned_version()
    addresses = [each["resolved"] for each in lock["packages"].values() if "resolved" in each]
    assert all(address.startswith("https://registry.npmjs.org/") for address in addresses)
    assert all("integrity" in each for name, each in lock["packages"].items() if name)


def test_an_unknown_analytics_script_stops_the_report(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fake_run(command: list[str], folder: Path) -> str:
        output = Path(command[command.index("--output") + 1])
        output.mkdir()
        (output / "index.html").write_text('<img src="https://www.googletagmanager.com/pixel">')
        return ""

    monkeypatch.setattr(html, "install", lambda: ["allure"])
    monkeypatch.setattr(html, "_run", fake_run)
    with pytest.raises(ReportError, match="still loads an analytics script"):
        generate(results, tmp_path / "out")


def test_the_program_search_of_these_tests_is_empty(programs: Path) -> None:
    assert shutil.which("node") is None
