"""Policies: small objects with the choices that RFC 9293 leaves open, or that systems make differently.

Each module defines one policy in the way of the RFCs. A personality names a class for each policy and every connection
gets its own instances, so a policy may keep state. Another system, an experiment or a planted fault is a subclass that
overrides a method (`Personality.with_policy`).
"""
