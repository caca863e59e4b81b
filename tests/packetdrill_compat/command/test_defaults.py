"""The defaults of the two commands: packetdrill's own for the drop-in, those of its runners for ``tcprove run``."""

from pathlib import Path

import pytest

from packetdrill_compat.command import Program, run_scripts
from targets import host_name

SCRIPT = "0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3\n+0 getsockopt(3, SOL_SOCKET, SO_DOMAIN, [{family}], [4]) = 0\n"
DROP_IN = Program(words=("packetdrill",), target="reference:linux", is_drop_in=True)
TCPROVE = Program(words=("tcprove", "run"), target="reference:linux", is_drop_in=False)
INET, INET6 = 2, 10


def has_family(family: int, tmp_path: Path, program: Program, *flags: str) -> bool:
    path = tmp_path / "it.pkt"
    path.write_text(SCRIPT.format(family=family).replace("SO_DOMAIN", "39"))
    return run_scripts([*flags, str(path)], program) == 0


@pytest.mark.parametrize(("version", "family"), [(4, INET), (6, INET6)])
def test_the_drop_in_takes_the_ip_version_of_the_hosts_own_name(
    version: int, family: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_name, "first_ip_version", lambda: version)
    assert has_family(family, tmp_path, DROP_IN)
    assert has_family(INET, tmp_path, DROP_IN, "--ip_version=ipv4")
    assert has_family(INET6, tmp_path, DROP_IN, "--ip_version", "ipv4-mapped-ipv6")


def test_tcprove_run_plays_ipv4_with_the_definitions_of_runners(tmp_path: Path) -> None:
    assert has_family(INET, tmp_path, TCPROVE)
    path = tmp_path / "it.pkt"
    path.write_text("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 < S 0:0(0) win 9 <FO TFO_COOKIE,nop,nop>\n")
    assert run_scripts(["--dry_run", str(path)], TCPROVE) == 0
    assert run_scripts(["--dry_run", str(path)], DROP_IN) == 1


def test_a_host_without_a_name_counts_as_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise OSError("no such name")

    monkeypatch.setattr("socket.getaddrinfo", fail)
    assert host_name.first_ip_version() == 4
