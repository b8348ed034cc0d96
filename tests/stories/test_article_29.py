"""Article 29: nothing leaves outside the instruction. Two laboratories had asked for a period and certain fields; sixty columns left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ecluse.base.refusal import Refusal
from ecluse.people.person import Person
from ecluse.people.role import Role
from ecluse.terms.instruction import Instruction, authorise, page, parse
from ecluse.terms.vocabulary import vocabulary
from tests.documents import AGREEMENT_DIGEST, AT, BIOLOGIST, DPO, ENGINEER, INSTRUCTION, SECOND

Start = Callable[..., None]


def instructed(text: str = INSTRUCTION) -> Instruction:
    return parse(text.encode(), vocabulary=vocabulary())


def changed(old: str, new: str) -> str:
    assert old in INSTRUCTION
    return INSTRUCTION.replace(old, new, 1)


def refused(text: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        instructed(text)
    for language in ("fr", "en"):
        assert caught.value.message(language)
        assert caught.value.hint(language)
    return caught.value


def start(instruction: Instruction, **changes: Any) -> None:
    """Start one run, all being in order save what is changed."""
    order: dict[str, Any] = {
        "signers": [BIOLOGIST], "at": AT, "uses": 0, "highest_version": 1, "revoked": False, "superseded": False,
        "agreement_digest": AGREEMENT_DIGEST,
    }  # fmt: skip
    authorise(instruction, **order | changes)


def test_what_is_in_order_starts() -> None:
    """A signed instruction in its time, under its agreement, starts."""
    start(instructed())


def test_one_byte_changed_is_another_instruction() -> None:
    """Change one byte, even in a comment, and the digest that people signed is not that of this text."""
    assert instructed().digest != instructed(INSTRUCTION + "#\n").digest


@pytest.mark.parametrize(
    "wildcard", ["*", "%", "all", "ALL", "tous", "toutes", "patient.*", "birth_%", "...", "birth_nam?"]
)
@pytest.mark.parametrize(
    "place",
    [
        'patient = ["id", "{}"]',
        'patient = "{}"',
        '"{}" = ["id"]',
    ],
)
def test_there_is_no_wildcard_for_fields(wildcard: str, place: str) -> None:
    """No word stands for several fields or kinds: sixty columns cannot be asked for in one."""
    line = INSTRUCTION[INSTRUCTION.index("patient = [") : INSTRUCTION.index("request = [")]
    refusal = refused(changed(line, place.format(wildcard) + "\n"))
    assert (refusal.code, refusal.exit) == ("instruction/wildcard", 8)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('sites = ["VANNES", "AURAY"]', 'sites = ["*"]'),
        ('sites = ["VANNES", "AURAY"]', 'sites = ["VANNES", "Tous"]'),
        ('person = "Noa Marchand"', 'person = "any"'),
        ('organisation = "Kalibio SAS"\ncountry', 'organisation = "*"\ncountry'),
        ('system = "MEGALAB"', 'system = "%"'),
        (
            "[limits]",
            '[[accepts_excess]]\nprivilege = "SELECT ON *.*"\nreason = "compte unique de l\'ancien logiciel"\n[limits]',
        ),
        ("[limits]", '[[special]]\ncategory = "all"\nreason = "suivi des patients concernés"\n[limits]'),
    ],
)
def test_there_is_no_wildcard_anywhere(old: str, new: str) -> None:
    """Sites, recipients, systems, privileges and categories are named one by one too."""
    assert refused(changed(old, new)).code == "instruction/wildcard"


@pytest.mark.parametrize(
    "name",
    [
        "mdp",
        "mot_de_passe",
        "password",
        "pwd",
        "PASSWD",
        "code_acces",
        "access_code",
        "login",
        "token",
        "hash_mdp",
        "api_key",
    ],
)
@pytest.mark.parametrize("place", ['patient = ["id", "{}"]', '"{}" = ["id"]', 'portal = ["{}"]'])
def test_a_credential_cannot_be_named(name: str, place: str) -> None:
    """Patients' passwords were in the leak: no instruction can name one, under any name, in any kind."""
    line = INSTRUCTION[INSTRUCTION.index("patient = [") : INSTRUCTION.index("request = [")]
    refusal = refused(changed(line, place.format(name) + "\n"))
    assert (refusal.code, refusal.exit) == ("instruction/credential", 8)


