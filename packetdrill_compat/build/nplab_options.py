"""TCP options of the nplab dialect."""

from packetdrill_compat.ast import Md5Valid, PlainOption, RawOption, ScriptOption, TimestampPattern
from packetdrill_compat.build.base import U8, U16, U32, Parts, integer
from packetdrill_compat.build.lengths import check_options_length
from packetdrill_compat.build.tcp_options import TcpOptionBuilder, from_hex
from packetdrill_compat.numbers import decimal
from packetdrill_compat.scanner import Token
from wire.options import AccEcn

_EXPERIMENT_KIND = 254  # RFC 4727
# Experiment identifiers of the IANA registry: AccECN in the two orders, and TCP ACK rate request.
_ACCECN_IDS = {"exp-AccECN0": 0xACC0, "exp-AccECN1": 0xACC1}
_TARR_ID = 0x00AC
_MAX_OPTIONS = 40
_U24 = 0xFFFFFF


class NplabOptionBuilder(TcpOptionBuilder):
    """Options that only this dialect has, or writes in another way."""

    cookie_limit_words = "maximum length"

    def blob_text(self, token: Token) -> str:
        """The digits as they stand in the file, whatever the word is defined as."""
        return token.text

    def raw_options(self, parts: Parts) -> tuple[ScriptOption, ...]:
        """``<HEX>``: the whole option area."""
        start, token = parts
        data = self._data(token, "TCP options", _MAX_OPTIONS)
        option = RawOption(data, position=self.position(token))
        message = check_options_length((option,))
        if message:
            self.fail(message, start)
        return (option,)

    def _data(self, token: Token, what: str, limit: int) -> bytes:
        digits = self.blob_text(token)
        if len(digits) % 2:
            verb = "have" if what.endswith("s") else "has"
            self.fail(f"{what} {verb} an odd number of digits", token)
        if len(digits) // 2 > limit:
            self.fail(f"{what} of {len(digits) // 2} bytes exceeds maximum length of {limit} bytes", token)
        data = from_hex(digits)
        if data is None:
            verb = "are" if what.endswith("s") else "is"
            self.fail(f"{what} {verb} not a valid hex string", token)
        return data

    def timestamps(self, parts: Parts) -> ScriptOption:
        """``TS val N ecr N``, or ``TS val ... ecr N``."""
        word, val, ecr = parts
        if val.type != "ELLIPSIS":
            return super().timestamps(parts)
        return TimestampPattern(None, self._ecr(ecr), position=self.position(word))

    def absolute_timestamps(self, parts: Parts) -> ScriptOption:
        """``TS val N ecr N!``."""
        word, val, ecr = parts
        value = None if val.type == "ELLIPSIS" else self.ranged(val, U32, "ts val out of range")
        return TimestampPattern(value, self._ecr(ecr), ecr_absolute=True, position=self.position(word))

    def _ecr(self, token: Token) -> int:
        return self.ranged(token, U32, "ecr val out of range")

    def md5_valid(self, parts: Parts) -> ScriptOption:
        """``md5 valid``."""
        return Md5Valid(position=self.position(parts[0]))

    def generic_option(self, parts: Parts) -> ScriptOption:
        """``gen-KIND`` with the octets behind kind and length."""
        word, *blob = parts
        kind = decimal(word.text.partition("-")[2])
        if kind > U8:
            self.fail("TCP option kind out of range", word)
        data = self._data(blob[0], "TCP option data", 38) if blob else b""
        return self._raw(word, f"gen-{kind}", bytes((kind, len(data) + 2)) + data)

    def experiment_option(self, parts: Parts) -> ScriptOption:
        """``exp-HHHH`` with the octets behind the experiment identifier."""
        word, *blob = parts
        identifier = int(word.text.partition("-")[2], 16)
        if identifier > U16:
            self.fail("TCP ExID out of range", word)
        data = self._data(blob[0], "TCP option data", 36) if blob else b""
        return self._raw(word, f"exp-{identifier:04X}", _experiment(identifier, data))

    def ack_rate_request(self, parts: Parts) -> ScriptOption:
        """``exp-tarr`` with or without the requested rate."""
        word, *rate = parts
        data = b""
        if rate:
            data = bytes((self.ranged(rate[0], 127, "exp-tarr: r out of range") << 1,))
        return self._raw(word, "exp-tarr", _experiment(_TARR_ID, data))

    def counter(self, parts: Parts) -> Token:
        """``ee0b N`` and the like."""
        token: Token = parts[0]
        return token

    def accurate_ecn(self, parts: Parts) -> ScriptOption:
        """``AccECN0``, ``AccECN1`` and their experimental forms; counters may be missing from the end only."""
        word, *tokens = parts
        name = word.text.removeprefix("exp-")
        order = int(name[-1])
        written = [None if token is None or integer(token) == -1 else token for token in tokens]
        given = [token for token in written if token is not None]
        if written[: len(given)] != given:
            self.fail(f"{name}: illegal sequence", word)
        letters = ("EE1B", "ECEB", "EE0B") if order else ("EE0B", "ECEB", "EE1B")
        counters = [
            self.ranged(token, _U24, f"{name}: {letter} out of range")
            for token, letter in zip(given, letters, strict=False)
        ]
        if word.text == name:
            return PlainOption(AccEcn(order, tuple(counters)), position=self.position(word))
        data = b"".join(counter.to_bytes(3, "big") for counter in counters)
        return self._raw(word, word.text, _experiment(_ACCECN_IDS[word.text], data))

    def _raw(self, word: Token, spelling: str, data: bytes) -> ScriptOption:
        return RawOption(data, spelling, position=self.position(word))


def _experiment(identifier: int, data: bytes) -> bytes:
    return bytes((_EXPERIMENT_KIND, len(data) + 4)) + identifier.to_bytes(2, "big") + data
