"""The manual's table of public files: what it says is what is read today."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.files_read import PAGE, measured, told

FOLDERS = (
    "hl7v2",
    "fr-ans",
    "hprim-samples",
    "fhir-r4-examples",
    "fr-nabm",
    "fr-loinc-eds",
    "openelis-global2",
)


def test_the_table_of_public_files_says_what_is_read(shared_data: Path) -> None:
    """Each group of public files: as many files, units under each fate, records and refusals as the page of the manual says."""
    if absent := [name for name in FOLDERS if not (shared_data / name).is_dir()]:
        pytest.skip(f"real files: ../shared/data/{absent[0]} is absent")
    assert PAGE.read_text("utf-8") == told(measured(shared_data)), "run python -m tests.real.files_read"
