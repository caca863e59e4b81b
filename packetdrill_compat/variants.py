"""The three variants in which a script is run: IPv4, IPv4 over IPv6 sockets, and IPv6.

Source: the language specification, section 7.4: the flags that the runner of the public scripts passes.
"""

from functools import cache

from packetdrill_compat.config import IPV4, IPV6, MAPPED, Config
from packetdrill_compat.options import apply_command_line, check

_ADDRESSES_V4 = (
    "--local_ip=192.168.0.1",
    "--gateway_ip=192.168.0.1",
    "--netmask_ip=255.255.0.0",
    "--remote_ip=192.0.2.1",
    "-DTFO_COOKIE=3021b9d889017eeb",
    "-DCODE=host_unreachable",
)
_ADDRESSES_V6 = (
    "--mtu=1520",
    "--local_ip=fd3d:0a0b:17d6::1",
    "--gateway_ip=fd3d:0a0b:17d6:8888::1",
    "--remote_ip=fd3d:fa7b:d17d::1",
    "-DTFO_COOKIE=c1d1e9742a47a9bc",
)
_CMSG_V4 = ("-DCMSG_LEVEL_IP=SOL_IP", "-DCMSG_TYPE_RECVERR=IP_RECVERR")
_CMSG_V6 = ("-DCMSG_LEVEL_IP=SOL_IPV6", "-DCMSG_TYPE_RECVERR=IPV6_RECVERR")

VARIANT_FLAGS: dict[str, tuple[str, ...]] = {
    IPV4: ("--ip_version=ipv4", "--send_omit_free", *_ADDRESSES_V4, *_CMSG_V4),
    MAPPED: ("--ip_version=ipv4-mapped-ipv6", "--send_omit_free", *_ADDRESSES_V4, *_CMSG_V6),
    IPV6: ("--ip_version=ipv6", "--send_omit_free", *_ADDRESSES_V6, *_CMSG_V6),
}
"""The command line of each variant."""


@cache
def variant_config(variant: str) -> Config:
    """Return the settings of a variant: ``ipv4``, ``ipv4-mapped-ipv6`` or ``ipv6``; addresses in canonical form.

    The flags are a command line, so they win over the option lines of a script that is read with this configuration.
    Raises `KeyError` for another name.
    """
    flags = VARIANT_FLAGS[variant]
    return check(apply_command_line(Config(command_line=flags), flags))


def variants_of(path: str) -> tuple[str, ...]:
    """Return the variants in which a script is run, by its file name.

    ``…v6.pkt`` is for IPv6 only and ``…v4.pkt`` for the two IPv4 variants.
    """
    if path.endswith("v6.pkt"):
        return (IPV6,)
    if path.endswith("v4.pkt"):
        return (IPV4, MAPPED)
    return (IPV4, MAPPED, IPV6)
