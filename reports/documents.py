"""Titles and addresses of the documents that requirement ids point to."""

import re
from dataclasses import dataclass

# The section number behind the RFC number; an id such as RFC9293-MUST-1 has none.
_RFC_ID = re.compile(r"RFC(\d+)-(\d+(?:\.\d+)*(?=-|$))?")


@dataclass(frozen=True, slots=True)
class Document:
    """A document under test; `url` is empty when it has no stable address."""

    title: str
    url: str = ""


_DOCUMENTS = {
    "LINUX-TCP7": Document("Linux tcp(7)", "https://man7.org/linux/man-pages/man7/tcp.7.html"),
    "DFLY-TCP4": Document("DragonFly BSD tcp(4)", "https://man.dragonflybsd.org/?command=tcp&section=4"),
    "LINUX-SEND": Document("The send of Linux"),
    "BUSYBOX-TCP": Document("BusyBox TCP notes", "https://git.busybox.net/busybox/tree/docs/tcp.txt"),
}

# Group words of the ids of documents without section numbers, as the documents head them.
_GROUPS = {
    "ADDR": "Address formats",
    "BUF": "Buffer sizes",
    "BUGS": "Bugs",
    "CLOSE": "Closing",
    "COMB": "Combinations",
    "CONN": "Connections",
    "ERR": "Errors",
    "FEAT": "Features",
    "GEN": "Description",
    "HIST": "History",
    "HPE": "High-performance extensions",
    "INST": "Installation",
    "INTRO": "Description",
    "IOCTL": "Ioctls",
    "KEEP": "Keepalive",
    "LEVEL": "Option levels",
    "LINGER": "SO_LINGER",
    "NAGLE": "Nagle",
    "OOB": "Out-of-band data",
    "READ": "Reading",
    "REF": "References",
    "REL": "Reliability",
    "SHUT": "shutdown()",
    "SNDBUF": "SO_SNDBUF",
    "SOCKOPT": "Socket options",
    "SRCROUTE": "Source routes",
    "SYSCTL": "Sysctls",
    "SYSGEN": "Sysctls",
    "TCP_KEEPCNT": "Socket options",
    "TCP_KEEPIDLE": "Socket options",
    "TCP_KEEPINIT": "Socket options",
    "TCP_KEEPINTVL": "Socket options",
    "TCP_MAXSEG": "Socket options",
    "TCP_NODELAY": "Socket options",
    "TCP_NOOPT": "Socket options",
    "TCP_NOPUSH": "Socket options",
    "TRUNC": "MSG_TRUNC",
    "URG": "Urgent data",
    "VER": "Versions",
    "WMEM": "Write memory",
}


def document_of(requirement_id: str) -> Document:
    """Return the document of an id such as ``RFC9293-MUST-1`` or ``LINUX-TCP7-ADDR-2``.

    An id of no known form counts as a document of its own, named by its first word.
    """
    match = _RFC_ID.match(requirement_id)
    if match:
        return Document(f"RFC {match[1]}", f"https://www.rfc-editor.org/rfc/rfc{match[1]}")
    for prefix, document in _DOCUMENTS.items():
        if requirement_id.startswith(prefix + "-"):
            return document
    return Document(requirement_id.split("-", 1)[0] or "No requirement")


def section_of(requirement_id: str, section: str = "") -> str:
    """Return how a report heads the section of a requirement.

    RFCs go by section number, from `section` or else from the id. The other documents have no numbers: they go by the
    group word of the id.
    """
    if _RFC_ID.match(requirement_id):
        number = section or _rfc_section(requirement_id)
        return f"Section {number}" if number else "General"
    for prefix in _DOCUMENTS:
        if requirement_id.startswith(prefix + "-"):
            group = requirement_id[len(prefix) + 1 :].split("-", 1)[0]
            return _GROUPS.get(group, group)
    return section or "General"


def section_url(requirement_id: str, section: str = "") -> str:
    """Return the address of the section (RFC Editor's anchors), else that of the document, else nothing."""
    url = document_of(requirement_id).url
    number = section or _rfc_section(requirement_id)
    if url and number[:1].isdigit() and _RFC_ID.match(requirement_id):
        return f"{url}#section-{number}"
    return url


def _rfc_section(requirement_id: str) -> str:
    match = _RFC_ID.match(requirement_id)
    return (match[2] or "") if match else ""
