"""The grammar of an instruction, what must be named together, its draft, its revocation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from ecluse.base.refusal import Refusal
from ecluse.terms.instruction import (
    AcceptedExcess,
    Instruction,
    NamedField,
    Revocation,
    SpecialCategory,
    draft,
    draft_revocation,
    parse,
    parse_revocation,
)
from ecluse.terms.instruction.naming import check_named
from ecluse.terms.vocabulary import Vocabulary, vocabulary
from tests.documents import CERTIFICATE, INSTRUCTION

FULL = INSTRUCTION.replace(
    '"unit", ', '"unit", "comment", "specimen", '
).replace("result = [", 'specimen = ["id", "request", "type"]\nresult = [').replace(
    "[limits]",
    """[[special]]
category = "HIV"
reason = "continuité du suivi des patients"
[[free_text]]
field = "result.comment"
reason = "interprétations signées des biologistes"
[[accepts_excess]]
privilege = "SELECT ON lis.portal"
reason = "compte unique de l'ancien logiciel"
[limits]""",
).replace('disposition = "keep"', """disposition = "erase"
keeper = "Archives du Golfe"
until = 2037-01-01
legal_basis = "CSP L.1142-28"
""")  # fmt: skip


def read(text: str) -> Instruction:
    return parse(text.encode(), vocabulary=vocabulary())


def changed(old: str, new: str, text: str = INSTRUCTION) -> str:
    assert old in text
    return text.replace(old, new, 1)


def refused(text: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(text)
    for language in ("fr", "en"):
        assert caught.value.message(language)
        assert caught.value.hint(language)
    return caught.value


def test_a_parsed_instruction() -> None:
    """The values are those of the text, kinds and fields in the vocabulary's order whatever the order written."""
    instruction = read(FULL)
    assert list(instruction.records) == ["patient", "request", "specimen", "result"]
    assert instruction.fields_of("result")[:4] == ("id", "request", "specimen", "code")
    assert instruction.fields_of("invoice") == ()
    assert "patient.ins" in instruction.fields
    assert instruction.special == (SpecialCategory("HIV", "continuité du suivi des patients"),)
    assert instruction.categories == {"HIV"}
    assert instruction.free_text[0] == NamedField("result.comment", "interprétations signées des biologistes")
    assert instruction.accepts_excess == (
        AcceptedExcess("SELECT ON lis.portal", "compte unique de l'ancien logiciel"),
    )
    assert instruction.accepts("SELECT ON lis.portal")
    assert not instruction.accepts("SELECT ON lis.portals")
    assert instruction.limits.not_after == datetime(2026, 12, 15, 18, tzinfo=UTC)
    assert instruction.source_after.until == date(2037, 1, 1)
    assert hash(instruction) == hash(replace(instruction, digest="other"))


@pytest.mark.parametrize("named", ["special", "free_text", "documents"])
def test_two_sign_as_soon_as_anything_delicate_is_named(named: str) -> None:
    """One signature is enough until a special category, a free text or a document is named."""
    plain = read(INSTRUCTION)
    assert plain.threshold == 1
    assert replace(plain, **{named: (NamedField("x", "y"),)}).threshold == 2  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new", "lacking"),
    [
        ('result = ["id", ', "result = [", "result.id"),
        ('result = ["id", "request", ', 'result = ["id", ', "result.request"),
        ('request = ["id", "patient", ', 'request = ["id", ', "request.patient"),
        ('request = ["id", "patient", "site", "date", "status"]', "", "request.id"),
        ('"site", "date"', '"prescriber", "site", "date"', "prescriber.id"),
        ('"label", ', '"label", "specimen", ', "specimen.id"),
        ("result = [", 'isolate = ["id", "request", "organism"]\nresult = [', "isolate.result"),
    ],
)  # fmt: skip
def test_a_record_goes_with_what_ties_it(old: str, new: str, lacking: str) -> None:
    """A record without its own id, its reference, or the id of its parent could be given to the wrong patient: refused, and said."""
    refusal = refused(changed(old, new))
    assert refusal.code == "instruction/parent-not-named"
    assert lacking in str(refusal.values["got"])


@pytest.mark.parametrize(
    ("old", "lacking"),
    [
        ('"status", "version"', "result.status"),
        ('"visibility", ', "result.visibility"),
        (', "ins_status"', "patient.ins_status"),
        (', "ins_oid"', "patient.ins_oid"),
        ('"birth_place", ', "patient.birth_place"),
        ('"ins", ', "patient.ins"),
    ],
)
def test_companions_go_together(old: str, lacking: str) -> None:
    """A result goes with its status and visibility, an INS with its OID, its status and its five traits, or not at all."""
    refusal = refused(changed(old, '"version"' if "version" in old else ""))
    assert refusal.code == "instruction/companion-not-named"
    assert lacking in str(refusal.values["got"])


