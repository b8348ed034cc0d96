"""The profile of a folder of tables, the keys found there, and the mapping drafted from it."""

from __future__ import annotations

import csv
import io
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ecluse.adapters.connectors.table.profile import Budget, profile_tables
from ecluse.adapters.invented import fill
from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import Catalogue
from ecluse.terms.draft import draft_mapping
from ecluse.terms.mapping import check_mapping, parse_mapping
from ecluse.terms.profile import Profile
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.settings import SystemSettings
from ecluse.wiring.workspace import profile_of
from tests.unit.connectors.table.files import Held, files


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> list[Held]:
    """The invented old system as its own export would give it: one CSV for each table, in Windows-1252 where it can be."""
    path = tmp_path_factory.mktemp("old") / "old.db"
    path.touch()
    fill(f"sqlite:///{path}", patients=300, seed=7, documents=0.0)
    held: list[Held] = []
    with closing(sqlite3.connect(path)) as connection:
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        for name in names:
            cursor = connection.execute(f'SELECT * FROM "{name}"')
            text = io.StringIO(newline="")
            writer = csv.writer(text, delimiter=";")
            writer.writerow([column[0] for column in cursor.description])
            writer.writerows(cursor)
            held.append(Held(f"{name}.csv", text.getvalue().encode("cp1252", "replace"), str(len(held) + 1)))
    return held


@pytest.fixture(scope="module")
def profiled(exported: list[Held]) -> tuple[Profile, Catalogue]:
    return profile_tables(exported, system="old", budget=Budget(rows=2_000))


def test_keys_that_nobody_declared_are_found(profiled: tuple[Profile, Catalogue]) -> None:
    """A CSV declares no key: those of the old system are found by content, and what refers to them by content and name."""
    tables = profiled[1].tables
    keys = {name: table.primary_key for name, table in tables.items()}
    assert keys["PATIENT"] == ("NUMPAT",)
    assert keys["DOSSIER"] == ("NUMDOS",)
    assert keys["RESULT"] == ("NUMRES",)
    links = {(link.columns[0], link.parent) for link in tables["DOSSIER"].foreign_keys}
    assert ("NUMPAT", "PATIENT") in links


def test_the_profile_counts_every_row_and_shows_few_values(
    profiled: tuple[Profile, Catalogue], exported: list[Held]
) -> None:
    """Rows are counted, all of them; a name or a number of a person is never shown."""
    found = profiled[0]
    octets = next(it.octets for it in exported if it.name == "RESULT.csv")
    assert (
        found.tables["RESULT"].rows
        == sum(1 for _ in csv.reader(io.StringIO(octets.decode("cp1252"), newline=""))) - 1
    )
    assert found.skipped == ()
    assert found.tables["PATIENT"].columns["NOMNAI"].frequent == ()
    assert found.tables["PATIENT"].columns["CODEACC"].secret


def test_the_draft_is_a_mapping_that_fits(profiled: tuple[Profile, Catalogue], root: Path) -> None:
    """From CSV alone, the draft names existing columns only, nine fields in ten of those that the hand-written mapping names, and no wrong one of twenty."""
    draft = parse_mapping(draft_mapping(*profiled, vocabulary()).encode(), vocabulary=vocabulary())
    check_mapping(draft, profiled[1])
    truth = parse_mapping(
        (root / "src/ecluse/invent/mappings/invented-old.toml").read_bytes(), vocabulary=vocabulary()
    )
    wanted = {
        (kind.kind, name): (kind.table, it.columns)
        for kind in truth.kinds.values()
        for name, it in kind.fields.items()
        if kind.kind != "document"
    }
    given = {
        (kind.kind, name): (kind.table, it.columns)
        for kind in draft.kinds.values()
        for name, it in kind.fields.items()
    }
    right = [path for path, place in wanted.items() if given.get(path) == place]
    wrong = [path for path, place in wanted.items() if path in given and given[path] != place]
    assert len(right) / len(wanted) >= 0.9, sorted(set(wanted) - set(right))
    assert len(wrong) <= len(wanted) / 20, wrong


def test_the_same_files_give_the_same_profile(
    exported: list[Held], profiled: tuple[Profile, Catalogue]
) -> None:
    """The sample is drawn by a fixed chance: nothing of a profile changes from one run to the next."""
    assert profile_tables(exported, system="old", budget=Budget(rows=2_000))[0] == profiled[0]


def test_what_time_does_not_reach_is_named() -> None:
    """Out of time, the tables not read through are named, and none of them is given a key."""
    held = files(A__csv=b"ID;X\n" + b"".join(b"%d;x\n" % row for row in range(50_000)), B__csv=b"ID;Y\n1;2\n")
    found, catalogue = profile_tables(held, system="s", budget=Budget(seconds=0))
    assert found.skipped == ("A", "B")
    assert catalogue.tables["A"].primary_key == ()


def test_repeated_or_lacking_values_are_no_key() -> None:
    """A value that stands twice, even far apart, or an empty cell, makes a column no key."""
    rows = b"".join(b"%d;%d;%d\n" % (row, row % 9_999, row) for row in range(10_000))
    _, catalogue = profile_tables(
        files(T__csv=b"V;W;X\n" + rows + b";1;7777777\n"), system="s", budget=Budget(rows=100)
    )
    assert catalogue.tables["T"].primary_key == ("X",)


def test_the_workspace_profiles_a_folder_by_its_address(exported: list[Held], tmp_path: Path) -> None:
    """`ecluse profile` on a table+file:// address is this profile; standard input, which is read once, is refused."""
    for held in exported:
        (tmp_path / held.name).write_bytes(held.octets)
    found, catalogue = profile_of(SystemSettings(tmp_path, f"table+file://{tmp_path}", Path("old.toml")))
    assert found.system == "old"
    assert found.tables["PATIENT"].rows == 300
    assert catalogue.tables["PATIENT"].primary_key == ("NUMPAT",)
    with pytest.raises(Refusal) as said:
        profile_of(SystemSettings(tmp_path, "table+file:-", Path("old.toml")))
    assert said.value.code == "files/stream-again"
