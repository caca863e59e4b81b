"""Playing the mptcp dialect (language specification, section 10.2): endpoints, variables, and options that compute.

- `connection`: keys, addresses and data sequence numbers of the one MPTCP connection of a script;
- `written`: the parts of a written option, easy to ask for;
- `inbound`: the option that is injected; `expected`: the option that must come;
- `matching`: which tracked socket a packet belongs to;
- `dialect`: all of it behind the seam of `play.dialects`.
"""
