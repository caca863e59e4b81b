"""What was tested with what, for the reports of a run."""

import platform
from importlib import metadata

from conformance.selection import REFERENCE, personality_of, target_version
from conformance.settings import Settings


def run_environment(settings: Settings) -> dict[str, str]:
    """Return names and values in the order in which a report shows them; what does not apply is left out."""
    # The plain reference target takes the rules of the system that each script is about.
    personality = "of each script" if settings.target == REFERENCE else personality_of(settings.target)
    found = {
        "target": settings.target,
        "target version": target_version(settings.target),
        "personality": personality,
        "tcprove": metadata.version("tcprove"),
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    return {name: value for name, value in found.items() if value}
