"""Finding: « messages were lost, and nobody knew which ». Here every unit of every file has a fate, and what could not be read is kept, sealed."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from ecluse.adapters.connectors.files.folder import listed
from ecluse.adapters.connectors.files.source import FilesSource
from ecluse.base.refusal import Refusal
from ecluse.passage.rejects import RejectVault
from ecluse.passage.site import rejects_key
from ecluse.proof.canonical import strict_json
from ecluse.proof.sign import verify_document
from ecluse.wiring.course import Course
from ecluse.wiring.demonstration import Ready
from tests.ports.format_lines import Lines, line
from tests.workspaces import laboratory, start

OLD = resources.files("ecluse.invent").joinpath("mappings", "invented-old.toml").read_text("utf-8")


def as_messages(database: Path, folder: Path) -> int:
    """Every row of the old base as a message, in files of one table each, and every patient told twice; how many lines.

    An empty text becomes an absent one in the base itself first: no message tells the two apart.
    """
    folder.mkdir()
    known = Lines(OLD)
    written = 0
    with closing(sqlite3.connect(database)) as old:
        old.row_factory = sqlite3.Row
        for table in known._ids:
            for column in known._fields[table]:
                old.execute(f'UPDATE "{table}" SET "{column}" = NULL WHERE "{column}" = \'\'')
            old.commit()
            rows = [dict(row) for row in old.execute(f'SELECT * FROM "{table}"')]
            told = [
                line(table, **{name: _text(value) for name, value in row.items() if value is not None})
                for row in rows
            ]
            if table == "PATIENT":
                told = [line("PATIENT", NUMPAT=_text(row["NUMPAT"]), COMM1="ancien") for row in rows] + told
            (folder / f"{table}.jsonl").write_bytes(b"".join(told))
            written += len(told)
    return written


def _text(value: object) -> str | bytes:
    return value if isinstance(value, str | bytes) else str(value)


def of_files(ready: Ready, folder: Path) -> Course:
    """The passage whose source is that folder, and nothing else changed."""
    return replace(
        ready.course,
        source_system=lambda: FilesSource(Lines(OLD), lambda: listed(folder), scratch=folder.parent),
    )


def test_files_of_messages_give_the_very_parcel_the_base_gives(tmp_path: Path) -> None:
    """The same people told by messages, some of them twice: the same rows leave, sum for sum, and the same rows stay, by the same rules."""
    _, ready = laboratory(tmp_path / "home", patients=60)
    by = ready.cast.ids["engineer"]
    as_messages(tmp_path / "home" / "old.sqlite", tmp_path / "messages")
    live = ready.course.extract(start(ready), by=by)
    told = of_files(ready, tmp_path / "messages").extract(start(ready), by=by)
    for kind, statement in live.kinds.items():
        assert told.kinds[kind].sums.lines() == statement.sums.lines(), kind
        assert told.kinds[kind].excluded == statement.excluded, kind
        assert told.kinds[kind].rejected == statement.rejected, kind
    assert live.account is None


def test_every_unit_of_every_file_is_accounted_for(tmp_path: Path) -> None:
    """A message cut in the middle, a result of no request, the removal of what was never told, a line of no meaning here: each is counted
    once, under its fate; nothing is unexplained; and the octets that could not be read lie sealed at the laboratory alone.
    """
    _, ready = laboratory(tmp_path / "home", patients=20)
    lines = as_messages(tmp_path / "home" / "old.sqlite", tmp_path / "messages")
    cut = line("PATIENT", NUMPAT="P-CUT", NOMNAI="COUPÉE")[:40]
    strange = (
        b'{"note": "MSH"}\n' + line("HUMEUR", NUM="1") + line("RESULT", NUMRES="A-GONE", gone=True)
        + line("RESULT", NUMRES="A-LOST", NUMDOS="R-NEVER", CODANA="GLU") + cut
    )  # fmt: skip
    (tmp_path / "messages" / "strange.jsonl").write_bytes(strange)
    course, by, name = of_files(ready, tmp_path / "messages"), ready.cast.ids["engineer"], start(ready)
    course.run(name, by=by)

    result = course.reconcile(name, by=by)
    account = result.account
    assert account is not None
    assert result.unexplained == account.unexplained == 0
    assert account.seen == lines + 5
    assert account.fates == {"carried": lines + 2, "structure": 1, "not-in-vocabulary": 1, "unread": 1}
    assert account.facts["RESULT"].never_told == 1
    assert account.facts["PATIENT"].superseded == account.facts["PATIENT"].records
    assert account.orphans["result.request"] == 1
    assert Counter(account.unread) == Counter({"no-record": 1})

    key = rejects_key(name)
    identity = ready.source.keys.identity(key)
    kept = list(RejectVault(ready.source.rejects, key, to=identity.recipient()).read([identity]))
    assert [row["raw"] for it in kept if it.kind == "unread" for row in it.rows.to_pylist()] == [cut]
    for file in tmp_path.rglob("*"):
        if file.is_file() and (tmp_path / "messages") not in file.parents:
            assert cut not in file.read_bytes()


def test_what_became_of_every_unit_is_stated_and_signed(tmp_path: Path) -> None:
    """The laboratory holds a signed statement of every unit by name and fate, and of the columns dropped: counts, and no value."""
    _, ready = laboratory(tmp_path / "home", patients=20)
    lines = as_messages(tmp_path / "home" / "old.sqlite", tmp_path / "messages")
    name = start(ready)
    of_files(ready, tmp_path / "messages").run(name, by=ready.cast.ids["engineer"])
    (noted,) = ready.source.bodies("dump.stated", subject=name)
    envelope = ready.source.documents.get(str(noted["document"]))
    verified = verify_document(envelope, type="statement", keys={"source": ready.source.agent.public})
    stated = strict_json(verified.payload)
    assert isinstance(stated, dict)
    assert stated["files"]["units"] == {"line": {"carried": lines}}
    assert {"COMM1", "COMM2", "MEL", "NSS"} <= set(stated["files"]["dropped"]["PATIENT"])
    with closing(sqlite3.connect(tmp_path / "home" / "old.sqlite")) as old:
        for (value,) in old.execute("SELECT NOMNAI FROM PATIENT WHERE length(NOMNAI) > 5"):
            assert value.encode() not in verified.payload


def test_a_folder_of_another_format_is_refused_and_nothing_leaves(tmp_path: Path) -> None:
    """Where more than a tenth of a thousand units and more cannot be read, the run stops, says why, and closes no parcel."""
    _, ready = laboratory(tmp_path / "home", patients=20)
    as_messages(tmp_path / "home" / "old.sqlite", tmp_path / "messages")
    (tmp_path / "messages" / "other.jsonl").write_bytes(b"MSH|^~\\&|\n" * 5_000)
    name = start(ready)
    with pytest.raises(Refusal, match="extract/too-many-unread") as refused:
        of_files(ready, tmp_path / "messages").run(name, by=ready.cast.ids["engineer"])
    assert refused.value.values["got"] == 5_000
    assert ready.source.migration(name).state.name == "INSTRUCTED"
