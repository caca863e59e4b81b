"""Values of the AST as script text, one module for each part of the language; `packetdrill_compat.printer` uses
them."""
