"""Traps that are visible in the text: quotes, comments, code marks, numbers, definitions, option lines."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation

from packetdrill_compat.ast import OptionLine, Script
from packetdrill_compat.lint.finding import Finding
from packetdrill_compat.scanner import Scanner, Token

_BLOCK_COMMENT = re.compile(r"/\*(?:[^*]|\*[^/])*+\*+/", re.DOTALL)
# What every runner of scripts gives on the command line (section 7.4).
_OF_RUNNERS = frozenset({"ip_version", "local_ip", "remote_ip", "gateway_ip", "netmask_ip", "mtu"})
_NON_FATAL_WORDS = frozenset({"packet", "syscall"})


def text_findings(script: Script, tokens: Sequence[Token], scanner: Scanner) -> Iterator[Finding]:
    """Yield what is wrong with the text of a script; `tokens` are those of `scanner`."""
    end = 0
    for token in tokens:
        yield from _comments(script.source[end : token.offset], end, scanner)
        yield from _token(token, scanner)
        end = token.offset + len(token.text)
    for line in script.options:
        yield from _option(line, script)


def _comments(gap: str, start: int, scanner: Scanner) -> Iterator[Finding]:
    for match in _BLOCK_COMMENT.finditer(gap):
        inner = match[0][2:-2].find("*/")
        if inner >= 0:
            yield Finding(
                scanner.position(start + match.start() + inner + 2),
                "this */ does not end the comment, because an even number of stars stands in front of the slash",
                "write an odd number of stars: ***/ or */",
            )


def _token(token: Token, scanner: Scanner) -> Iterator[Finding]:
    position = scanner.position(token.offset)
    if token.type in ("STRING", "BACK_QUOTED"):
        quote = token.text[0]
        if "\\" + quote in token.text[1:-1]:
            what = "string" if token.type == "STRING" else "command"
            yield Finding(
                position,
                f"this {what} goes on behind \\{quote}: a quote behind a backslash ends it only if no later one does",
                f"do not write a backslash in front of a closing {quote}",
            )
    if token.type == "STRING" and re.search(r'\\[\\"]', token.text[1:-1]):
        yield Finding(position, 'in strings \\\\ and \\" both become a form feed (0x0c)', r"write the octet as \xHH")
    if token.type == "CODE" and "}}%" in token.text[:-2]:
        yield Finding(position, "}}% does not end a code block", "write a blank between the braces: } }%")
    if token.type == "FLOAT":
        yield from _number(token, scanner)


def _number(token: Token, scanner: Scanner) -> Iterator[Finding]:
    """Seconds become microseconds as double times 10**6, cut off."""
    try:
        exact = Decimal(token.text) * 1_000_000
    except InvalidOperation:
        return
    cut = int(float(token.text) * 1e6)
    if exact != cut:
        yield Finding(
            scanner.position(token.offset),
            f"{token.text} seconds are played as {cut} us: times are cut off to whole microseconds, not rounded",
            "write whole microseconds; a last digit more (such as 5 behind the sixth) keeps a time from falling short",
        )


def _option(line: OptionLine, script: Script) -> Iterator[Finding]:
    name, value = line.name, line.value or ""
    if name == "define":
        yield from _definition(line, value)
    if name in _OF_RUNNERS:
        yield Finding(
            line.position,
            f"--{name} of a command line wins over this line, and runners of scripts give one",
            "say in the script's first comment that it needs this value",
            is_note=True,
        )
    if name == "non_fatal":
        words = set(re.split(r"[, ]+", value)) - {""}
        if script.dialect != "nplab" and "syscall" in words:
            yield Finding(line.position, "--non_fatal=syscall has no effect", "correct the calls that may fail")
        for word in sorted(words - _NON_FATAL_WORDS):
            yield Finding(line.position, f"'{word}' in --non_fatal is ignored", "write packet")
    if name == "code_sockopt" and value:
        yield Finding(line.position, "--code_sockopt has no effect: all three are always asked", "leave it out")


def _definition(line: OptionLine, value: str) -> Iterator[Finding]:
    symbol, _equals, text = value.partition("=")
    if re.fullmatch(r"0[0-7]+", text):
        yield Finding(
            line.position,
            f"the value of {symbol} is read as octal: {text} is {int(text, 8)}",
            f"write {text.lstrip('0') or '0'}",
        )
