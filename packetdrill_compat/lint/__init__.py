"""``tcprove check``: what packetdrill would silently do otherwise than a script seems to say.

Source: the language specification, section 12 (traps), and the sections that it names.
"""
