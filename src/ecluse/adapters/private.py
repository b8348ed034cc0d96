"""A file that holds a secret is read by its owner alone, or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

from ecluse.base.refusal import Refusal
from ecluse.proof.keys import SigningKey

__all__ = ["check_private", "log_key"]


def check_private(file: Path) -> None:
    """Returns only when nobody else can read the file. Raises Refusal `settings/secret-open`, OSError where there is none."""
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Refusal("settings/secret-open", where=file.name, got=f"{mode:04o}")


def log_key(folder: Path) -> SigningKey:
    """The key that signs the heads of the ledger in this folder. Raises Refusal `ledger/key-absent` after a restore, `settings/secret-open`."""
    file = folder / "log.key"
    if not file.is_file():
        raise Refusal("ledger/key-absent", where=folder.name)
    check_private(file)
    return SigningKey.from_seed(file.read_bytes())
