"""Builds TCP options."""

from packetdrill_compat.ast import PlainOption, ScriptOption
from packetdrill_compat.build.base import U8, U16, U32, BuilderBase, Parts
from packetdrill_compat.build.lengths import check_options_length
from packetdrill_compat.scanner import Token
from wire.options import (
    AccEcn,
    Eol,
    FastOpen,
    Md5,
    Mss,
    Nop,
    Sack,
    SackPermitted,
    TcpOption,
    Timestamps,
    WindowScale,
)

# The longest cookie is what kind, length and magic leave of the forty octets of an option area.
_MAX_COOKIE = 38
_MAX_EXPERIMENTAL_COOKIE = 36
_MAX_DIGEST = 16
_U24 = 0xFFFFFF


class TcpOptionBuilder(BuilderBase):
    """Rules of section 3.4."""

    cookie_limit_words = "maximum cookie length"

    def blob_text(self, token: Token) -> str:
        """Return the digits of a blob: for a number it is what stands in the file (section 1.2, second trap)."""
        return token.text if token.type == "INTEGER" else token.value

    def no_options(self, _: Parts) -> tuple[ScriptOption, ...]:
        """Nothing written: the packet has no options."""
        return ()

    def any_options(self, _: Parts) -> None:
        """``<...>``."""
        return

    def options(self, parts: Parts) -> tuple[ScriptOption, ...]:
        """``<…>``: lengths are checked for the whole list."""
        start, *options = parts
        result = tuple(options)
        message = check_options_length(result)
        if message:
            self.fail(message, start, next_step="write the padding out: nop or eol take one octet each")
        return result

    def _plain(self, token: Token, option: TcpOption) -> PlainOption:
        return PlainOption(option, position=self.position(token))

    def nop(self, parts: Parts) -> ScriptOption:
        """``nop``."""
        return self._plain(parts[0], Nop())

    def eol(self, parts: Parts) -> ScriptOption:
        """``eol``."""
        return self._plain(parts[0], Eol())

    def mss(self, parts: Parts) -> ScriptOption:
        """``mss N``."""
        return self._plain(parts[0], Mss(self.ranged(parts[1], U16, "mss value out of range")))

    def wscale(self, parts: Parts) -> ScriptOption:
        """``wscale N``."""
        return self._plain(parts[0], WindowScale(self.ranged(parts[1], U8, "window scale shift count out of range")))

    def sack_permitted(self, parts: Parts) -> ScriptOption:
        """``sackOK``."""
        return self._plain(parts[0], SackPermitted())

    def sack(self, parts: Parts) -> ScriptOption:
        """``sack a:b c:d …``."""
        word, *blocks = parts
        return self._plain(word, Sack(tuple(blocks)))

    def sack_block(self, parts: Parts) -> tuple[int, int]:
        """One block."""
        left, right = parts
        return (
            self.ranged(left, U32, "TCP SACK left sequence number out of range"),
            self.ranged(right, U32, "TCP SACK right sequence number out of range"),
        )

    def timestamps(self, parts: Parts) -> ScriptOption:
        """``TS val N ecr N``."""
        word, val, ecr = parts
        return self._plain(
            word,
            Timestamps(self.ranged(val, U32, "ts val out of range"), self.ranged(ecr, U32, "ecr val out of range")),
        )

    def fast_open(self, parts: Parts) -> ScriptOption:
        """``FO`` with or without cookie."""
        return self._plain(parts[0], FastOpen(self._cookie(parts[1:], _MAX_COOKIE)))

    def fast_open_experimental(self, parts: Parts) -> ScriptOption:
        """``FOEXP`` with or without cookie."""
        cookie = self._cookie(parts[1:], _MAX_EXPERIMENTAL_COOKIE)
        return self._plain(parts[0], FastOpen(cookie, experimental=True))

    def _cookie(self, parts: Parts, limit: int) -> bytes:
        if not parts:
            return b""
        token: Token = parts[0]
        digits = self.blob_text(token)
        if len(digits) % 2:
            self.fail("TCP fast open cookie has an odd number of digits", token)
        if len(digits) // 2 > limit:
            self.fail(
                f"TCP fast open cookie of {len(digits) // 2} bytes exceeds {self.cookie_limit_words} of {limit} bytes",
                token,
            )
        cookie = from_hex(digits)
        if cookie is None:
            self.fail(f"TCP fast open cookie '{digits}' is not a valid hex string", token, next_step=_BLOB_HELP)
        return cookie

    def md5(self, parts: Parts) -> ScriptOption:
        """``md5 HEX``."""
        word, token = parts
        digits = self.blob_text(token)
        if len(digits) // 2 > _MAX_DIGEST:
            self.fail("TCP MD5 digest longer than 16 bytes", token)
        digest = from_hex(digits)
        if digest is None:
            self.fail("TCP MD5 digest is not a valid hex string", token, next_step=_BLOB_HELP)
        return self._plain(word, Md5(digest))

    def accecn(self, parts: Parts) -> ScriptOption:
        """``ECN`` and one to three counters; the first one's name decides the order."""
        word, (order, *counters) = parts
        return self._plain(word, AccEcn(order, tuple(counters)))

    def accecn_e0b(self, parts: Parts) -> list[int]:
        """Counters that begin with e0b."""
        return [0, *self._counters(parts)]

    def accecn_e1b(self, parts: Parts) -> list[int]:
        """Counters that begin with e1b."""
        return [1, *self._counters(parts)]

    def _counters(self, parts: Parts) -> list[int]:
        return [self.ranged(token, _U24, "TCP AccECN field value out of range") for token in parts]


_BLOB_HELP = "write an even number of hexadecimal digits; a definition (-D) works only if it contains a letter"


def from_hex(digits: str) -> bytes | None:
    """Return the octets of hexadecimal digits, None when there is anything else."""
    if not digits.isalnum():  # bytes.fromhex would skip blanks
        return None if digits else b""
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return None
