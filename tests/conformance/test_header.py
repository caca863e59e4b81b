import pytest

from packetdrill_compat.errors import ScriptError
from packetdrill_compat.header import Header, parse_duration, read_header
from targets import base


def test_a_script_without_lines_of_ours_runs_everywhere() -> None:
    assert read_header("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n", "a.pkt") == Header()


def test_all_lines_are_read_wherever_they_stand() -> None:
    text = """// A reset closes the connection.
//: requirement RFC9293-MUST-1 RFC9293-MUST-2
//:requirement RFC9293-MUST-3
//: targets linux fast-open
//: level SHOULD NOT
//: expect info
//: variants ipv6 ipv4
//: dialect nplab
//: time-limit 90s
//: slow
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
   //: check
+0 close(3) = 0
"""
    assert read_header(text, "a.pkt") == Header(
        requirements=("RFC9293-MUST-1", "RFC9293-MUST-2", "RFC9293-MUST-3"),
        systems=("linux",),
        capabilities=frozenset({base.FAST_OPEN}),
        level="SHOULD NOT",
        expect="info",
        variants=("ipv4", "ipv6"),
        dialect="nplab",
        time_limit=90_000_000,
        is_slow=True,
        checked_from=12,
        title="A reset closes the connection.",
    )


def test_targets_all_is_what_is_meant_without_the_line() -> None:
    header = read_header("//: targets all\n", "a.pkt")
    assert (header.systems, header.capabilities) == ((), frozenset())


def test_the_title_is_the_first_comment_up_to_an_empty_comment_line() -> None:
    text = "\n// A window of zero\n// stops the sender.\n//\n// Much more about it.\n//: slow\n"
    assert read_header(text, "a.pkt").title == "A window of zero stops the sender."


def test_a_copyright_in_another_comment_form_is_no_title() -> None:
    assert read_header("/* Licence. */\n// Later words.\n", "a.pkt").title == ""


@pytest.mark.parametrize(
    ("name", "variants"),
    [
        ("reset.pkt", ("ipv4", "ipv6", "ipv4-mapped-ipv6")),
        ("reset-v6.pkt", ("ipv6",)),
        ("icmpv6.pkt", ("ipv6",)),
        ("reset-v4.pkt", ("ipv4", "ipv4-mapped-ipv6")),
    ],
    ids=["plain", "v6", "v6 without dash", "v4"],
)
def test_the_file_name_limits_the_variants(name: str, variants: tuple[str, ...]) -> None:
    # Language specification, section 7.4: the conventions of packetdrill's own runner.
    assert read_header("", f"some/{name}").variants == variants


def test_an_ip_version_line_of_the_script_leaves_only_that_variant() -> None:
    assert read_header("// x\n--ip_version=ipv4-mapped-ipv6\n", "a.pkt").variants == ("ipv4-mapped-ipv6",)
    assert read_header("--mtu=1400 --ip_version=ipv6\n", "a.pkt").variants == ("ipv6",)


def test_an_ip_version_in_a_comment_means_nothing() -> None:
    assert len(read_header("// needs --ip_version=ipv6\n", "a.pkt").variants) == 3


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        ("//: requirment RFC9293-MUST-1", 5, "unknown key 'requirment'"),
        ("  //:  targets  lunix", 17, "unknown target or capability 'lunix'"),
        ("//: targets all linux", 13, "'all' contradicts 'linux'"),
        ("//: level OUGHT", 11, "'OUGHT' is none of MUST"),
        ("//: variants ipv5", 14, "'ipv5' is none of ipv4"),
        ("//: dialect klingon", 13, "'klingon' is none of google"),
        ("//: expect pass", 12, "'pass' is none of info"),
        ("//: time-limit soon", 16, "'soon' is no time"),
        ("//: time-limit 0s", 16, "'0s' is no time"),
        ("//: slow yes", 10, "'slow' takes no value"),
        ("//: requirement", 16, "'requirement' takes a value"),
        ("//:", 4, "unknown key ''"),
    ],
)
def test_a_line_without_meaning_is_an_error_with_line_and_column(line: str, column: int, message: str) -> None:
    with pytest.raises(ScriptError) as caught:
        read_header(f"// title\n{line}\n", "dir/a.pkt")
    assert str(caught.value).startswith(f"dir/a.pkt:2:{column}: {message}")
    assert f"\n    {line}\n" in str(caught.value)


def test_a_key_that_stands_twice_is_an_error() -> None:
    with pytest.raises(ScriptError, match=r"a\.pkt:2:5: 'level' stands twice"):
        read_header("//: level MUST\n//: level MAY\n", "a.pkt")


@pytest.mark.parametrize(
    ("text", "micros"), [("10s", 10_000_000), ("1.5", 1_500_000), ("500ms", 500_000), ("2 m", 120_000_000), ("x", None)]
)
def test_times_are_written_with_their_unit(text: str, micros: int | None) -> None:
    assert parse_duration(text) == micros
