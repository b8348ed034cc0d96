"""Octets and names that last: a file's own fsync(2) leaves the name it was given in its folder to luck."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

__all__ = ["NO_ROOM", "octets_to_disk", "to_disk"]

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The errors of a disk, a quota or a limit that is full."""


def to_disk(folder: Path) -> None:
    """The folder's names are on the disk when this returns. Raises OSError."""
    _flush(folder, os.O_DIRECTORY)


def octets_to_disk(file: Path) -> None:
    """The octets of a file that is closed already are on the disk when this returns. Raises OSError."""
    _flush(file, 0)


def _flush(path: Path, kind: int) -> None:
    handle = os.open(path, os.O_RDONLY | kind)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
