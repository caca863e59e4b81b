"""The values of strings in expressions: escapes are resolved when an expression is evaluated.

Source: the language specification, section 1.1, "String escapes".
"""

from packetdrill_compat.errors import ScriptError

_FORM_FEED = b"\x0c"
# packetdrill gives a form feed for an escaped backslash and for an escaped quote. Scripts that pass with it rely on
# that, so equal verdicts need the same defect.
_ESCAPES = {
    "f": _FORM_FEED,
    "n": b"\n",
    "r": b"\r",
    "t": b"\t",
    "v": b"\x0b",
    "\\": _FORM_FEED,
    '"': _FORM_FEED,
}


def unescape(text: str) -> bytes:
    r"""Return the octets of a string as written between its quotes.

    Known escapes are ``\f \n \r \t \v`` and ``\xHH`` with exactly two hexadecimal digits; ``\\`` and ``\"`` give a form
    feed. NUL octets are kept. Raises `ScriptError` for any other escape.
    """
    if "\\" not in text:
        return _encode(text)
    pieces = []
    at = 0
    while (backslash := text.find("\\", at)) >= 0:
        pieces.append(_encode(text[at:backslash]))
        code = text[backslash + 1 : backslash + 2]
        if code == "x":
            pieces.append(_hexadecimal(text[backslash + 2 :]))
            at = backslash + 4
        elif code in _ESCAPES:
            pieces.append(_ESCAPES[code])
            at = backslash + 2
        else:
            raise ScriptError(f"unsupported escape code: '{code}'", next_step=r"write the octet as \xHH")
    pieces.append(_encode(text[at:]))
    return b"".join(pieces)


def _hexadecimal(rest: str) -> bytes:
    digits = rest[:2]
    try:
        if len(digits) == 2 and digits.isalnum():
            return bytes((int(digits, 16),))
    except ValueError:
        pass
    raise ScriptError(f"invalid hex escape (\\xhh): '\\x{rest}'", next_step=r"\x needs exactly two hexadecimal digits")


def _encode(text: str) -> bytes:
    # Script files are read with this error handler, so that octets which are no UTF-8 come through unchanged.
    return text.encode("utf-8", "surrogateescape")
