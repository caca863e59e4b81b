"""What the host's own name says: packetdrill takes its default IP version from it."""

import socket


def first_ip_version() -> int:
    """Return 4 or 6: the family of the first address of the host's own name; 4 when it has none."""
    try:
        found = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)
    except OSError:
        return 4
    return 6 if found and found[0][0] == socket.AF_INET6 else 4
