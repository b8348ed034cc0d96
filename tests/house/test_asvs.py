"""The table of OWASP ASVS: whole, and claiming nothing that no test shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from house import asvs, pages
from house.asvs import Requirement


def test_every_requirement_is_in_the_table_and_no_other(shared_data: Path) -> None:
    """Level 2 whole, and level 3 in the chapters that deserve it: each of the standard's numbers once, in its order."""
    file = shared_data / "asvs" / "asvs5.json"
    if not file.is_file():
        pytest.skip("real files: ../shared/data/asvs is absent")
    wanted = [
        each["req_id"].removeprefix("V")
        for each in json.loads(file.read_text("utf-8"))["requirements"]
        if int(each["L"]) <= 2 or int(each["chapter_id"].removeprefix("V")) in asvs.DEEP
    ]
    assert [one.number for chapter in asvs.chapters() for one in chapter.requirements] == wanted


def test_no_line_claims_what_no_test_shows() -> None:
    """Every line has a state and words; one that holds has a test; every test named is there."""
    assert list(asvs.mistakes(one for chapter in asvs.chapters() for one in chapter.requirements)) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (Requirement("1.1.1", "surely", "Yes."), "no such state, surely"),
        (Requirement("1.1.1", "partly", " "), "says nothing"),
        (Requirement("1.1.1", "holds", "Yes."), "holds, and no test shows it"),
        (
            Requirement("1.1.1", "not-applicable", "No.", ("tests/test_a.py",)),
            "does not apply, and has a test",
        ),
        (Requirement("1.1.1", "holds", "Yes.", ("tests/test_b.py",)), "no such test, tests/test_b.py"),
        (Requirement("1.1.1", "holds", "Yes.", ("tests/empty.py",)), "no such test, tests/empty.py"),
        (
            Requirement("1.1.1", "holds", "Yes.", ("tests/test_a.py::test_two",)),
            "no such test, tests/test_a.py::test_two",
        ),
    ],
)
def test_a_line_that_claims_too_much_is_named(tmp_path: Path, line: Requirement, said: str) -> None:
    """A state of our invention, a line without words, a claim without a test and a test that is not there are each told by the line's number."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("def test_one():\n    pass\n")
    (tmp_path / "tests" / "empty.py").write_text("def one():\n    pass\n")
    assert list(asvs.mistakes([line], tmp_path)) == [f"1.1.1: {said}"]
    good = Requirement("1.1.1", "holds", "Yes.", ("tests/test_a.py", "tests/test_a.py::test_one"))
    assert list(asvs.mistakes([good], tmp_path)) == []


def test_the_page_counts_what_it_shows() -> None:
    """The counts at the top are those of the lines below, state by state."""
    text = pages.rendered()["docs/reference/asvs.md"]
    top, *parts = text.split("\n## ")
    for chapter, part in zip(asvs.chapters(), parts, strict=True):
        shown = [part.count(f"| {state} |") for state in asvs.STATES]
        assert f"| {' | '.join(map(str, [sum(shown), *shown]))} |" in top
        assert part.startswith(f"V{chapter.number} ")
        assert sum(shown) == len(chapter.requirements) > 0
