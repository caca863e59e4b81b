"""RFC 9293, section 3.10, as a matrix: every cell of the catalogue, played on the reference stack."""
