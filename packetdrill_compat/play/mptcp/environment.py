"""What commands of the mptcp dialect find in their environment: every option, every definition, the device."""

from packetdrill_compat.config import Config

DEVICE = "tun0"


def exports(config: Config) -> dict[str, str]:
    """Return ``OPT_`` and an option's name in capitals, switches as 0 or 1, and definitions by their own name."""
    remote = config.remote_ip
    if config.remote_prefix_length is not None:
        remote += f"/{config.remote_prefix_length}"
    options: dict[str, str | int | bool] = {
        "ip_version": config.ip_version,
        "bind_port": config.bind_port,
        "code_command": config.code_command,
        "code_format": config.code_format,
        "code_sockopt": config.code_sockopt,
        "connect_port": config.connect_port,
        "remote_ip": remote,
        "local_ip": config.local_ip,
        "gateway_ip": config.gateway_ip,
        "mss": config.mss,
        "mtu": config.mtu,
        "netmask_ip": config.netmask_ip,
        "init_scripts": ",".join(config.init_scripts),
        "non_fatal": ",".join(_non_fatal(config)),
        "speed": config.speed,
        "tolerance_usecs": config.tolerance_usecs,
        "tcp_ts_ecr_scaled": config.tcp_ts_ecr_scaled,
        "tcp_ts_tick_usecs": config.tcp_ts_tick_usecs,
        "strict_segments": config.strict_segments,
        "dry_run": config.dry_run,
        "is_anyip": config.is_anyip,
        "send_omit_free": config.send_omit_free,
        "verbose": config.verbose,
        "wire_client": "wire_client" in config.extra,
        "wire_server": "wire_server" in config.extra,
        "local_dev": DEVICE,
    }
    named = ("wire_server_ip", "wire_server_port", "wire_client_dev", "wire_server_dev", "so_filename", "so_flags")
    options |= {name: config.extra[name] for name in named if name in config.extra}
    texts = {f"OPT_{name.upper()}": str(int(v) if isinstance(v, bool) else v) for name, v in options.items()}
    return texts | config.definitions


def _non_fatal(config: Config) -> list[str]:
    words = {"packet": config.non_fatal_packet, "syscall": config.non_fatal_syscall}
    return [word for word, is_set in words.items() if is_set]
