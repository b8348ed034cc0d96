"""Proposals held to real dictionaries: OpenELIS's catalogue, the French core set, the NABM. The figures of the manual come from here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real import measured


@pytest.fixture(scope="module")
def proposals(shared_data: Path) -> measured.Proposals:
    """Everything measured once."""
    return measured.proposals(shared_data)


def test_openelis_codes_are_found_again(proposals: measured.Proposals) -> None:
    """Of OpenELIS's tests that have a LOINC code, shown by French label, specimen and unit alone, nine in ten come first and all but one in the first three.

    The synonyms were written by someone who had seen these labels: the figures hold the proposals to what they do today, and do not say how
    a dictionary that nobody here has read would fare.
    """
    found = proposals.openelis
    assert found.asked == 33
    assert found.first >= 0.9 * found.asked
    assert found.third >= found.asked - 1
    assert proposals.targets > 300


def test_the_invented_laboratorys_core_codes_are_found_again(proposals: measured.Proposals) -> None:
    """Of the invented laboratory's codes that have a LOINC code named by a real file, each with each of its units, nine in ten come first where the unit allows it, and all in the first three."""
    found = proposals.invented
    allowed = found.asked - found.forbidden
    assert found.first >= 0.9 * allowed
    assert found.third == allowed


def test_a_code_whose_unit_changed_is_not_one_code(proposals: measured.Proposals) -> None:
    """The code that the dictionary holds for a test is forbidden for the older unit of that test: mg/L became µmol/L, and one code cannot be both."""
    assert proposals.invented.forbidden >= 2


def test_the_core_set_is_read_and_what_no_file_names_is_said(proposals: measured.Proposals) -> None:
    """All 33 codes of the French core set are read; those that no file at hand names cannot be proposed, and are counted."""
    assert proposals.core == 33
    assert 0 < proposals.core_unnamed < 33


def test_every_act_of_the_nabm_is_read(proposals: measured.Proposals) -> None:
    """Each of the 1,076 lines of the NABM is a target, and an act of it is proposed itself first."""
    assert (proposals.nabm, proposals.nabm_first) == (1076, 1076)


def test_the_manual_says_what_was_measured(proposals: measured.Proposals, root: Path) -> None:
    """The figures of the page on mapping codes are those obtained now."""
    page = (root / "docs" / "how-to" / "map-codes.md").read_text("utf-8")
    assert measured.block(page, "proposals") == measured.told_proposals(proposals)
