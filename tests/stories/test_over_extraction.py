"""Finding: the tool extracted more than the laboratories had asked, since the old system could only give everything."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from ecluse.base.refusal import Refusal
from ecluse.terms.instruction import Instruction, NamedField, SpecialCategory
from tests.workspaces import also, carried, laboratory, start


def asked(home: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(home / "new.sqlite") as new:
        return new.execute(query).fetchall()


def old(home: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(home / "old.sqlite") as source:
        return source.execute(query).fetchall()


def test_only_the_named_period_and_sites_arrive(tmp_path: Path) -> None:
    """The laboratory named five of its six years and all its sites but one: no other request, result or patient arrives."""
    made, ready = laboratory(tmp_path, patients=300)
    carried(ready)
    orders = asked(
        tmp_path, "SELECT min(ordered_on), max(ordered_on), group_concat(DISTINCT site_code) FROM orders"
    )
    first, last, sites = orders[0]
    assert str(first) >= "2016-01-01"
    assert str(last) <= "2020-12-31"
    left_out = {row[0] for row in old(tmp_path, "SELECT CODSITE FROM SITE")} - set(
        made.instruction(agreement="", codes="", certificate="").sites
    )
    assert left_out
    assert not left_out & set(str(sites).split(","))
    query = "SELECT count(*) FROM DOSSIER WHERE DATDEM BETWEEN '20160101' AND '20201231' AND CODSITE NOT IN ({})".format(
        ",".join(f"'{it}'" for it in left_out)
    )
    assert asked(tmp_path, "SELECT count(*) FROM orders") == old(tmp_path, query)


def test_no_column_that_was_not_named_arrives(tmp_path: Path) -> None:
    """Free texts, phones, e-mails and insured numbers were not named: their columns are empty at the other side."""
    _, ready = laboratory(tmp_path, patients=300)
    carried(ready)
    unnamed = ["note", "second_note", "phone", "mobile", "email", "insured_number"]
    assert old(tmp_path, "SELECT count(*) FROM PATIENT WHERE MEL IS NOT NULL AND MEL <> ''")[0][0] > 0  # type: ignore[operator]
    for column in unnamed:
        assert asked(tmp_path, f"SELECT count(*) FROM patients WHERE {column} IS NOT NULL") == [(0,)]
    assert asked(tmp_path, "SELECT count(*) FROM attachments") == [(0,)]


def test_no_test_of_a_category_that_was_not_named_arrives(tmp_path: Path) -> None:
    """HIV, pregnancy, genetics and the others were not named: not one test of theirs arrives, whatever its result, nor its act on an invoice."""
    _made, ready = laboratory(tmp_path, patients=300)
    carried(ready)
    from ecluse.invent.catalogue import classification

    special = {
        line.code for line in classification() if line.categories != ("H",) and line.kind == "analysis"
    }
    acts = {line.code for line in classification() if line.categories != ("H",) and line.kind == "act"}
    assert {row[0] for row in old(tmp_path, "SELECT DISTINCT trim(CODANA) FROM RESULT")} & special
    assert not {row[0] for row in asked(tmp_path, "SELECT DISTINCT test_code FROM observations")} & special
    assert not {row[0] for row in asked(tmp_path, "SELECT DISTINCT act_code FROM charges")} & acts


def test_a_named_free_text_stays_with_the_tests_that_were_not_named(tmp_path: Path) -> None:
    """The patient's comment was named with a reason: it leaves only for patients of whom no request holds a test of a category not named."""

    def with_comments(instruction: Instruction) -> Instruction:
        reason = "Les consignes de prélèvement y sont notées."
        return replace(
            also(instruction, "patient", "comment"), free_text=(NamedField("patient.comment", reason),)
        )

    _, ready = laboratory(tmp_path, patients=300, change=with_comments)
    name = carried(ready)
    statement = ready.course.received(name).statement.kinds["patient"]
    assert statement.withheld.total() > 0
    arrived = asked(tmp_path, "SELECT id FROM patients WHERE note IS NOT NULL")
    assert arrived
    from ecluse.invent.catalogue import classification

    special = ",".join(
        f"'{line.code}'" for line in classification() if line.categories != ("H",) and line.kind == "analysis"
    )
    marked = old(
        tmp_path,
        f"SELECT DISTINCT D.NUMPAT FROM RESULT R JOIN DOSSIER D ON D.NUMDOS = R.NUMDOS WHERE trim(R.CODANA) IN ({special})",
    )
    assert not {row[0] for row in arrived} & {row[0] for row in marked}


def with_reports(instruction: Instruction) -> Instruction:
    """The instruction also takes the reports, with its reason."""
    taken = also(instruction, "document", "id", "request", "media_type", "content", "visibility")
    return replace(taken, documents=(NamedField("document.content", "Les comptes rendus signés font foi."),))