def test_a_document_goes_with_its_visibility_and_its_reason() -> None:
    """A document is taken when it is named with a reason, together with its visibility."""
    taken = changed("result = [", 'document = ["id", "request", "content", "visibility"]\nresult = [')
    named = changed(
        "[limits]",
        '[[document]]\nfield = "document.content"\nreason = "comptes rendus signés"\n[limits]',
        taken,
    )
    assert read(named).documents == (NamedField("document.content", "comptes rendus signés"),)
    assert refused(changed(', "visibility"]\n', "]\n", named)).code == "instruction/companion-not-named"


def test_a_field_of_a_special_category_is_named() -> None:
    """Were a field special by itself, its category would have to be named."""
    known = vocabulary()
    kind = known.kinds["result"]
    fields = kind.fields | {"unit": replace(kind.fields["unit"], categories=frozenset({"HIV"}))}
    special = Vocabulary(dict(known.kinds) | {"result": replace(kind, fields=fields)}, known.categories)
    with pytest.raises(Refusal, match="instruction/category-not-named"):
        check_named(read(INSTRUCTION), vocabulary=special)
    check_named(read(FULL), vocabulary=special)


TWICE = '[[special]]\ncategory = "HIV"\nreason = "continuité du suivi"\n'


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (changed("[limits]", TWICE + TWICE + "[limits]"), "instruction/named-twice"),
        (changed("[[accepts_excess]]", '[[accepts_excess]]\nprivilege = "SELECT ON lis.portal"\nreason = "une fois de trop"\n[[accepts_excess]]', FULL),
         "instruction/named-twice"),
        (changed("[[free_text]]", '[[free_text]]\nfield = "result.comment"\nreason = "une fois de trop"\n[[free_text]]', FULL), "instruction/named-twice"),
        (changed("[limits]", f'[[recipient]]\ncertificate = "{CERTIFICATE}"\nperson = "A"\norganisation = "B"\ncountry = "FR"\n[limits]'),
         "instruction/named-twice"),
        (changed('"unit", ', '"unit", "unit", '), "document/duplicate-key"),
        (changed('sites = ["VANNES", "AURAY"]', "sites = []"), "instruction/no-site"),
        (changed('sites = ["VANNES", "AURAY"]', 'sites = ["VANNES", ""]'), "document/bad-value"),
        (changed('sites = ["VANNES", "AURAY"]', 'sites = ["VANNES", "VANNES"]'), "document/duplicate-key"),
        (INSTRUCTION[: INSTRUCTION.index("patient = [")] + INSTRUCTION[INSTRUCTION.index("[[recipient]]") :], "instruction/no-record"),
        (INSTRUCTION[: INSTRUCTION.index("[[recipient]]")] + INSTRUCTION[INSTRUCTION.index("[limits]") :], "instruction/no-recipient"),
        (changed('name = "Kalibio SAS"\ncountry = "FR"', 'name = "Kalibio SAS"\ncountry = "US"'), "instruction/third-country"),
        (changed('organisation = "Kalibio SAS"\ncountry = "FR"', 'organisation = "Kalibio SAS"\ncountry = "GB"'), "instruction/third-country"),
        (changed('organisation = "Kalibio SAS"\ncountry = "FR"', 'organisation = "Kalibio SAS"\ncountry = "France"'), "document/bad-value"),
        (changed('organisation = "Kalibio SAS"\ncountry = "FR"', 'organisation = "Kalibio SAS"\ncountry = "FR"\nphone = "1"'), "document/unknown-key"),
        (changed("to = 2026-11-30", "to = 2018-12-31"), "instruction/period-reversed"),
        (changed('on = "request.date"', 'on = "result.date"'), "document/bad-value"),
        (changed("from = 2019-01-01", "from = 2019-01-01T00:00:00Z"), "document/bad-value"),
        (changed("from = 2019-01-01", "from = 2019-02-30"), "document/not-toml"),
        (changed("not_after = 2026-12-15T18:00:00Z", "not_after = 2026-11-20T00:00:00Z"), "instruction/limits-reversed"),
        (changed("not_after = 2026-12-15T18:00:00Z", "not_after = 2026-12-15T18:00:00"), "document/bad-value"),
        (changed("not_after = 2026-12-15T18:00:00Z", "not_after = 9999-12-31T23:59:59-01:00"), "document/bad-value"),
        (changed("not_after = 2026-12-15T18:00:00Z", "not_after = 2026-12-15"), "document/bad-value"),
        (changed("runs = 3", "runs = 0"), "document/bad-value"),
        (changed("runs = 3", "runs = true"), "document/bad-value"),
        (changed("runs = 3", "runs = 3.0"), "document/bad-value"),
        (changed("time_to_live_days = 14", "time_to_live_days = 31"), "document/bad-value"),
        (changed("max_patients = 130000", "max_patients = inf"), "document/bad-value"),
        (changed("runs = 3\n", ""), "document/missing-key"),
        (changed("sample = 20", "sample = 0"), "document/bad-value"),
        (changed("version = 1", "version = 0"), "document/bad-value"),
        (changed('finess = "560012345"', 'finess = "56001234"'), "document/bad-value"),
        (changed('purpose = "Reprendre les dossiers avant l\'arrêt de l\'ancien logiciel."', 'purpose = "reprise"'), "document/bad-value"),
        (changed('mapping = "sha256:1', 'mapping = "sha512:1'), "document/bad-value"),
        (changed('id = "golfe-2026-001"', 'id = "../etc"'), "document/bad-value"),
        (changed('disposition = "keep"', 'disposition = "burn"'), "document/bad-value"),
        (changed('disposition = "keep"', 'disposition = "erase"'), "instruction/archive-not-named"),
        (changed("until = 2037-01-01", "until = 2026-12-15", FULL), "instruction/archive-not-named"),
        (changed('keeper = "Archives du Golfe"\n', "", FULL), "instruction/archive-not-named"),
        ("nonce = 1\n" + INSTRUCTION, "document/unknown-key"),
        (changed("patient = [", "patient = 3 #"), "document/bad-value"),
        (changed("[controller]", "[[controller]]"), "document/bad-value"),
        (changed("[[recipient]]", "[recipient]"), "document/bad-value"),
        ("recipient = [1]\n" + INSTRUCTION[: INSTRUCTION.index("[[recipient]]")] + INSTRUCTION[INSTRUCTION.index("[limits]") :], "document/bad-value"),
    ],
)  # fmt: skip
def test_what_an_instruction_may_not_say(text: str, code: str) -> None:
    """Each thing that an instruction may not say is refused under its own code, with a message and a hint in both languages."""
    assert refused(text).code == code


