"""Who may do what when many scripts play beside each other on one machine, in one process or in many.

Scripts mostly sleep, so dozens of them can play at once, as long as the processors are there when one wakes up. What
computes is the set-up of a script: at any time only as many scripts are set up as there are processors. A script that
changes what namespaces share (a kernel module's parameter, a file) keeps others away meanwhile.

All locks are flock(2) on source files of this folder: nothing has to be created, nothing is left behind, and the kernel
gives them up when a process is killed. Where the files cannot be locked everybody is admitted.
"""

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from targets.base import FILES, HOST, TargetError

_FOLDER = Path(__file__).parent
_GATE, _MACHINE, _SHARED_FILES = (str(_FOLDER / name) for name in ("__init__.py", "admission.py", "leftovers.py"))
_SEATS = sorted(str(path) for path in (_FOLDER / "helper").glob("*.py"))
_PAUSE_S = 0.004
_PATIENCE_S = 600.0
_SEAT_PATIENCE_S = 10.0


class Admission:
    """What one target holds: what its script claims, until it is closed."""

    def __init__(self) -> None:
        self._claims = ExitStack()

    def claim(self, claims: frozenset[str]) -> None:
        """Wait until no other target holds what this one claims (`targets.base`: `HOST`, `FILES`).

        Raises `TargetError` after ten minutes.
        """
        if FILES in claims:
            self._lock(self._claims, [_SHARED_FILES], fcntl.LOCK_EX)
        if HOST in claims:
            # The gate stays closed while the last ones leave: else new ones would come in for ever.
            self._lock(self._claims, [_GATE], fcntl.LOCK_EX)
            self._lock(self._claims, [_MACHINE], fcntl.LOCK_EX)
        else:
            with ExitStack() as passage:
                self._lock(passage, [_GATE], fcntl.LOCK_SH)
                self._lock(self._claims, [_MACHINE], fcntl.LOCK_SH)

    def leave(self) -> None:
        """Give everything back; harmless when called twice."""
        self._claims.close()

    @staticmethod
    def _lock(held: ExitStack, files: Sequence[str], kind: int) -> None:
        """Lock the file and keep the lock in `held`."""
        if not _lock_one_of(held, files, kind, patience_s=_PATIENCE_S):
            raise TargetError(
                f"other scripts have kept this one from playing for {_PATIENCE_S:.0f} s",
                next_step=f"see who holds it (lslocks), and whether that process is stopped: {files[0]}",
            )


@contextmanager
def seat() -> Iterator[None]:
    """Wait until a processor is free for work that belongs to a script's set-up, and occupy it meanwhile.

    Who has waited for ten seconds goes ahead: seats only keep the processors from being overcrowded.
    """
    processors = os.cpu_count() or 1
    with ExitStack() as held:
        if processors < len(_SEATS):
            first = os.getpid() % processors
            seats = [_SEATS[(first + n) % processors] for n in range(processors)]
            _lock_one_of(held, seats, fcntl.LOCK_EX, patience_s=_SEAT_PATIENCE_S)
        yield


def _lock_one_of(held: ExitStack, files: Sequence[str], kind: int, *, patience_s: float) -> bool:
    give_up = time.monotonic() + patience_s
    while not any(_try_lock(held, file, kind) for file in files):
        if time.monotonic() > give_up:
            return False
        time.sleep(_PAUSE_S)
    return True


def _try_lock(held: ExitStack, file: str, kind: int) -> bool:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True
    with ExitStack() as undo:
        undo.callback(os.close, descriptor)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except OSError as error:
            # A file system without locks admits everybody.
            return error.errno not in (errno.EWOULDBLOCK, errno.EINTR)
        close: Callable[[], object] = undo.pop_all().close
        held.callback(close)
    return True
