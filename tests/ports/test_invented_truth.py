"""The answer sheet of an invented laboratory, held against SQL over the filled database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from ecluse.adapters.invented import fill
from ecluse.invent.catalogue import classification
from ecluse.invent.truth import KINDS, ground_truth


def test_the_truth_is_what_sql_counts(tmp_path: Path) -> None:
    """Rows by kind, by site and month, and by category, as counted by the generator, are those that SQL joins count in SQLite."""
    place = tmp_path / "old.db"
    fill(f"sqlite:///{place}", patients=4000, seed=9, documents=0.4)
    truth = ground_truth(4000, 9, documents=0.4)
    with closing(sqlite3.connect(place)) as database:
        acts_only = {"FACTUR": " AND t.TYPLIG = 'A'"}
        for kind, table in KINDS.items():
            only = acts_only.get(table, "")
            found = database.execute(f"SELECT count(*) FROM {table} t WHERE 1 = 1{only}").fetchone()[0]
            assert truth.rows[kind] == found > 0
            if kind in ("patient", "prescriber"):
                continue
            months = database.execute(
                "SELECT d.CODSITE, substr(d.DATDEM, 1, 4) || '-' || substr(d.DATDEM, 5, 2), count(*) "
                f"FROM {table} t JOIN DOSSIER d ON d.NUMDOS = t.NUMDOS{only} GROUP BY 1, 2"
            ).fetchall()
            assert {key: count for key, count in truth.months.items() if key[0] == kind} == {
                (kind, site, month): count for site, month, count in months
            }
        database.execute("CREATE TEMP TABLE classified (sort, code, category)")
        database.executemany(
            "INSERT INTO classified VALUES (?, ?, ?)",
            [
                (line.kind, line.code, category)
                for line in classification()
                for category in line.categories
                if category != "H"
            ],
        )
        tests = "SELECT t.NUMDOS, t.NUMRES, c.category FROM RESULT t JOIN classified c ON c.code = rtrim(t.CODANA) AND c.sort = 'analysis'"
        acts = "SELECT f.NUMDOS, f.NUMFAC, c.category FROM FACTUR f JOIN classified c ON c.code = f.CODACT AND c.sort = 'act'"
        marked = f"SELECT NUMDOS, category FROM ({tests}) UNION SELECT NUMDOS, category FROM ({acts})"
        queries = {
            "result": f"SELECT category FROM ({tests})",
            "invoice": f"SELECT category FROM ({acts})",
            "isolate": f"SELECT x.category FROM GERME g JOIN ({tests}) x ON x.NUMRES = g.NUMRES",
            "susceptibility": "SELECT x.category FROM ABG a JOIN GERME g ON g.NUMGER = a.NUMGER "
            f"JOIN ({tests}) x ON x.NUMRES = g.NUMRES",
            "request": f"SELECT x.category FROM DOSSIER d JOIN ({marked}) x ON x.NUMDOS = d.NUMDOS",
            "specimen": f"SELECT x.category FROM ECHANT d JOIN ({marked}) x ON x.NUMDOS = d.NUMDOS",
            "document": f"SELECT x.category FROM CRPDF d JOIN ({marked}) x ON x.NUMDOS = d.NUMDOS",
        }
        for kind, query in queries.items():
            counted = database.execute(f"SELECT category, count(*) FROM ({query}) GROUP BY 1").fetchall()
            assert {
                key[1]: count for key, count in truth.categories.items() if key[0] == kind and count
            } == dict(counted), kind
