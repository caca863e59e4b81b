"""``python -m packetdrill_compat``: in place of the packetdrill binary.

It takes packetdrill's flags, plays the scripts on the running kernel in the network namespace that it is started in,
and ends with status 0 or 1. The console command ``tcprove run`` is the same with a fresh namespace for each script.
"""

import sys

from packetdrill_compat.cli import guarded
from packetdrill_compat.command import Program, run_scripts

DROP_IN = Program(words=("python", "-m", "packetdrill_compat"), target="kernel:here", is_drop_in=True)


def main() -> int:
    """Play the scripts of the command line."""
    return guarded(lambda: run_scripts(sys.argv[1:], DROP_IN))


if __name__ == "__main__":
    sys.exit(main())
