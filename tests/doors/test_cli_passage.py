"""A whole passage typed at the door, SQLite to SQLite: the lamps one by one, every step, and not one patient's value printed."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ecluse.doors.cli import app
from ecluse.doors.cli.shown import SHOWN
from tests.doors.conftest import Desk

MARKED = ("NOMNAI", "NOMUSU", "PRENOM", "MATINS", "NSS", "TELFIX", "TELPOR", "MEL", "ADR")
"""Columns of the invented old system's patients whose values may never be printed."""


def lit(desk: Desk, *, code: int) -> dict[str, bool]:
    """The lamps by name."""
    return {lamp["lamp"]: lamp["lit"] for lamp in desk.json("lock", "status", code=code)["lamps"]}


def patients_values(desk: Desk) -> set[str]:
    """Every telling value of every invented patient."""
    with sqlite3.connect(desk.home / "old.sqlite") as old:
        rows = old.execute(f"SELECT {', '.join(MARKED)} FROM PATIENT").fetchall()
    return {str(value).strip() for row in rows for value in row if value and len(str(value).strip()) > 5}


def test_the_lamps_are_lit_one_by_one_and_nothing_leaves_before(desk: Desk) -> None:
    """Each signature lights its lamp and no other; while one is dark, `run` is refused with that lamp's exit code, and the ledger has no migration."""
    target = {"target": True}
    dark = {"agreement": False, "instruction": False, "recipient": False}
    assert lit(desk, code=5) == {**dark, **target}
    desk.type("agreement", "sign", desk.file("agreement.toml"), *desk.by("biologist"))
    assert lit(desk, code=5) == {**dark, **target}
    desk.type("agreement", "sign", desk.file("agreement.toml"), *desk.by("representative"))
    assert lit(desk, code=5) == {**dark, **target, "agreement": True}
    desk.type("instruction", "draft", "--id", "essai-1", "--purpose", "Reprendre les dossiers.", "--from", "2016-01-01", "--to", "2020-12-31",
              "--person", "Noa", "--organisation", "Kalibio", code=5)  # fmt: skip
    desk.type("codes", "sign", desk.file("codes.toml"), *desk.by("biologist"))
    made = desk.json("recipient", "new", "essai", "--passphrase-file", desk.file("passphrase.txt"))
    desk.type(
        "recipient", "compare", made["certificate"], "--fingerprint", "0" * 32, *desk.by("biologist"), code=7
    )
    assert lit(desk, code=5) == {**dark, **target, "agreement": True}
    desk.type(
        "recipient",
        "compare",
        made["certificate"],
        "--fingerprint",
        made["fingerprint"],
        *desk.by("biologist"),
    )
    assert lit(desk, code=5) == {**dark, **target, "agreement": True, "recipient": True}
    desk.draft()
    refused = desk.type("run", *desk.by("engineer"), code=5)
    assert "[lock/no-instruction]" in refused.stderr
    assert desk.json("lock", "status", code=5)["migrations"] == []
    desk.type("instruction", "sign", desk.file("instruction.toml"), *desk.by("engineer"), code=12)
    desk.type("instruction", "sign", desk.file("instruction.toml"), *desk.by("biologist"))
    assert all(lit(desk, code=0).values())


def test_a_dark_lamp_says_why_and_what_to_do(desk: Desk) -> None:
    """Under each dark lamp stand its reason and one command, in the reader's language; there is nothing to force it."""
    french, english = (desk.type("lock", "status", language=language, code=5) for language in ("fr", "en"))
    assert "Rien ne peut partir." in french.stdout
    assert "Nothing can leave." in english.stdout
    assert french.stdout.count("conseil : ") == english.stdout.count("hint: ") == 3
    assert french.stderr.strip().splitlines()[-1].startswith("Ensuite : ecluse ")
    assert english.stderr.strip().splitlines()[-1].startswith("Next: ecluse ")


