"""Conformance tests in Python: what their markers say, the target they open, and the verdict they get."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from conformance.deviations import Deviation
from conformance.finished import Finished
from conformance.items import deviation_of, known_requirements, requirements_of, shown_path
from conformance.running import network_of, open_target
from conformance.selection import target_name
from conformance.settings import settings_of
from conformance.verdicts import Judgement, ScriptBroken, broken_verdict, strongest_level
from packetdrill_compat.config import IPV4, IPV6
from packetdrill_compat.errors import ScriptError
from packetdrill_compat.header import Header, read_header
from packetdrill_compat.outcome import Verdict
from targets.base import Network, Target, TargetError, Unsupported
from targets.recording import Recording

_RECORDING = pytest.StashKey[Recording]()
_HEADER = pytest.StashKey[Header]()
_DEVIATION = pytest.StashKey[Deviation | None]()


def opened_target(item: pytest.Item) -> Iterator[Target]:
    """Open the selected target for a test, give it, close it. A test that the target cannot run is skipped."""
    item.stash[_HEADER] = Header()
    try:
        recording = _open(item)
    except Unsupported as error:
        pytest.skip(f"unsupported: {error.reason}")
    except (ScriptError, ScriptBroken, TargetError) as error:
        # In the set-up of a test pytest calls this an error, and the text says it all.
        pytest.fail(str(error), pytrace=False)
    try:
        yield recording
    finally:
        recording.close()


def _open(item: pytest.Item) -> Recording:
    header = item.stash[_HEADER] = _header_of(item)
    requirements_of(header, shown_path(item))
    variant = variant_of(item)
    if variant not in (IPV4, IPV6):
        raise ScriptBroken(f"{item.nodeid}: variant {variant!r} is neither {IPV4} nor {IPV6}")
    deviation = item.stash[_DEVIATION] = deviation_of(item, header, variant)
    if deviation is not None:
        item.add_marker(pytest.mark.xfail(raises=AssertionError, strict=True, reason=str(deviation)))
    recording = item.stash[_RECORDING] = Recording(open_target(header, variant, settings_of(item.config)))
    recording.open(network_of(variant))
    return recording


def network_of_test(item: pytest.Item) -> Network:
    """Return the network of a test."""
    return network_of(variant_of(item))


def variant_of(item: pytest.Item) -> str:
    """Return the variant of a test: what its ``variant`` marker says, else IPv4."""
    marker = item.get_closest_marker("variant")
    return str(marker.args[0]) if marker else IPV4


def _header_of(item: pytest.Item) -> Header:
    words = [word for marker in item.iter_markers("targets") for word in marker.args]
    header = read_header(f"//: targets {' '.join(words)}\n" if words else "", shown_path(item))
    return replace(header, requirements=tuple(w for marker in item.iter_markers("requirement") for w in marker.args))


def finished_python_test(item: pytest.Item, call: pytest.CallInfo[None]) -> Finished | None:
    """Return what a test came to; None while it runs on, and for tests that do not use the target."""
    header = item.stash.get(_HEADER, None)
    if header is None or call.when == "teardown" or (call.when == "setup" and call.excinfo is None):
        return None
    requirements = known_requirements(header)
    recording = item.stash.get(_RECORDING, None)
    deviation = item.stash.get(_DEVIATION, None)
    return Finished(
        name=item.name,
        path=shown_path(item),
        title=item.name.removeprefix("test_").replace("_", " "),
        target=target_name(header, settings_of(item.config)),
        variant=variant_of(item),
        judgement=_judge(call, strongest_level([each.level for each in requirements])),
        requirements=requirements,
        deviation=str(deviation) if deviation is not None else "",
        trace=recording.trace if recording is not None else None,
    )


def _judge(call: pytest.CallInfo[None], level: str) -> Judgement:
    if call.excinfo is None:
        return Judgement(Verdict.PASS)
    error = call.excinfo.value
    reason = (str(error) or type(error).__name__).split("\n", 1)[0]
    if isinstance(error, pytest.skip.Exception):
        return Judgement(Verdict.UNSUPPORTED, reason.removeprefix("unsupported: "))
    if call.when == "call" and isinstance(error, AssertionError | pytest.fail.Exception):
        return Judgement(broken_verdict(level), reason)
    return Judgement(Verdict.ERROR, reason)
