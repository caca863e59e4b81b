"""A storm: random and mutated packets against a simulated host in every state, from a seed, each step judged.

Faster than the state machine of `fuzz.machine` by two orders, because it looks at the variables of the connection
instead of at a trace alone; hence for the reference stack only.
"""