def test_a_whole_passage_is_typed_and_no_patients_value_is_ever_printed(desk: Desk) -> None:
    """Every verb of a passage does its step, tells its documented JSON, and prints no value of any invented patient; the bundle then verifies."""
    desk.type("person", "list")
    desk.type("doctor")
    desk.type("mapping", "check", "source")
    desk.type("profile", "source")
    desk.type("agreement", "check", desk.file("agreement.toml"), "--html", desk.file("contrat.html"))
    desk.type("codes", "draft")
    desk.type("codes", "check", desk.file("codes.toml"))
    desk.sign_all()
    desk.type("recipient", "show")
    desk.type("instruction", "show", desk.file("instruction.toml"), "--preview")
    desk.type("instruction", "verify")
    plan = desk.json("plan")
    assert plan["patients"] > 0
    assert desk.json("plan", "--grants", "reader")["grants"]
    assert "?" in "".join(desk.json("plan", "--sql")["sql"]) or ":" in "".join(
        desk.json("plan", "--sql")["sql"]
    )
    desk.type("plan", "--rehearse", "5")
    desk.type("run", "--dry-run", *desk.by("engineer"))
    assert desk.json("lock", "status")["migrations"] == []
    ran = desk.json("run", *desk.by("engineer"))
    assert set(ran) == set(SHOWN["run"])
    assert (ran["done"], ran["state"]) == (["extract", "deposit", "hand-over", "load", "reconcile"], "loaded")
    again = desk.json("run", *desk.by("engineer"))
    assert (again["migration"], again["done"]) == (ran["migration"], [])
    sample = desk.json("sample", *desk.by("biologist"))
    assert set(sample["verdicts"]) >= {"equal"}
    assert sample["differing"] == []
    desk.type("sample", *desk.by("engineer"), code=12)
    side_by_side = desk.home / "echantillon.html"
    desk.type("sample", "--html", str(side_by_side), *desk.by("biologist"))
    assert side_by_side.stat().st_mode & 0o077 == 0
    desk.type("report", desk.file("trop-tot.html"), "--certificate", code=5)
    desk.type("rejects", "list")
    desk.type("accept", *desk.by("engineer"), code=12)
    desk.type("accept", "--dry-run", *desk.by("biologist"))
    desk.type("accept", *desk.by("biologist"))
    erased = desk.json("erase", *desk.by("engineer"))
    assert {place["method"] for place in erased["result"]["places"]} == {"key-destroyed", "files-deleted"}
    assert desk.json("lock", "status")["migrations"] == [
        {"name": ran["migration"], "state": "erased", "gate": ""}
    ]
    report, certificate = desk.home / "rapport.html", desk.home / "attestation.html"
    told = desk.json("report", str(report), "--migration", ran["migration"])
    assert (told["state"], told["unexplained"]) == ("erased", 0)
    desk.type("report", str(certificate), "--certificate", "--migration", ran["migration"], language="en")
    desk.printed += [report.read_text("utf-8"), certificate.read_text("utf-8")]
    bundle, policy = desk.file("bundle.zip"), desk.file("policy.json")
    desk.type("bundle", bundle, "--policy", policy, "--report", str(report))
    assert desk.json("verify", bundle, "--policy", policy)["holds"] is True
    desk.type("ledger", "show", "--subject", ran["migration"])
    printed = "\n".join(desk.printed)
    assert [value for value in patients_values(desk) if value in printed] == []


def test_each_step_alone_is_done_in_its_turn_only(desk: Desk) -> None:
    """A step out of its turn is refused with exit code 5; in its turn it is done once; undone, it can be loaded again."""
    desk.sign_all()
    engineer = desk.by("engineer")
    name = desk.json("run", "--dry-run", *engineer)["migration"]
    assert name == ""
    site_before = desk.json("ledger", "show")["entries"]
    desk.type("extract", *engineer, code=2)
    assert desk.json("ledger", "show")["entries"] == site_before
    name = _begun(desk)
    desk.type("load", name, *engineer, code=5)
    for step in ("extract", "deposit", "hand-over", "load"):
        desk.type(step, name, "--dry-run", *engineer)
        told = desk.json(step, name, *engineer)
        assert set(told) == set(SHOWN[step])
        desk.type(step, name, *engineer, code=5)
    removed = desk.json("rollback", name, "--to", "0", *engineer)["removed"]
    assert removed > 0
    assert desk.json("load", name, *engineer)["result"]["written"] == removed
    found = desk.json("reconcile", name, *engineer)["result"]
    assert (found["unexplained"], found["failed"]) == (0, [])


def _begun(desk: Desk) -> str:
    """A migration begun and nothing more, as a run that was killed at once leaves it."""
    from ecluse.passage.lock import current_instruction
    from ecluse.passage.outbound import begin
    from ecluse.wiring.settings import read_settings
    from ecluse.wiring.workspace import Workspace

    site = Workspace(read_settings(desk.home)).site("source")
    return begin(site, by=desk.people["engineer"], instruction=current_instruction(site))