def test_a_third_country_is_possible_with_a_reason() -> None:
    """A recipient or a processor outside the EEA is accepted when the reason is written."""
    abroad = 'country = "CH"\nthird_country_reason = "laboratoire frontalier de Genève"'
    text = changed('organisation = "Kalibio SAS"\ncountry = "FR"', f'organisation = "Kalibio SAS"\n{abroad}')
    assert read(text).recipients[0].third_country_reason == "laboratoire frontalier de Genève"
    assert (
        read(
            changed('[processor]\nname = "Kalibio SAS"\ncountry = "FR"', f'[processor]\nname = "K"\n{abroad}')
        ).processor.country
        == "CH"
    )


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("text", [INSTRUCTION, FULL, f'supersedes = "sha256:{"9" * 64}"\n' + INSTRUCTION])
def test_a_draft_reads_back_equal(text: str, language: str) -> None:
    """The draft of an instruction, in either language, parses to the same value under its own digest."""
    instruction = read(text)
    again = read(draft(instruction, language=language, vocabulary=vocabulary()))
    assert again == instruction
    assert again.digest != instruction.digest


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_draft_shows_every_field(language: str) -> None:
    """Every field of the vocabulary stands in the draft with its plain word, those not taken as comments."""
    lines = draft(read(FULL), language=language, vocabulary=vocabulary()).splitlines()
    for kind in vocabulary().kinds.values():
        for field in kind.fields.values():
            assert any(
                f'"{field.name}",' in line and line.endswith(f"# {field.label[language]}") for line in lines
            )


def test_a_revocation_reads_back() -> None:
    """A revocation names the instruction, the reason and the instant, and reads back equal."""
    revocation = Revocation(
        "sha256:" + "8" * 64, "Le nouvel éditeur a changé.", datetime(2026, 12, 1, 8, 30, tzinfo=UTC)
    )
    for language in ("fr", "en"):
        again = parse_revocation(draft_revocation(revocation, language=language).encode())
        assert again == revocation
        assert again.digest.startswith("sha256:")
    with pytest.raises(Refusal, match="document/unknown-key"):
        parse_revocation(b"by = 1\n" + draft_revocation(revocation, language="fr").encode())
    with pytest.raises(Refusal, match="document/bad-value"):
        parse_revocation(draft_revocation(replace(revocation, reason="non"), language="fr").encode())
