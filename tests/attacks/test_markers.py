"""Every personal field filled with a marker, and everything that can go wrong made to go wrong: no marker stands in anything Écluse wrote."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from ecluse.wiring.demonstration import PASSPHRASE
from tests.workspaces import laboratory

MARK = "MRQ7"
PERSONAL = {
    "PATIENT": ("NOMNAI", "NOMUSU", "PRENOM", "ADR", "VILLE", "MEL", "TELPOR", "TELFIX", "COMM1", "COMM2"),
    "PRESCR": ("NOM", "PRENOM", "ADR", "VILLE", "TEL"),
    "DOSSIER": ("RENSCL",),
    "RESULT": ("VALRES", "COMRES", "VALIDPAR"),
}
OFTEN = ("VILLE", "PRENOM", "NOMUSU", "TELFIX", "VALIDPAR")
"""Of these, everybody has the same: a frequent name is somebody's too."""


def fill_with_markers(database: Path) -> None:
    """Markers in every personal column; some dates, codes and names such that each kind of rejection happens at either side."""
    with sqlite3.connect(database) as old:
        old.execute("PRAGMA ignore_check_constraints = on")
        for table, columns in PERSONAL.items():
            for column in columns:
                apart = "" if column in OFTEN else " || rowid"
                old.execute(f"UPDATE {table} SET {column} = '{MARK}-{column}-'{apart}")
        old.execute(f"UPDATE PATIENT SET CP = '{MARK}1', LIEUNAI = '{MARK}2'")
        ids = [
            row[0]
            for row in old.execute(
                "SELECT DISTINCT NUMPAT FROM DOSSIER WHERE DATDEM BETWEEN '20170101' AND '20191231' AND CODSITE <> '28'"
            )
        ]
        assert len(ids) >= 5
        old.execute(f"UPDATE PATIENT SET DATNAI = '{MARK}' WHERE NUMPAT = ?", (ids[0],))
        old.execute("UPDATE PATIENT SET DATNAI = '19990230' WHERE NUMPAT = ?", (ids[1],))
        old.execute(f"UPDATE PATIENT SET SEXE = '{MARK[0]}' WHERE NUMPAT = ?", (ids[2],))
        old.execute(
            f"UPDATE PATIENT SET NOMNAI = '{MARK}' || printf('%.*c', 400, 'X') WHERE NUMPAT = ?", (ids[3],)
        )
        old.execute(f"UPDATE PATIENT SET ADR = CAST(x'FF' || '{MARK}' AS TEXT) WHERE NUMPAT = ?", (ids[4],))


def told(home: Path, *words: str, ends: set[int], languages: tuple[str, ...] = ("fr",)) -> str:
    """What one command wrote, on both of its outputs."""
    written = ""
    for language in languages:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("ecluse")), "--home", str(home), "--language", language, *words],
            capture_output=True, text=True, check=False, env={"PATH": os.defpath, "NO_COLOR": "1"}, timeout=120, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode in ends, (words, done.returncode, done.stderr[-2000:])
        written += done.stdout + done.stderr
    return written


def test_no_marker_stands_in_any_output_or_file(tmp_path: Path) -> None:
    """Plans, runs, refusals, lists of rejects, reports, the ledger and every file of the workspace: searched whole, no marker is found."""
    made, ready = laboratory(tmp_path / "home", patients=30)
    home = tmp_path / "home"
    fill_with_markers(home / "old.sqlite")
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE + "\n")
    secret.chmod(0o600)
    engineer = ("--as", ready.cast.ids["engineer"], "--passphrase-file", str(secret))
    biologist = ("--as", ready.cast.ids["biologist"], "--passphrase-file", str(secret))
    del ready, made
    anything = set(range(13))
    written = told(home, "plan", ends=anything, languages=("fr", "en"))
    for words in (("profile", "source"), ("profile", "source", "--json"), ("mapping", "draft", "source")):
        shown = told(home, *words, ends={0})
        assert "PRENOM" in shown
        written += shown
    written += told(home, "run", *engineer, ends=anything)
    with sqlite3.connect(
        home / "old.sqlite"
    ) as old:  # the column that is not UTF-8 stopped the run: mended, it goes on
        old.execute(
            "UPDATE PATIENT SET ADR = 'x' WHERE CAST(ADR AS BLOB) LIKE '%' || x'FF' || '%' OR hex(ADR) LIKE 'FF%'"
        )
    written += told(home, "run", *engineer, ends={0, 3})
    for words in (
        ("rejects", "list"),
        ("rejects", "list", "--json"),
        ("reconcile", *engineer),
        ("rejects", "replay", *engineer),
        ("reconcile", *engineer),
    ):
        written += told(home, *words, ends=anything)
    written += told(home, "profile", "target", "--json", ends={0})
    written += told(home, "report", ends=anything)
    written += told(home, "accept", *biologist, ends=anything) + told(
        home, "erase", *biologist, ends=anything
    )
    for words in (
        ("lock", "status"),
        ("lock", "status", "--json"),
        ("ledger", "show"),
        ("doctor",),
        ("bundle",),
    ):
        written += told(home, *words, ends=anything)
    assert "rejet" in written
    assert len(written) > 4000
    assert MARK not in written
    systems = ("old.sqlite", "new.sqlite")
    searched = [file for file in home.rglob("*") if file.is_file() and not file.name.startswith(systems)]
    assert len(searched) > 30
    assert [str(file) for file in searched if MARK.encode() in file.read_bytes()] == []
