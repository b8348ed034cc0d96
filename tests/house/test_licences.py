"""What the installed program runs on: chosen by name, for a reason, under a licence a laboratory can live with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from house import dependencies


def test_no_library_is_under_the_gpl_alone() -> None:
    """No library of the installed program leaves a laboratory no choice but the GPL or the AGPL, or says no licence."""
    found = dependencies.closure()
    assert len(found) >= len(dependencies.declared())
    assert [one for one in found if dependencies.refused(one.licence)] == []


@pytest.mark.parametrize(
    ("licence", "refused"),
    [
        ("GPL-3.0-only", True),
        ("AGPL-3.0-or-later", True),
        ("GNU General Public License v3 (GPLv3)", True),
        ("MIT AND GPL-2.0-only", True),
        ("GPL-2.0-only OR AGPL-3.0-only", True),
        ("GPL-3.0-only OR MIT", False),
        ("LGPL-3.0-only", False),
        ("Apache-2.0 OR BSD-3-Clause", False),
        (dependencies.UNSAID, True),
    ],
)
def test_a_licence_is_judged_by_its_choices(licence: str, refused: bool) -> None:
    """A licence is refused when every choice it offers is the GPL or the AGPL, or when it is not said."""
    assert dependencies.refused(licence) is refused


def test_every_library_we_name_has_its_reason() -> None:
    """The libraries that pyproject.toml names are those that the dependencies page gives a reason for, no more and no fewer."""
    assert set(dependencies.reasons()) == dependencies.declared()


@pytest.mark.parametrize("name", ["lock.txt", "dev.txt"])
def test_every_version_is_locked_and_hashed(root: Path, name: str) -> None:
    """Each line of a locked list is one exact version with its hashes, and names no place to download from."""
    text = (root / "requirements" / name).read_text("utf-8").replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert lines
    assert [
        line
        for line in lines
        if not re.match(r"[a-z0-9.-]+(\[[a-z,]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", line)
    ] == []
    assert "://" not in text


def test_the_scanner_is_of_duckdbs_own_version(root: Path) -> None:
    """DuckDB and its PostgreSQL reader, which is a binary loaded into it, are locked to one version."""
    locked = dict(
        re.findall(
            r"^(duckdb\S*)==(\S+)", (root / "requirements" / "lock.txt").read_text("utf-8"), re.MULTILINE
        )
    )
    assert locked["duckdb"] == locked["duckdb-extension-postgres-scanner"]
