"""Loss recovery: scoreboard, duplicate acknowledgments, what to send again.

`base` is the interface; `newreno` (RFC 6582) serves connections without SACK, `rfc6675` those with it. Both judge
only what acknowledgments say, so they are tested without a connection. `linux` recovers by time (RACK, RFC 8985).
"""
