"""The scripts about MPTCP on the running kernel, and proof that what they check can fail."""

from pathlib import Path

import pytest

import conformance
from packetdrill_compat.outcome import RunResult, Verdict
from packetdrill_compat.reader import load
from packetdrill_compat.runner import play
from packetdrill_compat.variants import variant_config
from targets.base import MPTCP
from targets.registry import create_target

pytestmark = [pytest.mark.needs_kernel, pytest.mark.slow]

ROOT = Path(conformance.__file__).parent / "rfc8684"
SCRIPTS = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.pkt"))


def run(text: str, name: str) -> RunResult:
    target = create_target("kernel")
    if MPTCP not in target.capabilities:
        pytest.skip("this kernel has no MPTCP")
    script, config = load(str(ROOT / name), text=text, config=variant_config("ipv4"), dialect="mptcp")
    return play(script, config, target)


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_kernel_passes_the_scripts_about_mptcp(name: str) -> None:
    result = run((ROOT / name).read_text(encoding="utf-8"), name)
    assert result.verdict is Verdict.PASS, result.failure


KEYS = "handshake/passive-open-takes-keys-from-three-packets.pkt"
BOTH_KEYS = "handshake/active-open-sends-both-keys.pkt"
JOIN = "join/both-hmacs-join-a-subflow.pkt"
FASTCLOSE = "close/fastclose-with-the-key-resets.pkt"
DATA_FIN = "close/data-fin-ends-the-data-only.pkt"
OTHER_KEYS = "mp_join_syn_ack sender_hmac=trunc_l64_hmac(ckey skey)"

MUTANTS = {
    "another key for the numbers of the data": (KEYS, "key[skey]", "key[skey=7]"),
    "another initial data sequence number": (KEYS, "dsn8=1 ", "dsn8=2 "),
    "another length of first data": (BOTH_KEYS, "mpcdatalen 100", "mpcdatalen 99"),
    "another data acknowledgment": (JOIN, "<dss dack8=151>", "<dss dack8=150>"),
    "the HMAC of other keys": (JOIN, "mp_join_syn_ack sender_hmac=auto", OTHER_KEYS),
    "the token of the other side": (JOIN, "sha256_32(skey)", "sha256_32(ckey)"),
    "a connection that MP_FASTCLOSE does not end": (FASTCLOSE, "<mp_fastclose>", "<mp_fastclose ckey>"),
    "a DATA_FIN with another number": (DATA_FIN, "dsn8=11 ", "dsn8=12 "),
}


@pytest.mark.parametrize(("name", "right", "wrong"), MUTANTS.values(), ids=MUTANTS.keys())
def test_another_expectation_fails_on_the_same_kernel(name: str, right: str, wrong: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert right in text
    assert run(text.replace(right, wrong, 1), name).verdict is Verdict.FAIL
