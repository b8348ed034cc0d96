"""Looking at a file again whenever its bytes change, for a person who edits it.

Decides by the digest of the whole content, not by a date: an editor that writes the same bytes again changes nothing, and one that replaces the file is seen.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

__all__ = ["POLL", "versions"]

POLL: Final = 0.4
"""Seconds between two looks."""


def versions(
    file: Path, *, wait: Callable[[float], object] = time.sleep, forever: Callable[[], bool] = lambda: True
) -> Iterator[bytes]:
    """The file's bytes now, then each time they differ from the last, until `forever` says no; a file being replaced is waited for."""
    known = ""
    while True:
        try:
            payload = file.read_bytes()
        except OSError:
            payload = None
        if payload is not None and (digest := hashlib.sha256(payload).hexdigest()) != known:
            known = digest
            yield payload
        if not forever():
            return
        wait(POLL)
