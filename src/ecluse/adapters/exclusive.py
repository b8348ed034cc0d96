"""One process at a time in a folder: a lock that the system lets go of when the process ends, however it ends.

Two engineers, or one who lost patience, start the same step twice: the second is told, and nothing of the first's work is touched.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecluse.base.refusal import Fault

__all__ = ["alone_in"]


def _own(path: str, flags: int) -> int:
    """A file for this account alone, as all that a site's folder holds."""
    return os.open(path, flags, 0o600)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Held within; Fault `site/busy` when another process holds it. flock(2): no file is left locked by a killed process."""
    with open(folder / "busy", "w", opener=_own) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Fault("site/busy", where=folder.name) from None
        yield
