"""The packetdrill script language: scanner, grammar, AST, printer, and the interpreter that plays scripts on a target."""
