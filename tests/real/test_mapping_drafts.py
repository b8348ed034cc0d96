"""Drafts held to mappings written by hand: OpenELIS's, the invented laboratory's. The figures of the manual come from here."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.real import measured


def test_drafts_find_what_mappings_by_hand_say(
    shared_data: Path, postgresql_url: str, tmp_path: Path, root: Path
) -> None:
    """At least six fields in ten of OpenELIS's mapping are drafted from the same column, and nearly all of the invented system's; the manual says so.

    What OpenELIS's mapping takes from a dictionary or from one kind of identity among several is not to be seen in names and keys: a person writes it.
    """
    if shutil.which("psql") is None or not (shared_data / "openelis-global2").is_dir():
        pytest.skip("OpenELIS Global 2: ../shared/data/openelis-global2 or psql is absent")
    found = {
        measured.OPENELIS: measured.openelis(shared_data, postgresql_url),
        measured.INVENTED: measured.invented_old(tmp_path),
    }
    openelis, invented = found.values()
    assert openelis.right >= 0.6 * openelis.wanted
    assert invented.right >= 0.98 * invented.wanted
    assert openelis.wanted == openelis.right + len(openelis.elsewhere) + len(openelis.missed)
    page = (root / "docs" / "how-to" / "draft-a-mapping.md").read_text("utf-8")
    assert measured.block(page, "drafts") == measured.told_drafts(found)
