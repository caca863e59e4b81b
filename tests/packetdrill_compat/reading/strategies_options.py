"""Hypothesis strategies for TCP options."""

from hypothesis import strategies as st

from packetdrill_compat.ast import Md5Valid, MptcpOption, PlainOption, RawOption, ScriptOption, TimestampPattern
from packetdrill_compat.build.lengths import options_length
from wire.options import AccEcn, Eol, FastOpen, Md5, Mss, Nop, Sack, SackPermitted, Timestamps, WindowScale

u8, u16, u32 = st.integers(0, 255), st.integers(0, 65535), st.integers(0, 2**32 - 1)
_NOP = PlainOption(Nop())
_COUNTERS = st.lists(st.integers(0, 0xFFFFFF), max_size=3).map(tuple)


def _plain(dialect: str) -> st.SearchStrategy[ScriptOption]:
    accecn = _COUNTERS if dialect == "nplab" else _COUNTERS.filter(bool)
    wire = [
        st.just(Eol()),
        st.just(Nop()),
        st.builds(Mss, u16),
        st.builds(WindowScale, u8),
        st.just(SackPermitted()),
        st.builds(Sack, st.lists(st.tuples(u32, u32), min_size=1, max_size=4).map(tuple)),
        st.builds(Timestamps, u32, u32),
        st.builds(Md5, st.binary(min_size=1, max_size=16)),
        st.builds(FastOpen, st.binary(max_size=18)),
        st.builds(FastOpen, st.binary(max_size=16), st.just(True)),
    ]
    if dialect != "mptcp":
        wire.append(st.builds(AccEcn, st.integers(0, 1), accecn))
    return st.one_of(wire).map(PlainOption)


def _nplab() -> st.SearchStrategy[ScriptOption]:
    def experiment(identifier: int, data: bytes, spelling: str) -> RawOption:
        return RawOption(bytes((254, len(data) + 4)) + identifier.to_bytes(2, "big") + data, spelling)

    data = st.binary(max_size=12)
    pattern = st.builds(TimestampPattern, st.none() | u32, u32, st.booleans())
    return st.one_of(
        # Without a difference to the plain option it would read back as that.
        pattern.filter(lambda option: option.val is None or option.ecr_absolute),
        st.just(Md5Valid()),
        st.builds(lambda kind, body: RawOption(bytes((kind, len(body) + 2)) + body, f"gen-{kind}"), u8, data),
        st.builds(lambda number, body: experiment(number, body, f"exp-{number:04X}"), u16, data),
        st.integers(0, 127).map(lambda rate: experiment(0xAC, bytes((rate << 1,)), "exp-tarr")),
        st.just(experiment(0xAC, b"", "exp-tarr")),
        st.builds(
            lambda order, counters: experiment(
                0xACC0 + order, b"".join(n.to_bytes(3, "big") for n in counters), f"exp-AccECN{order}"
            ),
            st.integers(0, 1),
            _COUNTERS,
        ),
    )


def _mptcp() -> st.SearchStrategy[ScriptOption]:
    """Some of the forms; `test_mptcp` has them all."""
    variables = st.sampled_from(["ckey", "ckey=5", "skey=-7"])

    def option(word: str, *parts: tuple[str, st.SearchStrategy[object] | None]) -> st.SearchStrategy[ScriptOption]:
        values = [st.none() if value is None else value for _, value in parts]
        names = [name for name, _ in parts]
        return st.tuples(*values).map(lambda drawn: MptcpOption(word, tuple(zip(names, drawn, strict=True))))

    return st.one_of(
        option("mpcapable", ("version", st.sampled_from(["v0", "v1", "none"])), ("flags", u8), ("nokey", None)),
        option("mpcapable", ("version", st.just("v1")), ("flags", st.just("flag_a,flag_h")), ("key", variables)),
        option("mpcapable", ("version", st.just("v1")), ("flags", u8), ("key", st.just("a,b")), ("mpcdatalen", u16)),
        option("mp_capable", ("key", variables), ("key", variables), ("flag_a", None), ("no_flags", None)),
        option("mp_capable_no_cs", ("key", variables)),
        option("mp_join_syn", ("backup", st.integers(0, 1)), ("address_id", u8), ("token", u32), ("rand", u32)),
        option("mp_join_syn", ("token", st.sampled_from(["auto", "sha1_32(k)", "sha256_32(k)"]))),
        option("mp_join_syn_ack", ("address_id", st.just("auto")), ("sender_hmac", st.just("trunc_l64_hmac(a b)"))),
        option("mp_join_ack", ("sender_hmac", st.sampled_from(["auto", "full_160_hmac(a b)"]))),
        option("dss", ("dack8", st.just("trunc_r64_hmac(k)+5")), ("fin", None)),
        option("dss", ("dack4", None), ("dsn8", u32), ("ssn", u32), ("dll", u16), ("nocs", None)),
        option("dss", ("dack4", u32), ("dsn4", None), ("ssn", u32), ("dll", u16), ("cksum", u16)),
        option("add_address", ("address_id", u8), ("addr", st.just("v")), ("port", u16), ("addr_echo", None)),
        option("add_address", ("addr", st.just('v=inet_addr("192.0.2.1")')), ("hmac", st.just("auto"))),
        option("remove_address", ("address_id", st.sampled_from(["[1]", "[1,2,255]"]))),
        option("mp_prio", ("backup", st.integers(0, 1)), ("address_id", u8)),
        option("mp_fail", ("dsn8", u32)),
        option("mp_fastclose", ("key", st.sampled_from(["k", "k=5", "k+6", "k=5+6", "+6"]))),
        option("mp_fastclose"),
        option("mp_reset", ("reason", u8), ("flags", st.just("flag_t"))),
        option("mp_reset", ("reason", u8)),
    )


def _options(dialect: str) -> st.SearchStrategy[ScriptOption]:
    plain = _plain(dialect)
    if dialect == "nplab":
        return plain | _nplab()
    return plain | _mptcp() if dialect == "mptcp" else plain


def _fitted(options: list[ScriptOption]) -> tuple[ScriptOption, ...]:
    """As many options as fit, padded with nops."""
    kept: list[ScriptOption] = []
    for option in options:
        if options_length((*kept, option)) <= 40:
            kept.append(option)
    return (*kept, *[_NOP] * (-options_length(tuple(kept)) % 4))


def option_lists(dialect: str) -> st.SearchStrategy[tuple[ScriptOption, ...]]:
    """Return a strategy for option lists that fit and are padded."""
    fitted = st.lists(_options(dialect), max_size=5).map(_fitted)
    if dialect != "nplab":
        return fitted
    area = st.binary(min_size=4, max_size=40).filter(lambda data: len(data) % 4 == 0)
    return fitted | area.map(lambda data: (RawOption(data),))
