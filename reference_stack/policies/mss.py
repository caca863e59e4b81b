"""Segment sizes (RFC 9293, 3.7.1; RFC 6691)."""

from typing import TYPE_CHECKING

from reference_stack.policies.options import TIMESTAMP_OCTETS

if TYPE_CHECKING:
    from reference_stack.core import ConnectionCore

HEADER_OCTETS = {4: 40, 6: 60}
"""IP and TCP header without options."""


def header_octets(connection: "ConnectionCore") -> int:
    """Return how much of every packet is header: IP, TCP without options, and a tunnel between them."""
    return HEADER_OCTETS[connection.four_tuple.ip_version] + connection.settings.tunnel_octets


def payload_of_peer(connection: "ConnectionCore") -> int:
    """Return how much a full segment of the peer holds: the MSS that was announced, less timestamps if agreed on."""
    tcb = connection.tcb
    return tcb.rcv_mss - TIMESTAMP_OCTETS * tcb.has_timestamps


class SegmentSizes:
    """What MSS is announced, assumed and used."""

    __slots__ = ()

    def announced(self, connection: "ConnectionCore") -> int:
        """Return the MSS option's value: the MTU less the fixed headers only (RFC 6691, section 2).

        It does not depend on the path MTU (RFC 8201, 5.4).
        """
        settings = connection.settings
        mss = min(settings.mtu - header_octets(connection), 0xFFFF)
        if settings.advmss is not None:
            mss = min(mss, settings.advmss)
        return mss if settings.user_mss is None else min(mss, settings.user_mss)

    def default(self, connection: "ConnectionCore") -> int:
        """Return what is assumed when the peer sends no MSS option (RFC 9293, MUST-15)."""
        return 536 if connection.four_tuple.ip_version == 4 else 1220

    def assumed(self, connection: "ConnectionCore") -> int:
        """Return the MSS for text on a SYN to a server of which none is known (RFC 7413, 4.2.2)."""
        return self.default(connection)

    def on_larger_window(self, connection: "ConnectionCore") -> None:
        """The peer offered the largest window so far."""

    def effective(self, connection: "ConnectionCore") -> int:
        """Return Eff.snd.MSS: what fits the peer and the path, less the options really sent (RFC 9293, MUST-16)."""
        settings, tcb = connection.settings, connection.tcb
        mtu = settings.mtu if settings.path_mtu is None else min(settings.mtu, settings.path_mtu)
        mss = min(tcb.peer_mss, mtu - header_octets(connection))
        if settings.user_mss is not None:
            mss = min(mss, settings.user_mss)
        # At least an octet gets out, whatever the peer says and the options take.
        payload = max(max(mss, settings.min_snd_mss) - tcb.option_octets, 1)
        return connection.mtu_search.bound(connection, payload, mtu)
