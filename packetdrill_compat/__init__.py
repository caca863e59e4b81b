"""The packetdrill script language: scanner, grammar, AST, printer, and the interpreter that plays it on a target."""
