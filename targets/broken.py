"""What a target does that no target may do: raise something else than `TargetError` and `Unsupported`."""

import traceback

from targets.base import TargetError


def broken(name: str, operation: str, error: Exception) -> TargetError:
    """Return the error that says which target broke, in which operation, how, and at which line of its code."""
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}, in {frames[-1].name}" if frames else "unknown place"
    return TargetError(
        f"target '{name}' broke in {operation}: {what}",
        next_step=f"mend the target, or report this to who made it; it happened at {where}",
    )
