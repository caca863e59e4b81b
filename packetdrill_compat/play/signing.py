"""Signatures that are to be valid: ``md5 valid`` of the nplab dialect (language specification, section 10.1)."""

from packetdrill_compat.ast import Md5Valid, PacketEvent, TcpSpec
from packetdrill_compat.config import Config
from packetdrill_compat.outcome import FailureKind
from packetdrill_compat.play.errors import PlayError
from wire.ip import checksum_addresses
from wire.options import Md5
from wire.packet import Packet
from wire.signature import DIGEST_OCTETS, md5_digest
from wire.tcp import TcpSegment

UNSIGNED = Md5(bytes(DIGEST_OCTETS))
"""A signature before it is computed, and one that was found to be right."""


def wants_signature(event: PacketEvent) -> bool:
    """Tell whether the packet is written with a valid signature."""
    return isinstance(event.body, TcpSpec) and any(isinstance(each, Md5Valid) for each in event.body.options or ())


def signed(packet: Packet, event: PacketEvent, config: Config) -> Packet:
    """Return an inbound packet with the signature that the script asks for; `PlayError` without a secret."""
    if not (wants_signature(event) and isinstance(packet.body, TcpSegment)):
        return packet
    return packet._replace(body=_with(packet.body, Md5(_digest(packet, packet.body, config))))


def verified(packet: Packet, event: PacketEvent, config: Config) -> Packet:
    """Return a captured packet with the signature as the script has it, if it is right and the script asks for one."""
    body = packet.body
    if not (wants_signature(event) and isinstance(body, TcpSegment)):
        return packet
    found = next((option for option in body.options if isinstance(option, Md5)), None)
    is_right = found is not None and found.digest == _digest(packet, body, config)
    return packet._replace(body=_with(body, UNSIGNED)) if is_right else packet


def _with(segment: TcpSegment, signature: Md5) -> TcpSegment:
    options = tuple(signature if isinstance(option, Md5) else option for option in segment.options)
    return segment._replace(options=options)


def _digest(packet: Packet, segment: TcpSegment, config: Config) -> bytes:
    secret = config.extra.get("tcp_md5_secret")
    if secret is None:
        raise PlayError(
            "'md5 valid' without a secret", kind=FailureKind.SCRIPT, next_step="pass --tcp_md5_secret=SECRET"
        )
    return md5_digest(segment, *checksum_addresses(packet.ip), secret.encode())