def test_a_report_stays_when_its_request_holds_a_test_that_was_not_named(tmp_path: Path) -> None:
    """A PDF repeats everything: no report leaves of a request that holds a test of a category not named; others do, if what they show is named."""

    def with_numbers(instruction: Instruction) -> Instruction:
        return also(with_reports(instruction), "patient", "nss")

    _made, ready = laboratory(tmp_path, patients=300, change=with_numbers)
    name = carried(ready)
    statement = ready.course.received(name).statement.kinds["document"]
    kept_back = {rule for rule in statement.by_rule if rule.startswith("container/")}
    assert kept_back
    assert statement.moved > 0
    assert statement.opened == {"pdf: whole": statement.moved}
    from ecluse.invent.catalogue import classification

    special = ",".join(
        f"'{line.code}'" for line in classification() if line.categories != ("H",) and line.kind == "analysis"
    )
    marked = {row[0] for row in old(tmp_path, f"SELECT NUMDOS FROM RESULT WHERE trim(CODANA) IN ({special})")}
    assert not {row[0] for row in asked(tmp_path, "SELECT order_id FROM attachments")} & marked


def test_a_report_that_shows_a_number_not_named_stays_and_is_counted(tmp_path: Path) -> None:
    """Reports were named, the insured person's number was not: every report that shows a NIR is refused with that reason, and none arrives."""
    _made, ready = laboratory(tmp_path, patients=300, change=with_reports)
    name = carried(ready)
    statement = ready.course.received(name).statement.kinds["document"]
    assert statement.rejected == {"content: holds patient.nss": statement.opened["pdf: refused"]}
    assert statement.rejected.total() > 0
    import re

    arrived = asked(tmp_path, "SELECT content FROM attachments")
    assert not [row for row in arrived if re.search(rb"NIR \d", bytes(row[0]))]  # type: ignore[arg-type]


def test_a_named_category_arrives_and_takes_two_signatures(tmp_path: Path) -> None:
    """Genetics was named with a reason: its tests arrive, because two persons signed; the other categories stay."""

    def with_genetics(instruction: Instruction) -> Instruction:
        return replace(
            instruction, special=(SpecialCategory("GEN", "Suivi des patients de génétique du site."),)
        )

    _, ready = laboratory(tmp_path, patients=400, change=with_genetics)
    name = carried(ready)
    rules = ready.course.received(name).statement.kinds["result"].by_rule
    assert "category/GEN" not in rules
    assert "category/HIV" in rules


def test_an_unclassified_code_blocks_the_whole_run(tmp_path: Path) -> None:
    """One local code that no biologist classified: nothing leaves at all, and the refusal lists the code."""
    _made, ready = laboratory(tmp_path)
    with sqlite3.connect(tmp_path / "old.sqlite") as source:
        source.execute(
            "UPDATE RESULT SET CODANA = 'ZZTOP   ' WHERE NUMRES = (SELECT min(NUMRES) FROM RESULT WHERE DATDEM BETWEEN '20160101' AND '20201231' AND CODSITE = '01')"
        )
    name = start(ready)
    with pytest.raises(Refusal) as refused:
        ready.course.extract(name, by=ready.cast.ids["engineer"])
    assert refused.value.code == "codes/unclassified"
    assert "ZZTOP" in refused.value.message()
    assert ready.source.spool.names(name) == []


def test_a_column_that_holds_secrets_does_not_leave_whatever_its_name(tmp_path: Path) -> None:
    """Somebody kept passwords' digests in the column of the second name: named or not, it does not leave."""
    _, ready = laboratory(tmp_path)
    with sqlite3.connect(tmp_path / "old.sqlite") as source:
        source.execute("UPDATE PATIENT SET NOMUSU = lower(hex(randomblob(32)))")
    with pytest.raises(Refusal) as refused:
        ready.course.extract(start(ready), by=ready.cast.ids["engineer"])
    assert refused.value.code == "extract/secret"
    assert "NOMUSU" in refused.value.message()


def test_the_portal_s_passwords_never_enter_a_parcel(tmp_path: Path) -> None:
    """The old portal keeps clear-text passwords: no table of it is read, and none of them is anywhere in the new system."""
    _, ready = laboratory(tmp_path, patients=300)
    carried(ready)
    passwords = [
        str(row[0]).encode() for row in old(tmp_path, "SELECT MDP FROM PORTAIL WHERE length(MDP) >= 8")
    ]
    assert passwords
    new = (tmp_path / "new.sqlite").read_bytes()
    assert not [password for password in passwords if password in new]


def test_more_patients_than_the_laboratory_expected_do_not_leave(tmp_path: Path) -> None:
    """The instruction foresees at most ten patients; the base holds more within it: nothing is deposited."""

    def of_ten(instruction: Instruction) -> Instruction:
        return replace(instruction, limits=replace(instruction.limits, max_patients=10))

    _, ready = laboratory(tmp_path, change=of_ten)
    name = start(ready)
    with pytest.raises(Refusal) as refused:
        ready.course.run(name, by=ready.cast.ids["engineer"])
    assert (refused.value.code, refused.value.exit) == ("extract/too-many-patients", 8)
    assert ready.source.custody.names(name) == []
