"""Initial sequence numbers, timestamp offsets, flow labels and ephemeral ports: keyed hashes of the connection's name.

All come from one seed, so that a run can be repeated to the octet.
"""

from hashlib import blake2b

from reference_stack.connection import FourTuple
from reference_stack.host.values import Micros


class Secrets:
    """The keyed functions of one host. `seed` is the secret key; equal seeds give equal hosts."""

    def __init__(self, seed: int) -> None:
        self._key = blake2b(f"tcprove host {seed}".encode(), digest_size=32).digest()

    def hash32(self, purpose: str, *parts: object) -> int:
        """Return 32 bits that only the key holder can predict."""
        text = "|".join((purpose, *map(str, parts))).encode()
        return int.from_bytes(blake2b(text, key=self._key, digest_size=4).digest(), "big")

    def isn(self, name: FourTuple, *, now: Micros, epoch: int = 0) -> int:
        """Return the ISN: ``M + F(localip, localport, remoteip, remoteport, secretkey)`` (RFC 6528 section 3).

        M is a clock that ticks every 4 microseconds (RFC 9293, MUST-8). Each `epoch` above 0 has a secret of its own.
        """
        words = (name.local_ip, name.local_port, name.remote_ip, name.remote_port)
        offset = self.hash32("isn", *words, epoch) if epoch else self.hash32("isn", *words)
        return (now // 4 + offset) % 2**32

    def timestamp_offset(self, name: FourTuple) -> int:
        """Return the offset of a connection's timestamp clock (RFC 7323 section 7.1; Linux: one an address pair)."""
        return self.hash32("timestamp", name.local_ip, name.remote_ip)

    def flow_label(self, name: FourTuple) -> int:
        """Return a stable, nonzero flow label of 20 bits (RFC 6437 section 3)."""
        return self.hash32("flow", name.local_ip, name.local_port, name.remote_ip, name.remote_port) % 0xFFFFF + 1

    def port_offset(self, local_ip: str, remote_ip: str, remote_port: int) -> int:
        """Return where the search for an ephemeral port begins (RFC 6056 section 3.3.3, hash-based selection)."""
        return self.hash32("port", local_ip, remote_ip, remote_port)
