"""The settings of a run: packetdrill's flags with their defaults (language specification, section 7.1)."""

from dataclasses import dataclass, field

IPV4 = "ipv4"
IPV6 = "ipv6"
MAPPED = "ipv4-mapped-ipv6"
IP_VERSIONS = (IPV4, IPV6, MAPPED)


@dataclass(frozen=True, slots=True)
class Config:
    """What the command line and a script's option lines have set; addresses without their prefix lengths.

    Times are microseconds, `tolerance_percent` is a percentage. `definitions` are the ``-D`` values in text form.
    """

    ip_version: str = IPV4
    local_ip: str = ""
    remote_ip: str = ""
    remote_prefix_length: int | None = None
    gateway_ip: str = ""
    netmask_ip: str = "255.255.0.0"
    bind_port: int = 8080
    connect_port: int = 8080
    mtu: int = 1500
    mss: int = 0
    speed: int = 0
    tolerance_usecs: int = 4000
    tolerance_percent: float = 12.5
    tcp_ts_tick_usecs: int = 0
    tcp_ts_ecr_scaled: bool = False
    strict_segments: bool = False
    non_fatal_packet: bool = False
    non_fatal_syscall: bool = False
    is_anyip: bool = False
    send_omit_free: bool = False
    code_command: str = "python3"
    code_format: str = "python"
    code_sockopt: str = ""
    init_scripts: tuple[str, ...] = ()
    dry_run: bool = False
    verbose: bool = False
    debug: bool = False
    psp_udp_port: int | None = None
    definitions: dict[str, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)
    command_line: tuple[str, ...] = ()
    """Flags that are applied again behind the option lines of a script, so that they win over those."""

    @property
    def is_wire_ipv6(self) -> bool:
        """True when packets on the wire are IPv6."""
        return self.ip_version == IPV6

    @property
    def is_mapped(self) -> bool:
        """True for IPv4 on the wire and AF_INET6 sockets."""
        return self.ip_version == MAPPED
