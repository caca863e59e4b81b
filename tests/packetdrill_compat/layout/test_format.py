"""``tcprove fmt`` changes white space and nothing else: tokens, comments and meaning stay."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from packetdrill_compat.cli import main
from packetdrill_compat.layout.formatter import format_script
from packetdrill_compat.reader import parse_text
from packetdrill_compat.variants import variant_config
from tests.bad_input.test_mutated_scripts import BASES

CONFIG = variant_config("ipv4")

UGLY = """\


// What it is about
//: targets linux

--tolerance_usecs=5000     // why
--mss=1000
`echo hi
 there`   /* behind */


0   socket(...,SOCK_STREAM,   IPPROTO_TCP)=3 // trailing
+0.0  bind(3, ...,
   ...) = 0
+0  listen(3, 010) = 0 +.1 < S 0:0(0) win   65535 <mss 1460,   nop,nop,sackOK>
/* block
   over lines */
+0  > S. 0:0(0)   ack 1 <...>
+0  setsockopt(3, /* inside */ SOL_TCP,  TCP_FASTOPEN, [1], 4) = 0
+.1 < . 1:1(0) ack 1 win 65535 <FO TFO_COOKIE, nop, nop>
+0  accept(3, ..., ...) = -1 EAGAIN (Resource temporarily   unavailable)
+.1 < icmp unreachable CODE [1:1(0)]
+0 %{ assert x
}%


`cleanup`
// last one
"""
NEAT = """\
// What it is about
//: targets linux

--tolerance_usecs=5000  // why
--mss=1000
`echo hi
 there`  /* behind */

0    socket(..., SOCK_STREAM, IPPROTO_TCP) = 3  // trailing
+0.0 bind(3, ..., ...) = 0
+0   listen(3, 010) = 0
+.1  < S 0:0(0) win 65535 <mss 1460,nop,nop,sackOK>
/* block
   over lines */
+0   > S. 0:0(0) ack 1 <...>
+0   setsockopt(3, /* inside */ SOL_TCP,  TCP_FASTOPEN, [1], 4) = 0
+.1  < . 1:1(0) ack 1 win 65535 <FO TFO_COOKIE,nop,nop>
+0   accept(3, ..., ...) = -1 EAGAIN (Resource temporarily unavailable)
+.1  < icmp unreachable CODE [1:1(0)]
+0   %{ assert x
}%

`cleanup`
// last one
"""


def neat(text: str, dialect: str = "google") -> str:
    return format_script("a.pkt", text, dialect=dialect, config=CONFIG)


def test_one_event_a_line_times_and_actions_under_each_other_comments_where_they_were() -> None:
    assert neat(UGLY) == NEAT


def test_a_neat_script_stays_as_it_is() -> None:
    assert neat(NEAT) == NEAT


def test_conditional_text_of_nplab_stays() -> None:
    text = "#ifdef FreeBSD\n0 `false`\n#endif\n0   `true`\n+0 `a`\n#ifdef Nothing\n+1   `b`\n#endif\n+2   `c`\n"
    result = neat(text, "nplab")
    assert "#ifdef FreeBSD\n0 `false`\n#endif\n0  `true`\n" in result
    assert "+0 `a`\n#ifdef Nothing\n+1   `b`\n#endif\n+2 `c`\n" in result


_BLANKS = st.sampled_from(
    [" ", "  ", "\n", "\t", "\n\n\n", " // c\n", " /* c */ ", "\n// own line\n", "\n/* two\nlines */\n"]
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(base=st.sampled_from(BASES), data=st.data())
def test_scripts_with_comments_and_blanks_anywhere_keep_their_meaning(base: str, data: st.DataObject) -> None:
    lines = [line for line in base.split("\n") if line]
    text = "".join(data.draw(_BLANKS) + line + "\n" for line in lines) + data.draw(
        st.sampled_from(["", "// end\n", "\n\n"])
    )
    words = text.split(" ")
    at = data.draw(st.integers(0, len(words) - 1))
    text = " ".join(
        [*words[:at], *([words[at]] if data.draw(st.booleans()) else ["/* x */", words[at]]), *words[at + 1 :]]
    )
    try:
        want = parse_text(text, config=CONFIG)
    except Exception:  # the comment fell into a word, a command or a string
        return
    once = neat(text)
    assert parse_text(once, config=CONFIG) == want
    assert neat(once) == once


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("it.pkt").write_text(UGLY)
    return Path("it.pkt")


def test_the_command_prints_the_script_and_leaves_the_file(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "it.pkt"]) == 0
    assert capsys.readouterr().out == NEAT
    assert script.read_text() == UGLY


def test_check_and_diff_say_what_would_change(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--check", "it.pkt"]) == 1
    assert capsys.readouterr().err == "it.pkt: not in canonical layout: tcprove fmt --write it.pkt\n"
    assert main(["fmt", "--diff", "it.pkt"]) == 1
    assert "+0    socket(..., SOCK_STREAM, IPPROTO_TCP) = 3  // trailing\n" in capsys.readouterr().out
    assert script.read_text() == UGLY
    script.write_text(NEAT)
    assert main(["fmt", "--check", "--diff", "it.pkt"]) == 0
    assert capsys.readouterr().out == ""


def test_write_changes_the_file(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--write", "it.pkt"]) == 0
    assert capsys.readouterr().out == ""
    assert script.read_text() == NEAT


def test_a_script_that_cannot_be_read_is_left_alone(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script.write_text("0 nonsense\n")
    assert main(["fmt", "--write", "it.pkt"]) == 1
    assert capsys.readouterr().err.startswith("it.pkt:2:")
    assert script.read_text() == "0 nonsense\n"
