"""The reference stack behind a device: a host of its own on a TUN, on the real clock, for real clients.

``tcprove serve`` (or ``python -m targets.live``) starts it. System calls of the simulated host are made over a control
socket (`targets.live.control` has the messages, `targets.live.client` a client); a small HTTP service is built in.
"""
