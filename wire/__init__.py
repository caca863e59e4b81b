"""Bytes to values and back: IP, TCP with every option, UDP, ICMP, GRE, MPLS, checksums, `Seq`, pcapng.

Malformed input is a value or a named error (`wire.errors`), never an exception from ``struct``.
"""
