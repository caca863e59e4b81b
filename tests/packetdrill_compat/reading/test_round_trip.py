"""Printing: ``parse(print(script)) == script``, for scripts of all dialects and for every script of our own."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packetdrill_compat.ast import Event, EventTime, PacketEvent, Script, TimeKind
from packetdrill_compat.printer import print_event, print_script
from packetdrill_compat.reader import load, parse_text
from packetdrill_compat.show.words import seconds
from packetdrill_compat.variants import variant_config
from tests.packetdrill_compat.reading.helpers import packet, read
from tests.packetdrill_compat.reading.strategies import scripts

OWN_SCRIPTS = sorted((Path(__file__).parents[3] / "conformance").rglob("*.pkt"))


def again(script: Script) -> Script:
    return parse_text(print_script(script), dialect=script.dialect)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["google", "nplab", "mptcp"])
def test_every_script_reads_back_as_itself(dialect: str) -> None:
    @settings(max_examples=150)
    @given(scripts(dialect))
    def check(script: Script) -> None:
        text = print_script(script)
        result = parse_text(text, dialect=dialect)
        assert result == script
        assert print_script(result) == text

    check()


@pytest.mark.slow
def test_our_own_scripts_read_back_as_themselves() -> None:
    for path in OWN_SCRIPTS:
        config = variant_config("ipv6" if path.stem.endswith("v6") else "ipv4")
        dialect = "mptcp" if "//: dialect mptcp" in path.read_text(encoding="utf-8") else "google"
        script, _ = load(str(path), config=config, dialect=dialect)
        assert load(str(path), text=print_script(script), config=config, dialect=dialect)[0] == script, path


@given(st.integers(0, 10**13))
def test_times_survive_the_double(time: int) -> None:
    assert int(float(seconds(time)) * 1e6) == time


def test_a_time_that_would_lose_a_microsecond_gets_one_more_digit() -> None:
    assert int(0.000251 * 1e6) == 250
    assert seconds(251) == "0.0002515"
    assert seconds(250) == "0.00025"
    assert seconds(3_000_000) == "3"


def test_the_layout_is_one_event_a_line() -> None:
    text = (
        "--mtu=1500\n--strict_segments // comment\n`init\n second line` 0 socket(...,SOCK_STREAM,IPPROTO_TCP)=3 "
        "+.1 < [ect0] S 0:0(0) win 32792 <mss 1000,sackOK , nop,nop> /* c */ +0~+.5 > .5 1:1(0) ack 1 <...>\n"
        "1...2 read(3,...,0x10) = -1 EAGAIN (Resource temporarily unavailable)  %{ x }%"
    )
    printed = (
        "--mtu=1500\n--strict_segments\n`init\n second line`\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
        "+0.1 < [ect0] S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop>\n+0~+0.5 > .5 1:1(0) ack 1 <...>\n"
        "1...2 read(3, ..., 0x10) = -1 EAGAIN (Resource temporarily unavailable)\n"
    )
    assert print_script(read(text.removesuffix("%{ x }%"))) == printed


@pytest.mark.parametrize("code", ["x", "", "\nx\n", "a }}% b", "{} }", "x\n "])
def test_code_keeps_its_lines(code: str) -> None:
    script = read(f"0 %{{ {code} }}%")
    assert again(script) == script
    assert print_script(read("0 %{\nassert a\n}%")) == "0 %{\nassert a\n}%\n"


def test_short_cookies_do_not_become_keywords() -> None:
    for cookie in ("CE", "FD", "EF", "AF11"):
        script = read(f"0 > S 0:0(0) <FO {cookie}{',nop' * (2 - len(cookie) // 2)}>")
        assert again(script) == script


def test_words_that_came_from_definitions_are_written_as_such() -> None:
    script = read('--define=A=B\n--define="B=C"\n--define="N=a-b"\n`true`\n0 f(A, B, N) = 0')
    assert print_script(script).endswith("0 f(A, C, N) = 0\n")
    assert again(script) == script


def test_values_of_the_command_line_are_printed_as_they_were_read() -> None:
    script = read("0 `true`\n0 f(LEVEL, COUNT) = 0", "-DLEVEL=SOL_IP", "-DCOUNT=0x10")
    assert print_script(script).endswith("0 f(SOL_IP, 16) = 0\n")


def test_a_single_event_can_be_printed() -> None:
    event = Event(EventTime(TimeKind.RELATIVE, 100_000), packet("> icmp echo_reply id 5"))
    assert isinstance(event.action, PacketEvent)
    assert print_event(event) == "+0.1 > icmp echo_reply id 5"
