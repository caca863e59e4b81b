"""The interpreter: plays a parsed script on a target and judges what comes.

The packets' side is `mapping`, `template`, `compare`, `inbound` and `outbound`; the calls' side is `calls`; time is
`timing`; `player` walks the events and `runner` (one level up) does what comes before and after them.
"""
