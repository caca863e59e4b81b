"""kldstat(8), kldload(8) and setkey(8) of FreeBSD, as far as TCP-MD5 needs them."""

import re
from typing import TYPE_CHECKING

from reference_stack.host.errnos import NotModelled
from reference_stack.host.routes import canonical
from reference_stack.host.shell.streams import Done, Stream, failed

if TYPE_CHECKING:
    from reference_stack.host.shell.run import Shell

_ADD = re.compile(
    r"""add\s+(?P<src>\S+)\s+(?P<dst>\S+)\s+tcp\s+\S+\s+-A\s+tcp-md5\s+(?P<secret>"[^"]*"|0x[0-9a-fA-F]+)$"""
)


def kernel_module(_shell: "Shell", words: list[str], _stdin: Stream) -> Done:
    """kldstat(8) ``-q -m NAME`` and kldload(8): the one module for signatures is always there."""
    if words[-1] != "tcpmd5":
        raise NotModelled(" ".join(words))
    return Done()


def setkey(shell: "Shell", words: list[str], stdin: Stream) -> Done:
    """setkey(8): ``-F`` forgets every secret, ``-c`` reads ``add SRC DST tcp SPI -A tcp-md5 SECRET ;``."""
    if words[1:] == ["-F"]:
        shell.associations.clear()
        return Done()
    if words[1:] != ["-c"]:
        raise NotModelled(" ".join(words))
    for statement in filter(None, (" ".join(each.split()) for each in stdin.text.split(";"))):
        found = _ADD.match(statement)
        if found is None:
            return failed(1, f"line 1: syntax error at [{statement.split()[0]}]\n")
        secret = found["secret"]
        octets = bytes.fromhex(secret[2:]) if secret.startswith("0x") else secret.strip('"').encode()
        shell.associations[canonical(found["src"]), canonical(found["dst"])] = octets
    return Done()
