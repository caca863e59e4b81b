"""``python -m targets.live``: the same as ``tcprove serve``."""

import sys

from targets.live.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
