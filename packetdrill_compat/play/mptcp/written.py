"""The parts of a written MPTCP option."""

import re
from dataclasses import dataclass

from packetdrill_compat.ast import MptcpOption

Part = str | int | None
MISSING = object()

_FLAGS = {f"flag_{letter}": 0x80 >> place for place, letter in enumerate("abcdefgh")}
_VERSIONS = {"v0": 0, "v1": 1, "none": 1}
_FUNCTION = re.compile(r"(\w+)\(([^)]*)\)(?:\+([0-9]+))?")
_VARIABLE = re.compile(r"(\w+)?(?:=(-?[0-9]+))?(?:\+([0-9]+))?")
_ADDRESS = re.compile(r'(\w+)(?:=inet6?_addr\("([^"]+)"\))?')


@dataclass(frozen=True, slots=True)
class Function:
    """``name(arguments)+plus``."""

    name: str
    arguments: tuple[str, ...]
    plus: int = 0


@dataclass(frozen=True, slots=True)
class Variable:
    """``name``, ``name=value`` and ``name+plus``; the name may be missing."""

    name: str
    value: int | None = None
    plus: int = 0


class Written:
    """A written option by the names of its parts."""

    def __init__(self, option: MptcpOption) -> None:
        self.word = option.word
        self.parts = dict(option.parts)
        self._all = option.parts

    def has(self, name: str) -> bool:
        """Tell whether a part is written, with or without a value."""
        return name in self.parts

    def number(self, name: str) -> int | None:
        """The number of a part; None when it is not written, has no number, or the number -1 that stands for that."""
        value = self.parts.get(name)
        return value if isinstance(value, int) and value != -1 else None

    def function(self, name: str) -> Function | None:
        """The function of a part, None when it has none."""
        found = _FUNCTION.fullmatch(str(self.parts.get(name)))
        if found is None:
            return None
        return Function(found[1], tuple(found[2].split()), int(found[3] or 0))

    @property
    def version(self) -> int:
        """The version of an mpcapable; the older words are of version 0."""
        return _VERSIONS[str(self.parts["version"])] if self.word == "mpcapable" else 0

    @property
    def flags(self) -> int:
        """The flag octet of an mpcapable, mp_capable or mp_capable_no_cs."""
        value = self.parts.get("flags")
        if isinstance(value, int):
            return value
        if value is not None:
            return sum(_FLAGS.get(word, 0) for word in set(value.split(",")))
        if self.has("no_flags"):
            return 0
        written = sum(bit for word, bit in _FLAGS.items() if self.has(word))
        return written or (0x01 if self.word == "mp_capable_no_cs" else 0x81)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The key variables in their order."""
        texts = [text for name, value in self._all if name == "key" for text in str(value).split(",")]
        found = [match for text in texts if (match := _VARIABLE.fullmatch(text))]
        return tuple(Variable(m[1] or "", None if m[2] is None else int(m[2]), int(m[3] or 0)) for m in found)

    @property
    def address(self) -> tuple[str, str | None]:
        """Name and, when it is written, value of the address variable."""
        found = _ADDRESS.fullmatch(str(self.parts["addr"]))
        assert found is not None
        return found[1], found[2]

    @property
    def address_ids(self) -> tuple[int, ...]:
        """The identifiers of a remove_address."""
        return tuple(int(text) for text in str(self.parts["address_id"]).strip("[]").split(","))

    def with_checksum(self) -> bool:
        """Tell whether a mapping has a checksum."""
        return not self.has("nocs") and self.parts.get("cksum", MISSING) != 0
