"""The classification of local codes."""

from __future__ import annotations

import pytest

from ecluse.base.refusal import Refusal
from ecluse.terms.codes import SYSTEMS, Classification, LocalCode, parse, render
from ecluse.terms.vocabulary import vocabulary
from tests.documents import BIOLOGIST, ENGINEER, SECOND

ROWS = (
    LocalCode("test", "VIH", "Sérologie VIH", ("HIV",), "56888-1"),
    LocalCode("test", "BHCG", "bêta-HCG", ("PREG", "ONC"), "21198-7"),
    LocalCode("test", "NA", "Sodium"),
    LocalCode("act", "0388", "Sérologie VIH", ("HIV",)),
    LocalCode("test", ' x\\"é', "code qui se lit mal"),
)  # fmt: skip


def read(text: str) -> Classification:
    return parse(text.encode(), vocabulary=vocabulary(), signers=[SECOND, BIOLOGIST])


def test_a_classification_reads_back() -> None:
    """What is written is read back equal, odd codes included."""
    classification = read(render(ROWS))
    assert tuple(classification.lines.values()) == ROWS
    assert classification.digest.startswith("sha256:")
    assert classification.codes("result.code") == {"VIH", "BHCG", "NA", ' x\\"é'}
    assert classification.codes("invoice.act") == {"0388"}
    assert hash(classification) == hash(read(""))


def test_every_classified_field_has_its_list() -> None:
    """Each classified field of the vocabulary is one of the two lists of codes."""
    assert set(SYSTEMS) == {kind.classified.path for kind in vocabulary().kinds.values() if kind.classified}


def test_a_code_reveals_its_categories() -> None:
    """A code gives its categories in the vocabulary's order; an ordinary one gives none."""
    classification = read(render([LocalCode("test", "A", "a", ("ONC", "HIV"))]) + render(ROWS))
    assert classification.categories("result.code", "A") == ("HIV", "ONC")
    assert classification.categories("result.code", "NA") == ()


def test_an_unclassified_code_blocks() -> None:
    """A code that nobody classified is listed and blocks the run; the same code in the other list does not count."""
    classification = read(render(ROWS))
    assert classification.unclassified({"result.code": ["NA", "ZZ", "ZZ"], "invoice.act": ["VIH"]}) == [
        ("invoice.act", "VIH"),
        ("result.code", "ZZ"),
    ]
    classification.check({"result.code": ["NA"], "invoice.act": []})
    with pytest.raises(Refusal, match="codes/unclassified") as caught:
        classification.categories("invoice.act", "VIH")
    assert caught.value.exit == 8
    with pytest.raises(Refusal) as many:
        classification.check({"result.code": [f"Z{n}" for n in range(40)]})
    assert "40" in many.value.message("fr")
    assert many.value.message("en").count("'Z") == 20


def test_excluded_codes() -> None:
    """The codes withheld are those that reveal a category not allowed, each with the first such category."""
    classification = read(render(ROWS))
    assert classification.excluded_codes("result.code", set()) == {"VIH": "HIV", "BHCG": "PREG"}
    assert classification.excluded_codes("result.code", {"HIV", "PREG"}) == {"BHCG": "ONC"}
    assert classification.excluded_codes("invoice.act", {"HIV"}) == {}


def test_a_biologist_signs() -> None:
    """A classification that no biologist signed classifies nothing."""
    for signers in ([], [ENGINEER, SECOND]):
        with pytest.raises(Refusal, match="codes/not-signed"):
            parse(render(ROWS).encode(), vocabulary=vocabulary(), signers=signers)


ONE = render(ROWS[:1])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (ONE + ONE, "codes/classified-twice"),
        (ONE.replace('"HIV"', '"H"'), "codes/unknown-category"),
        (ONE.replace('categories = ["HIV"]\n', ""), "document/missing-key"),
        (ONE.replace('"test"', '"panel"'), "document/bad-value"),
        (ONE.replace('"VIH"', '""'), "document/bad-value"),
        (ONE.replace("56888-1", "56888"), "document/bad-value"),
        (ONE + "hidden = true\n", "document/unknown-key"),
        ("hidden = true\n" + ONE, "document/unknown-key"),
    ],
)
def test_what_a_classification_may_not_say(text: str, code: str) -> None:
    """Each fault is refused under its own code, with a message in both languages."""
    with pytest.raises(Refusal) as caught:
        read(text)
    assert caught.value.code == code
    assert caught.value.message("fr") != caught.value.message("en")


def test_no_code_at_all() -> None:
    """A document without codes classifies none: then every code seen blocks."""
    assert read("").lines == {}
