"""The packetdrill script language: scanner, grammar, AST, printer, and the interpreter that plays a script on a target."""
