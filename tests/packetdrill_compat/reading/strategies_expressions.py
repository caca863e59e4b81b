"""Hypothesis strategies for expressions."""

import functools

from hypothesis import strategies as st

from packetdrill_compat.ast import (
    BraceList,
    CallExpr,
    CmsgExpr,
    Ellipsis_,
    EpollEventExpr,
    Expression,
    ExtendedErrorExpr,
    GreEncap,
    GreExpr,
    Integer,
    IovecExpr,
    KeyValue,
    LingerExpr,
    ListExpr,
    MplsLabel,
    MplsStackExpr,
    MsgHdrExpr,
    Or,
    PollFdExpr,
    ScmTimestampExpr,
    SockAddrExpr,
    String,
    Word,
)
from packetdrill_compat.parser import dialect_parser

s64 = st.integers(-(2**63), 2**63 - 1)
u16, u32 = st.integers(0, 65535), st.integers(0, 2**32 - 1)
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"


@functools.cache
def words(dialect: str) -> st.SearchStrategy[str]:
    """Words that are no keywords."""
    keywords = dialect_parser(dialect).terminals.keywords
    free = st.text(_LETTERS + "0123456789", min_size=1, max_size=8)
    some = st.sampled_from(["SOCK_STREAM", "x1", "1abc", "_", "AF_INET", "S"])
    return (some | free.filter(lambda word: word[0] in _LETTERS)).filter(
        lambda word: word not in keywords and word not in {"ef", "le", "is"} and "sctp" not in word.lower()
    )


_PIECES = st.sampled_from(["a", " ", "\\n", '\\"', "\\x00", "\\\\x", "é", "`", "//", "/*", "{", "}%", "\n", "0"])
strings = st.lists(_PIECES, max_size=5).map("".join)
addresses_v4 = st.ip_addresses(v=4).map(lambda address: String((str(address),)))
addresses_v6 = st.ip_addresses(v=6).map(lambda address: String((str(address),)))
labels = st.builds(MplsLabel, st.integers(0, 0xFFFFF), st.integers(0, 7), st.booleans(), st.integers(0, 255))


def integers() -> st.SearchStrategy[Expression]:
    return st.builds(Integer, s64) | st.builds(Integer, st.integers(0, 2**64 - 1), st.just(True))


def _simple(dialect: str) -> st.SearchStrategy[Expression]:
    parts = st.lists(strings, min_size=1, max_size=1 if dialect == "nplab" else 3).map(tuple)
    shared = [
        integers(),
        st.builds(Word, words(dialect)),
        st.just(Ellipsis_()),
        st.builds(String, parts),
        st.builds(String, st.tuples(strings), st.just(True)),
        st.builds(CallExpr, st.just("inet_addr"), st.builds(String, st.tuples(strings))),
        st.builds(IovecExpr, s64),
        st.builds(SockAddrExpr, st.just("AF_INET"), s64, st.builds(CallExpr, st.just("inet_addr"), addresses_v4)),
        st.builds(SockAddrExpr, st.just("AF_INET6"), s64, st.builds(CallExpr, st.just("inet_addr"), addresses_v6)),
    ]
    return st.one_of([*shared, *(_nplab_simple() if dialect == "nplab" else _upstream_simple())])


def _upstream_simple() -> list[st.SearchStrategy[Expression]]:
    return [
        st.builds(CallExpr, st.just("inet6_addr"), addresses_v6),
        st.builds(LingerExpr, s64, s64),
        st.builds(ScmTimestampExpr, s64, s64),
        st.builds(MplsStackExpr, st.lists(labels, max_size=6).map(tuple)),
        st.builds(GreExpr, st.builds(GreEncap, u16, u16, u16, u32, u32)),
    ]


def _nplab_simple() -> list[st.SearchStrategy[Expression]]:
    s32 = st.none() | st.integers(-(2**31), 2**31 - 1)
    text = st.just(Ellipsis_()) | st.builds(String, st.tuples(strings))
    number = st.just(Ellipsis_()) | st.builds(Integer, u32)

    def member(key: str, value: st.SearchStrategy[Expression]) -> st.SearchStrategy[KeyValue]:
        return st.builds(KeyValue, st.just(key), value)

    def members(*values: st.SearchStrategy[KeyValue]) -> st.SearchStrategy[Expression]:
        return st.builds(BraceList, st.tuples(*values))

    return [
        st.builds(LingerExpr, s32, s32),
        st.builds(CallExpr, st.just("htonl"), st.builds(Integer, u32) | st.builds(Integer, u32, st.just(True))),
        st.just(Word("NULL")),
        members(member("af_name", text), member("af_arg", text)),
        members(member("function_set_name", text), member("pcbcnt", number)),
        members(member("enable", number), member("psk", st.builds(Word, words("nplab")))),
        members(
            member("trr_flags", st.builds(Word, words("nplab"))),
            member("trr_code", st.builds(Integer, u16)),
            member("trr_pen", st.builds(Integer, u32)),
        ),
    ]


def _compound(dialect: str, inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    lists = st.builds(ListExpr, st.lists(inner, max_size=3).map(tuple))
    operands = inner.filter(lambda node: not isinstance(node, Or | KeyValue))
    error = st.builds(ExtendedErrorExpr, inner, inner, inner, inner, inner, inner)
    shared = [
        lists,
        st.builds(Or, operands, inner),
        st.builds(PollFdExpr, inner, inner, inner),
        error,
    ]
    if dialect == "nplab":
        length = st.builds(Integer, st.integers(-(2**31), 2**31 - 1))
        levels = st.just(Ellipsis_()) | length
        return st.one_of(
            *shared,
            st.builds(MsgHdrExpr, s64, lists, inner, lists, s64),
            st.builds(CmsgExpr, levels, levels, error, length),
            st.builds(
                lambda count, value: BraceList(
                    (KeyValue("headers", value, count), KeyValue("trailers", ListExpr(()), count))
                ),
                s64,
                lists,
            ),
        )
    return st.one_of(
        *shared,
        st.builds(KeyValue, words(dialect), inner),
        # An ellipsis first and then something else would read as an iovec.
        st.builds(BraceList, st.lists(inner, min_size=1, max_size=3).map(tuple)).filter(
            lambda node: not (isinstance(node.items[0], Ellipsis_) and len(node.items) > 1)
        ),
        st.builds(MsgHdrExpr, s64, lists, inner, st.none() | lists),
        st.builds(CmsgExpr, inner, inner, inner),
        st.builds(EpollEventExpr, inner, st.sampled_from(["fd", "ptr", "u32", "u64"]), inner),
    )


@functools.cache
def expressions(dialect: str) -> st.SearchStrategy[Expression]:
    """Return a strategy for all expressions of a dialect."""
    return st.recursive(_simple(dialect), lambda inner: _compound(dialect, inner), max_leaves=6)
