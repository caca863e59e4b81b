"""The console command with the catalogue behind it: failures show the sentence of the requirement that is broken."""

import sys

from packetdrill_compat import cli


def main() -> int:
    """Run ``tcprove`` and return its exit status."""
    return cli.main(sys.argv[1:], sentence_of=sentence_of)


def sentence_of(identifier: str) -> str | None:
    """Return the sentence of a requirement, None for an id that the catalogue does not have."""
    from conformance import catalogue  # noqa: PLC0415  reading the catalogue takes 0.1 s

    requirement = catalogue.load().get(identifier)
    return requirement.sentence if requirement is not None else None
