"""Signed segments: the MD5 signature option (RFC 2385) and the authentication option (RFC 5925, RFC 5926).

`keys` are values that a user configures, `algorithms` pure functions over octets, `signing` is the policy that a
connection asks for each segment. A host asks `signing.accepts_unconnected` for segments without a connection.
"""
