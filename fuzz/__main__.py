"""``python -m fuzz``: fuzz a target and write findings as scripts.

Exit status: 0 nothing found, 1 a finding was written, 2 wrong usage or the target cannot run.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fuzz.campaign import Campaign, write_finding
from packetdrill_compat.config import IP_VERSIONS, IPV4
from packetdrill_compat.variants import variant_config
from targets.base import TargetError
from targets.registry import create_target


def main(argv: Sequence[str] | None = None) -> int:
    """Run one campaign."""
    arguments = _parser().parse_args(argv)
    campaign = Campaign(
        make_target=lambda: create_target(arguments.target),
        examples=arguments.examples,
        steps=arguments.steps,
        seed=0 if arguments.repeatable else None,
        config=variant_config(arguments.ip_version),
    )
    try:
        failure = campaign.run()
    except TargetError as error:
        print(error, file=sys.stderr)
        return 2
    if failure is None:
        print(f"nothing found in {arguments.examples} conversations with {arguments.target}")
        return 0
    print(failure.args[0].partition("\n")[0])
    if failure.finding is None:
        print("packetdrill's language cannot say this violation; no script was written")
        return 1
    minimal = campaign.minimal(failure.finding)
    if minimal is None:
        print("the script does not fail by itself; written as it is")
    print(f"written: {write_finding(minimal or failure.finding, arguments.out)}")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--target", default="reference", help="target[:argument] (default %(default)s)")
    parser.add_argument("--examples", type=int, default=200, help="conversations (default %(default)s)")
    parser.add_argument("--steps", type=int, default=30, help="steps of each conversation (default %(default)s)")
    parser.add_argument("--ip_version", choices=IP_VERSIONS, default=IPV4)
    parser.add_argument("--out", type=Path, default=Path("findings"), help="folder for scripts (default %(default)s)")
    parser.add_argument("--repeatable", action="store_true", help="the same conversations at every run")
    return parser


if __name__ == "__main__":
    sys.exit(main())
