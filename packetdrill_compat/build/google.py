"""The builder of the upstream language."""

from packetdrill_compat.build.expressions import ExpressionBuilder
from packetdrill_compat.build.packets import PacketBuilder
from packetdrill_compat.build.script import ScriptBuilder
from packetdrill_compat.build.tcp_options import TcpOptionBuilder


class GoogleBuilder(ScriptBuilder, TcpOptionBuilder, ExpressionBuilder, PacketBuilder):
    """All rules of ``grammar.lark``."""
