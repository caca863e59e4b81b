"""The host around the connections: addresses, sockets with their errnos, options, settings, commands, demultiplexing.

`Host` is all that an owner needs. Like the engine it does no input or output of its own.
"""

from reference_stack.host.errnos import Errno, NotModelled
from reference_stack.host.host import Host
from reference_stack.host.routes import Route, Routes, make_prefix
from reference_stack.host.values import FinishedCall, Result, SentPacket

__all__ = ["Errno", "FinishedCall", "Host", "NotModelled", "Result", "Route", "Routes", "SentPacket", "make_prefix"]
