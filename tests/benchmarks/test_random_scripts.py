"""Random scripts for the differential run."""

from pathlib import Path

import pytest

from benchmarks.random_scripts import main, script
from packetdrill_compat.outcome import Verdict
from packetdrill_compat.runner import run_file
from packetdrill_compat.variants import variant_config
from targets.registry import create_target


def test_the_same_seed_gives_the_same_script_and_another_seed_another() -> None:
    assert script(5) == script(5)
    assert script(5) != script(6)


def test_the_command_writes_as_many_as_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "new"), "--count", "3", "--seed", "7"]) == 0
    assert [path.name for path in sorted((tmp_path / "new").iterdir())] == [f"seed-0000{n}.pkt" for n in (7, 8, 9)]
    assert capsys.readouterr().out.startswith("3 scripts in ")


@pytest.mark.parametrize("name", ["reference", "reference:linux"])
def test_what_is_read_is_what_the_peer_sent(name: str, tmp_path: Path) -> None:
    # Each read expects its exact count, so a script passes only while no octet is lost or comes twice.
    main([str(tmp_path), "--count", "25"])
    for path in sorted(tmp_path.iterdir()):
        result = run_file(str(path), target=create_target(name), config=variant_config("ipv4"))
        assert result.verdict is Verdict.PASS, result.failure and result.failure.first_line
