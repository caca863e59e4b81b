"""SEGMENT ARRIVES of RFC 9293, section 3.10.7, one small rule a check.

`tables` puts the rules in order. A rule looks at the segment and the connection and answers to go on or to drop it.
`closed` and `listen` are pure: no connection exists yet, the verdict says what the host shall do.
"""
