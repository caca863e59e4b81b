"""SEGMENT ARRIVES of RFC 9293, section 3.10.7, one small rule a check."""
