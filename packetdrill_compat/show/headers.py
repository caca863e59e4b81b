"""Encapsulation and IP annotations as script text."""

from packetdrill_compat.ast import Encap, GreEncap, IpEncap, IpInfo, MplsEncap, MplsLabel


def show_encap(encap: Encap) -> str:
    """Return the text of an outer header, with its colon."""
    match encap:
        case IpEncap():
            info = f" {show_info(encap.info)}" if encap.info else ""
            return f"ipv{encap.version}{info} {encap.src} > {encap.dst}:"
        case GreEncap():
            return "gre:" if encap == GreEncap() else f"gre {gre_words(encap)}:"
        case MplsEncap():
            return f"mpls {label_stack(encap.labels)}:" if encap.labels else "mpls:"


def gre_words(header: GreEncap) -> str:
    """Return flags and the four words of a GRE header."""
    return (
        f"flags {header.flags:#06x}, sum {header.checksum:#x}, off {header.offset:#x}, "
        f"key = {header.key:#x}, seq {header.sequence}"
    )


def label_stack(labels: tuple[MplsLabel, ...]) -> str:
    """Return MPLS labels without the word in front."""
    return " ".join(
        f"(label {label.label}, tc {label.traffic_class}, {'[S], ' if label.bottom else ''}ttl {label.ttl})"
        for label in labels
    )


def show_info(info: IpInfo) -> str:
    """Return an IP annotation in square brackets."""
    parts = []
    if info.tos is not None:
        parts.append(f"tos {info.tos:#04x}")
    if info.dscp is not None:
        parts.append(f"dscp {info.dscp:#04x}")
    if info.ecn is not None:
        parts.append(info.ecn.value)
    if info.ttl is not None:
        parts.append(f"ttl {info.ttl}")
    if info.flow_label is not None:
        parts.append(f"flowlabel {info.flow_label:#x}")
    return f"[{', '.join(parts)}]"
