"""The mapping assistant as a person meets it: mistakes by line, a file read again as it is saved, a page that shows nobody's value."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ecluse.doors.cli.watching import versions
from tests.doors.conftest import Desk


@pytest.fixture
def drafted(desk: Desk, tmp_path: Path) -> Path:
    """A draft of the source's mapping."""
    file = tmp_path / "first.toml"
    desk.type("mapping", "draft", "source", str(file), language="en")
    return file


def test_a_draft_has_no_mistake_and_an_edited_one_tells_each(desk: Desk, drafted: Path) -> None:
    """The draft can be read and its columns are there; what an edit broke is told by line, what the system lacks only when asked."""
    assert desk.json("mapping", "check", str(drafted), "--against", "source")["mistakes"] == []
    assert "--against" in desk.type("mapping", "check", str(drafted)).stdout
    text = drafted.read_text("utf-8")
    drafted.write_text(text.replace('"DATNAI"', '"DATNAIS"').replace("fields.nss", "fields.ssn"), "utf-8")
    told = desk.json("mapping", "check", str(drafted), code=10)["mistakes"]
    assert [one["where"] for one in told] == ["patient.ssn"]
    told = desk.json("mapping", "check", str(drafted), "--against", "source", code=10)["mistakes"]
    assert [one["where"] for one in told] == ["patient.birth_date", "patient.ssn"]
    lines = drafted.read_text("utf-8").splitlines()
    assert "DATNAIS" in lines[told[0]["line"] - 1]
    said = desk.type("mapping", "check", str(drafted), "--against", "source", code=10)
    assert f"ligne {told[0]['line']}, patient.birth_date" in said.stdout
    desk.type("mapping", "check", str(drafted.parent / "absent.toml"), code=2)


def test_a_side_is_checked_by_its_name(desk: Desk) -> None:
    """`source` and `target` check the workspace's own mappings against their systems, as ever."""
    for side in ("source", "target"):
        found = desk.json("mapping", "check", side)
        assert (found["mistakes"], found["kinds"]["patient"]["fields"] > 10) == ([], True)


def test_a_page_shows_every_field_and_nobodys_value(desk: Desk, drafted: Path, tmp_path: Path) -> None:
    """The page names each field, where it comes from and why; with samples of the system beside, no name, town, number or comment of a patient stands in it."""
    found = desk.json("mapping", "page", str(drafted), "--beside", "source")
    text = Path(found["file"]).read_text("utf-8")
    assert "patient.birth_date" in text
    assert "99%" in text or "99 %" in text
    with closing(sqlite3.connect(next(desk.home.glob("*old*.sqlite")))) as system:
        rows = system.execute(
            "SELECT NOMNAI, NOMUSU, NSS, MATINS, MEL, TELPOR, COMM1, COMM2, ADR FROM PATIENT"
        ).fetchall()
    values = {value.strip() for row in rows for value in row if value and len(value.strip()) > 4}
    assert len(values) > 50
    shown = set(re.split(r"[<>]", text))
    assert not [value for value in values if value in shown]
    desk.type("mapping", "page", str(drafted), "--html", str(tmp_path / "en.html"), language="en")
    assert "Masked samples" in (tmp_path / "en.html").read_text("utf-8")


def test_a_file_is_read_again_when_its_bytes_change(tmp_path: Path) -> None:
    """By its content: saved again as it was, nothing; replaced or changed, once; gone for a while, it is waited for."""
    file = tmp_path / "m.toml"
    file.write_text("one")
    edits: Iterator[object] = iter(
        [
            lambda: file.write_text("one"),
            lambda: file.write_text("two"),
            file.unlink,
            lambda: file.write_text("three"),
        ]
    )
    left = [True] * 4
    waits = lambda _: next(edits)()  # type: ignore[operator]  # noqa: E731 - the edits, one at each wait
    seen = list(versions(file, wait=waits, forever=lambda: bool(left) and left.pop()))
    assert seen == [b"one", b"two", b"three"]