def test_rows_that_the_target_lost_end_with_4(desk: Desk) -> None:
    """A record missing from the target is unexplained: `reconcile` ends with 4 and nobody can accept."""
    desk.sign_all()
    name = _begun(desk)
    engineer = desk.by("engineer")
    for step in ("extract", "deposit", "hand-over", "load"):
        desk.type(step, name, *engineer)
    with sqlite3.connect(desk.home / "new.sqlite") as new:
        tables = [row[0] for row in new.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        table = max(
            (one for one in tables if one != "ecluse_load"),
            key=lambda one: new.execute(f'SELECT count(*) FROM "{one}"').fetchone()[0],
        )
        new.execute(f'DELETE FROM "{table}" WHERE rowid = (SELECT min(rowid) FROM "{table}")')
    refused = desk.type("reconcile", name, *engineer, code=4)
    assert "[reconcile/unexplained]" in refused.stderr
    desk.type("accept", name, *desk.by("biologist"), code=4)


def test_an_instruction_taken_back_stops_everything(desk: Desk) -> None:
    """A revoked instruction ends every run with exit code 6; what was under way can only be erased."""
    desk.sign_all()
    name = _begun(desk)
    desk.type(
        "instruction", "revoke", "--reason", "Le laboratoire change d'avis.", *desk.by("engineer"), code=12
    )
    desk.type(
        "instruction",
        "revoke",
        "--reason",
        "Le laboratoire change d'avis.",
        "--dry-run",
        *desk.by("biologist"),
    )
    stopped = desk.json(
        "instruction", "revoke", "--reason", "Le laboratoire change d'avis.", *desk.by("biologist")
    )
    assert stopped["stopped"] == [name]
    assert lit(desk, code=6)["instruction"] is False
    desk.type("run", *desk.by("engineer"), code=6)
    assert desk.json("run", name, *desk.by("engineer"))["done"] == ["erase"]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_instruction_is_one_page_and_one_file(language: str, desk: Desk) -> None:
    """`instruction show` prints one page in the reader's language; --html writes one file that fetches nothing and is never overwritten."""
    desk.sign_all()
    shown = desk.type("instruction", "show", language=language)
    assert {"fr": "CE QUI NE PARTIRA PAS", "en": "WHAT WILL NOT LEAVE"}[language] in shown.stdout
    page = desk.home / "page.html"
    desk.type("instruction", "show", "--html", str(page), language=language)
    text = page.read_text("utf-8")
    assert f'lang="{language}"' in text
    assert "http://" not in text
    assert "https://" not in text
    assert "<script" not in text
    desk.type("instruction", "show", "--html", str(page), code=2)


def test_an_incomplete_agreement_ends_with_5_and_cannot_be_signed(desk: Desk) -> None:
    """An empty agreement shows each lacking mention with its article, ends with 5, and signing it is refused."""
    empty = desk.home / "vide.toml"
    desk.type("agreement", "new", str(empty))
    desk.type("agreement", "new", str(empty), code=2)
    judged = desk.json("agreement", "check", str(empty), code=5)
    assert judged["complete"] is False
    assert {mention["verdict"] for mention in judged["mentions"]} >= {"empty"}
    desk.type("agreement", "sign", str(empty), *desk.by("biologist"), code=5)
    desk.type("agreement", "check", desk.file("absent.toml"), code=2)


def test_an_invented_laboratory_is_typed(tmp_path: Path) -> None:
    """`ecluse invent` fills a database and says how many rows of each table; a second time it is refused."""
    url = f"sqlite:///{tmp_path}/old.sqlite"
    told = CliRunner().invoke(app, ["invent", url, "--patients", "5", "--json"])
    assert json.loads(told.stdout)["rows"]["PATIENT"] == 5
    assert CliRunner().invoke(app, ["invent", url, "--patients", "5"]).exit_code != 0
    assert (
        CliRunner().invoke(app, ["invent", f"sqlite:///{tmp_path}/new.sqlite", "--empty-new"]).exit_code == 0
    )


def test_the_demonstration_is_played_to_its_certificate(tmp_path: Path) -> None:
    """`ecluse demo` carries an invented laboratory to the certificate in under two screens and leaves a bundle that verifies."""
    home = tmp_path / "demo"
    told = CliRunner().invoke(app, ["demo", str(home), "--patients", "20"])
    assert told.exit_code == 0, told.stderr
    assert len(told.stdout.splitlines()) < 48
    checked = CliRunner().invoke(
        app, ["verify", str(home / "bundle.zip"), "--policy", str(home / "policy.json"), "--json"]
    )
    assert json.loads(checked.stdout)["holds"] is True
    assert "<html" in (home / "report.html").read_text("utf-8")
    assert CliRunner().invoke(app, ["demo", str(home)]).exit_code == 2
