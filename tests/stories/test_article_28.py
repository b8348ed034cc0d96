"""Article 28: nothing starts without a complete agreement. In 2021 a processor worked for laboratories under contracts that held none of the mentions."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any

import pytest

from ecluse.base.refusal import Refusal
from ecluse.people.person import Person
from ecluse.people.role import Role
from ecluse.terms.agreement import GROUPS, MENTIONS, Mention, check, check_signers, parse, template
from ecluse.terms.instruction import SpecialCategory, check_covered
from ecluse.terms.instruction import parse as parse_instruction
from ecluse.terms.vocabulary import vocabulary
from ecluse.terms.writing import written
from tests.documents import AGREEMENT, AT, BIOLOGIST, ENGINEER, INSTRUCTION, REPRESENTATIVE

WRITTEN = tomllib.loads(AGREEMENT)
NEEDED = [
    mention
    for mention in MENTIONS.values()
    if mention.needed_if not in ("never", "mode-general", "end-return")
]
CLAUSES = [mention for mention in MENTIONS.values() if mention.clause and mention.law]


def without(key: str, *, instead: object = None) -> bytes:
    """The complete agreement less one mention, or with another value in its place."""
    content = tomllib.loads(AGREEMENT)
    *owners, name = key.split(".")
    table = content
    for owner in owners:
        table = table[owner]
    del table[name]
    if instead is not None:
        table[name] = instead
    return as_toml(content).encode()


def as_toml(content: dict[str, Any], prefix: str = "") -> str:
    """A parsed document as TOML again, inline tables where lists hold them."""
    lines = [f"{key} = {inline(value)}" for key, value in content.items() if not isinstance(value, dict)]
    for key, value in content.items():
        if isinstance(value, dict):
            lines += [f"[{prefix}{key}]", as_toml(value, f"{prefix}{key}.")]
    return "\n".join(lines)


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(item) for item in value) + "]"
    return written(value)


def refused(document: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        parse(document, at=AT, vocabulary=vocabulary())
    return caught.value


def test_a_complete_agreement_opens_the_way() -> None:
    """An agreement that holds every mention in its own words is complete, sixteen out of sixteen."""
    judged = check(AGREEMENT.encode(), at=AT, vocabulary=vocabulary())
    assert judged.wanting == ()
    assert judged.complete
    assert judged.main_found == 16 == sum(group.main for group in GROUPS.values())
    assert (
        parse(AGREEMENT.encode(), at=AT, vocabulary=vocabulary()).controller.legal_name
        == "SELAS Biologie du Golfe"
    )


@pytest.mark.parametrize("mention", NEEDED, ids=lambda mention: mention.key)
def test_a_lacking_mention_closes_the_lock(mention: Mention) -> None:
    """Take any one mention away, and the refusal names that mention and the article that asks for it."""
    refusal = refused(without(mention.key))
    assert refusal.code == "agreement/mention-lacking"
    assert (refusal.values["mention"], refusal.values["article"], refusal.exit) == (
        mention.key,
        mention.article,
        5,
    )
    for language in ("fr", "en"):
        assert mention.label[language] in refusal.message(language)
        assert mention.article in refusal.message(language)
        assert mention.expects[language] in refusal.hint(language)


@pytest.mark.parametrize("mention", NEEDED, ids=lambda mention: mention.key)
@pytest.mark.parametrize("nothing", ["", "À compléter", "n/a", "…"])
def test_an_empty_mention_closes_the_lock(mention: Mention, nothing: str) -> None:
    """A mention that is there but says nothing is worth no more than one that is not."""
    refusal = refused(without(mention.key, instead=nothing))
    assert (refusal.code, refusal.values["mention"]) == ("agreement/mention-empty", mention.key)


@pytest.mark.parametrize("mention", CLAUSES, ids=lambda mention: mention.key)
@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("opening", ["", "Kalibio : ", "Le sous-traitant s'engage à ce qui suit : "])
def test_a_mention_that_restates_the_law_closes_the_lock(
    mention: Mention, language: str, opening: str
) -> None:
    """The law copied into the contract says what the law says, not what these two parties will do: it is no mention."""
    text = opening + mention.law[language]
    refusal = refused(without(mention.key, instead=[text] if mention.form == "texts" else text))
    assert (refusal.code, refusal.values["mention"]) == ("agreement/mention-restates-the-law", mention.key)
    assert refusal.values["article"] == mention.article


@pytest.mark.parametrize("mention", CLAUSES, ids=lambda mention: mention.key)
def test_naming_the_party_is_not_enough(mention: Mention) -> None:
    """The law copied with the parties called by another name still says nothing of this migration."""
    text = (
        mention.law["fr"]
        .replace("responsable du traitement", "laboratoire")
        .replace("sous-traitant", "éditeur")
    )
    refusal = refused(without(mention.key, instead=[text] if mention.form == "texts" else text))
    assert refusal.code == "agreement/mention-restates-the-law"


@pytest.mark.parametrize(
    ("key", "instead"),
    [("duration.end", "2026-11-22"), ("hds.renewed", "2026-11-22")],
)
def test_an_expired_mention_closes_the_lock(key: str, instead: str) -> None:
    """A contract that has ended, or a hosting certificate that was not renewed, opens nothing."""
    last = tomllib.loads(f"day = {instead}")["day"]
    refusal = refused(without(key, instead=last))
    assert (refusal.code, refusal.values["mention"]) == ("agreement/mention-expired", key)


def test_the_first_mention_is_named_and_the_others_counted() -> None:
    """The empty template is refused, naming one mention and counting all the others."""
    refusal = refused(template("fr").encode())
    assert refusal.code == "agreement/mention-empty"
    assert refusal.values["others"] == len(MENTIONS) - 1 - sum(
        mention.needed_if not in ("always", "no-event") for mention in MENTIONS.values()
    )


def test_both_parties_sign() -> None:
    """An agreement binds when the laboratory's biologist and the processor's representative have both signed."""
    check_signers([BIOLOGIST, REPRESENTATIVE])
    for signed in ([], [BIOLOGIST], [REPRESENTATIVE]):
        with pytest.raises(Refusal, match="agreement/signature-lacking"):
            check_signers(signed)


def test_one_human_does_not_sign_for_both_parties() -> None:
    """Two accounts of one professional are one person, who cannot bind both parties."""
    double = Person("p-ffff", "Camille Aubert", BIOLOGIST.professional_id, Role.REPRESENTATIVE)
    with pytest.raises(Refusal, match="agreement/signature-lacking"):
        check_signers([BIOLOGIST, double])


def test_an_engineer_cannot_sign_the_agreement() -> None:
    """Who carries out the migration does not sign the contract that allows it."""
    with pytest.raises(Refusal, match="people/may-not"):
        check_signers([BIOLOGIST, REPRESENTATIVE, ENGINEER])


def test_the_instruction_asks_for_nothing_beyond_the_agreement() -> None:
    """An instruction that takes, or names, a type of data that the parties did not write down is refused, and the type named."""
    agreement = parse(AGREEMENT.encode(), at=AT, vocabulary=vocabulary())
    instruction = parse_instruction(INSTRUCTION.encode(), vocabulary=vocabulary())
    check_covered(instruction, agreement=agreement, vocabulary=vocabulary())
    beyond = replace(
        instruction,
        special=(SpecialCategory("HIV", "continuité du suivi"),),
        records={**instruction.records, "invoice": ("id", "request", "act")},
    )
    with pytest.raises(Refusal, match="instruction/not-covered") as caught:
        check_covered(beyond, agreement=agreement, vocabulary=vocabulary())
    assert caught.value.values["got"] == "BILL, HIV"
    assert caught.value.message("fr") != caught.value.message("en")