def test_no_field_of_the_vocabulary_is_a_credential() -> None:
    """The vocabulary itself has nothing that a credential could be put under: the page can say never."""
    for kind in vocabulary().kinds.values():
        for name in kind.fields:
            assert "pass" not in name
            assert "login" not in name


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('"birth_name"', '"birthname"', "instruction/unknown-field"),
        ("patient = [", 'animal = ["id"]\npatient = [', "instruction/unknown-kind"),
        ("patient = [", "patient = []\n# [", "instruction/no-record"),
    ],
)  # fmt: skip
def test_a_field_of_no_vocabulary_is_refused(old: str, new: str, code: str) -> None:
    """What the vocabulary does not hold cannot be asked for."""
    assert refused(changed(old, new)).code == code


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('"unit", ', '"unit", "comment", ', "instruction/free-text-not-named"),
        ("[limits]", '[[free_text]]\nfield = "result.comment"\nreason = "interprétations signées"\n[limits]', "instruction/reason-without-field"),
        (
            "[[recipient]]",
            "[records.document]\n[[recipient]]",
            "document/bad-value",
        ),
        (
            "result = [",
            'document = ["id", "request", "media_type", "content", "visibility"]\nresult = [',
            "instruction/document-not-named",
        ),
        ("[limits]", '[[special]]\ncategory = "HIV"\nreason = "suivi"\n[limits]', "instruction/category-without-reason"),
        ("[limits]", '[[special]]\ncategory = "HIV"\n[limits]', "instruction/category-without-reason"),
        ("[limits]", '[[special]]\ncategory = "H"\nreason = "suivi des patients"\n[limits]', "instruction/unknown-category"),
    ],
)  # fmt: skip
def test_free_text_documents_and_special_categories_need_a_reason(old: str, new: str, code: str) -> None:
    """The worst of the leak lay in two comment columns: none leaves unless it was named, with a reason."""
    assert refused(changed(old, new)).code == code


def test_special_categories_need_two_people() -> None:
    """An instruction that names a special category starts only when two different people signed, one of them the biologist."""
    special = instructed(
        changed(
            "[limits]", '[[special]]\ncategory = "HIV"\nreason = "continuité du suivi des patients"\n[limits]'
        )
    )
    assert special.threshold == 2
    start(special, signers=[BIOLOGIST, SECOND])
    again = Person("p-0001", "C. Aubert", BIOLOGIST.professional_id, Role.SECOND_SIGNER)
    for signers in (
        [BIOLOGIST],
        [BIOLOGIST, BIOLOGIST],
        [BIOLOGIST, again],
        [BIOLOGIST, ENGINEER],
        [BIOLOGIST, DPO],
    ):
        with pytest.raises(Refusal, match="instruction/threshold-not-reached"):
            start(special, signers=signers)


def test_the_biologist_must_sign() -> None:
    """Without the head biologist, who answers for every phase, nothing starts."""
    with pytest.raises(Refusal, match="instruction/no-biologist"):
        start(instructed(), signers=[SECOND])
    with pytest.raises(Refusal, match="instruction/threshold-not-reached"):
        start(instructed(), signers=[ENGINEER, DPO])


@pytest.mark.parametrize(
    ("changes", "code", "exit_code"),
    [
        ({"revoked": True}, "instruction/revoked", 6),
        ({"superseded": True}, "instruction/superseded", 6),
        ({"highest_version": 2}, "instruction/lower-version", 6),
        ({"at": datetime(2026, 11, 19, 23, 59, 59, tzinfo=UTC)}, "instruction/not-yet-valid", 6),
        ({"at": datetime(2026, 12, 15, 18, tzinfo=UTC)}, "instruction/expired", 6),
        ({"uses": 3}, "instruction/used-up", 6),
        ({"uses": 30}, "instruction/used-up", 6),
        ({"agreement_digest": "sha256:" + "0" * 64}, "instruction/wrong-agreement", 5),
        ({"signers": []}, "instruction/threshold-not-reached", 5),
    ],
)
def test_an_instruction_that_no_longer_holds(changes: dict[str, Any], code: str, exit_code: int) -> None:
    """Revoked, replaced, older than one seen, too early, too late, used up or under another contract: it starts nothing."""
    with pytest.raises(Refusal) as caught:
        start(instructed(), **changes)
    assert (caught.value.code, caught.value.exit) == (code, exit_code)
    assert caught.value.message("fr") != caught.value.message("en")
    assert caught.value.hint("fr")


def test_the_last_run_and_the_last_instant_count() -> None:
    """The last run allowed starts, and so does one an instant before the end."""
    start(instructed(), uses=2)
    start(instructed(), at=datetime(2026, 12, 15, 18, tzinfo=UTC) - timedelta(microseconds=1))
    start(instructed(), at=datetime(2026, 11, 20, tzinfo=UTC))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_shows_all_that_leaves_and_all_that_stays(language: str) -> None:
    """Every field of the vocabulary stands on the page that is signed, once: among what leaves or among what does not."""
    instruction = instructed()
    sections = {
        section.key: section for section in page(instruction, language=language, vocabulary=vocabulary())
    }
    leaving = [label for line in sections["what"].lines for label in line.details]
    staying = [label for line in sections["stays"].lines for label in line.details]
    everything = [
        field.label[language] for kind in vocabulary().kinds.values() for field in kind.fields.values()
    ]
    special = [vocabulary().categories[code].label[language] for code in vocabulary().special]
    assert len(leaving) == len(instruction.fields)
    assert sorted(leaving + staying) == sorted(everything + special)
    never = {"fr": "Mots de passe", "en": "Passwords"}[language]
    assert any(line.text.startswith(never) for line in sections["stays"].lines)
