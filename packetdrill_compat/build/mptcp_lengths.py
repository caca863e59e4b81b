"""How many octets the options of the mptcp dialect take (RFC 8684, sections 3.1 to 3.7)."""

from packetdrill_compat.ast import MptcpOption

_FIXED = {"mp_join_syn": 12, "mp_join_syn_ack": 16, "mp_join_ack": 24, "mp_fail": 12, "mp_fastclose": 12, "mp_reset": 4}


def mptcp_length(option: MptcpOption) -> int:
    """Return the length of an option with its kind and length octets."""
    if option.word in _FIXED:
        return _FIXED[option.word]
    names = [name for name, _ in option.parts]
    values = dict(option.parts)
    match option.word:
        case "mpcapable":
            keys = str(values["key"]).count(",") + 1 if "key" in values else 0
            return 22 if values.get("mpcdatalen") else 4 + 8 * keys
        case "mp_capable" | "mp_capable_no_cs":
            return 4 + 8 * names.count("key")
        case "dss":
            return _dss(values)
        case "add_address":
            address = 16 if "inet6_addr" in str(values["addr"]) else 4
            with_hmac = values.get("hmac") not in {None, -1}
            return 4 + address + (2 if "port" in values else 0) + (8 if with_hmac else 0)
        case "remove_address":
            return 4 + str(values["address_id"]).count(",")
        case _:  # mp_prio
            return 4 if isinstance(values.get("address_id"), int) else 3


def _dss(values: dict[str, str | int | None]) -> int:
    length = 4
    length += 4 if "dack4" in values else 8 if "dack8" in values else 0
    if "dsn4" in values or "dsn8" in values:
        # A mapping has the subflow sequence number, the length and, unless it is left out, the checksum.
        without = "nocs" in values or values.get("cksum") == 0
        length += (4 if "dsn4" in values else 8) + 4 + 2 + (0 if without else 2)
    return length
