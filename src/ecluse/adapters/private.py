"""A file that holds a secret is read by its owner alone, or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

from ecluse.base.refusal import Refusal

__all__ = ["check_private"]


def check_private(file: Path) -> None:
    """Returns only when nobody else can read the file. Raises Refusal `settings/secret-open`, OSError where there is none."""
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Refusal("settings/secret-open", where=file.name, got=f"{mode:04o}")
