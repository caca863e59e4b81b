"""Files that are no scripts: one clear error each, never a traceback."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packetdrill_compat.ast import Command, Script, String
from packetdrill_compat.errors import ScriptError, UnsupportedScript
from packetdrill_compat.reader import load, parse_text
from tests.packetdrill_compat.reading.helpers import refused


def error_of(path: Path | str) -> ScriptError:
    with pytest.raises(ScriptError) as caught:
        load(str(path))
    return caught.value


def test_a_good_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "good.pkt"
    path.write_text("0 `true`\n")
    script, config = load(str(path))
    assert (script.path, script.source, script.dialect) == (str(path), "0 `true`\n", "google")
    assert (config.local_ip, config.remote_ip, config.remote_prefix_length) == ("192.168.0.1", "192.0.2.1", 24)


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "missing.pkt"
    # Section 8: the shape of the message.
    assert error_of(path).message == f"parse error: stat() of script file '{path}': No such file or directory"


def test_an_unreadable_path(tmp_path: Path) -> None:
    assert "is no file" in error_of(tmp_path).message
    assert "is no file" in error_of("/dev/zero").message
    assert "null" in error_of("a\0b").message


@pytest.mark.parametrize(
    "octets",
    [b"", b"\n\n", b"\x7fELF\x02\x01\x01\0\0\0", b"\xff\xfe0\0 \0", b"0 `true`\r\n1 `true`\r\n", b"0 > S 0:0(0) <mss"],
)
def test_empty_binary_and_truncated_files(tmp_path: Path, octets: bytes) -> None:
    path = tmp_path / "bad.pkt"
    path.write_bytes(octets)
    error = error_of(path)
    assert str(error).startswith(f"{path}:")
    assert "parse error" in error.message
    assert error.position


def test_a_nul_is_refused_wherever_it_stands() -> None:
    error = refused("0 `true`\n// a\0b\n")
    assert error.message == "parse error: the script contains a NUL character"
    assert error.position
    assert (error.position.line, error.position.column) == (2, 5)


def test_octets_that_are_no_utf_8_come_through_in_quoted_text(tmp_path: Path) -> None:
    path = tmp_path / "latin.pkt"
    path.write_bytes(b"// caf\xe9\n0 `echo caf\xe9`\n")
    action = load(str(path))[0].events[0].action
    assert isinstance(action, Command)
    assert action.text.encode("utf-8", "surrogateescape") == b"echo caf\xe9"
    path.write_bytes(b"0 `true` caf\xe9\n")
    assert str(error_of(path))


def test_an_unknown_dialect_is_a_script_error() -> None:
    assert refused("0 `true`", dialect="klingon").next_step == "choose one of google, nplab, mptcp"


def test_sctp_is_refused_by_name() -> None:
    for text in ("0 socket(..., SOCK_STREAM, IPPROTO_SCTP) = 3", "0 < sctp: INIT[]", "0 sctp_bindx(3) = 0"):
        error = refused(text, dialect="nplab")
        assert isinstance(error, UnsupportedScript)
        assert error.message == "SCTP is not supported"


def test_numbers_and_nesting_beyond_all_measure() -> None:
    digits = "9" * 10_000
    parse_text(f"{digits} `true`")
    parse_text(f"{digits}.{digits} `true`")
    for text in (
        f"0 > . {digits}:1(0)",
        f"0 < icmp type_{digits}",
        f"--mtu={digits}{digits}\n0 <",
        f"0 > S{digits} 1:1(0)",
    ):
        assert refused(text).message
    parse_text(f"0 f({'[' * 500}{']' * 500}) = 0")


def read_or_error(text: str, dialect: str) -> Script | str:
    try:
        return parse_text(text, dialect=dialect)
    except ScriptError as error:
        return str(error)


@given(st.text(max_size=60), st.sampled_from(["google", "nplab", "mptcp"]))
def test_any_text_is_a_script_or_a_script_error(text: str, dialect: str) -> None:
    assert read_or_error(text, dialect)


PIECES = (
    *"0 +0 * < > . S. 1:1(0) ack 1 win 5 nop mss , [ ] ( ) { } = | ... % # / : ~ ! f fd icmp udp gre mpls".split(),  # noqa: SIM905
    *"ipv4 192.0.2.1 ::1 --mtu=1 0x5 1.5 -1 TS val ecr sack ect0 tos flowlabel ttl #ifdef #endif dss".split(),  # noqa: SIM905
    *"addr[a] `b` %{c}% E (note) raw msg_name sa_family label tc flags sum".split(),  # noqa: SIM905
    *('"', "`", "\\", "\n", "\r", '"a"'),
)


@given(st.lists(st.sampled_from(PIECES), max_size=25), st.sampled_from(["google", "nplab", "mptcp"]))
def test_any_sequence_of_tokens_is_a_script_or_a_script_error(words: list[str], dialect: str) -> None:
    assert read_or_error(" ".join(words), dialect)


def test_strings_keep_their_escapes() -> None:
    action = parse_text(r'0 f("a\n\\") = 0').events[0].action
    assert String((r"a\n\\",)) in getattr(action, "arguments", ())
