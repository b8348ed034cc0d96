"""The lock that keeps a folder to one process: who waits, and who may see its file."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ecluse.adapters.exclusive import alone_in
from ecluse.base.refusal import Fault


def test_a_folder_is_for_one_at_a_time_and_its_lock_for_one_account(tmp_path: Path) -> None:
    """The second is told that the first is at work; afterwards it may enter; the lock's file is its account's alone, as the rest of a site."""
    with alone_in(tmp_path), pytest.raises(Fault) as fault, alone_in(tmp_path):
        pass
    assert fault.value.code == "site/busy"
    with alone_in(tmp_path):
        assert stat.S_IMODE((tmp_path / "busy").stat().st_mode) == 0o600
