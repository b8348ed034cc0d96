"""A plan names what the instruction names, by the mapping it names, and refuses what it could not carry or could not judge."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from ecluse.base.refusal import Refusal
from ecluse.terms.codes import Classification, LocalCode
from ecluse.terms.instruction import SpecialCategory, System, parse
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.plan import ALL, Plan, compile_plan, read_back
from ecluse.terms.vocabulary import vocabulary
from tests.documents import INSTRUCTION

WORDS = vocabulary()
PLAIN = parse(INSTRUCTION.encode(), vocabulary=WORDS)
HEAD = 'mapping = { system = "old", version = 1 }\n'
REQUEST = '[request]\ntable = "R"\nfields = { id = "I", patient = "P", site = "S", date = "D" }\n'
PATIENT = '[patient]\ntable = "P"\nfields = { id = "I", comment = "C" }\n'
RESULT = '[result]\ntable = "X"\nfields = { id = "I", request = "R", code = "C" }\n'
ACTS = '[invoice]\ntable = "F"\nfields = { id = "I", act = "A" }\n'
DOCUMENT = '[document]\ntable = "F"\nfields = { id = "I", request = "R", content = "C" }\n'
CODES = Classification(
    {("test", code): LocalCode("test", code, code, tuple(categories)) for code, categories in
     {"NA": [], "VIH": ["HIV"], "TPHA": ["STI"], "BOTH": ["HIV", "STI"]}.items()}
)  # fmt: skip


def plan(
    text: str, records: dict[str, tuple[str, ...]], *, special: tuple[str, ...] = (), **more: Any
) -> Plan:
    mapping = parse_mapping((HEAD + text).encode(), vocabulary=WORDS)
    named = tuple(SpecialCategory(it, "") for it in special)
    instruction = replace(PLAIN, source=System("old", mapping.digest), records=records, special=named)
    return compile_plan(
        instruction=instruction, mapping=mapping, classification=CODES, vocabulary=WORDS, **more
    )


def test_a_plan_holds_the_named_fields_in_the_vocabularys_order() -> None:
    """Kinds and fields, period, sites, free texts and containers are those of the instruction, and no other."""
    made = plan(
        PATIENT + REQUEST + RESULT + DOCUMENT,
        {"document": ("content", "id"), "patient": ("comment", "id")},
        rehearse=3,
    )
    assert [(piece.kind, tuple(piece.fields), piece.free_texts, piece.container, piece.populated) for piece in made.slices] == [
        ("patient", ("id", "comment"), ("comment",), False, True), ("document", ("id", "content"), (), True, False),
    ]  # fmt: skip
    assert (made.start, made.end, made.sites, made.rehearse) == (
        date(2019, 1, 1),
        date(2026, 11, 30),
        ("VANNES", "AURAY"),
        3,
    )
    assert made.slice("document") is made.slices[1]
    assert made.slice("result") is None
    assert [kind.kind for kind in made.tests] == ["result"]
    assert not made.read_back


def test_codes_are_excluded_by_the_first_category_not_named() -> None:
    """Each code once, under the first category of the vocabulary that the instruction does not name."""
    assert plan(REQUEST + RESULT, {"result": ("id",)}).excluded == {
        "result.code": (("HIV", ("BOTH", "VIH")), ("STI", ("TPHA",)))
    }
    assert plan(REQUEST + RESULT, {"result": ("id",)}, special=("HIV",)).excluded == {
        "result.code": (("STI", ("BOTH", "TPHA")),)
    }
    assert plan(REQUEST + RESULT, {"result": ("id",)}, special=("HIV", "STI")).excluded == {"result.code": ()}
    assert plan(REQUEST + RESULT, {"result": ("id",)}).classified == {
        "result.code": frozenset({"NA", "VIH", "TPHA", "BOTH"})
    }


def test_where_no_test_can_be_looked_at_every_container_stays() -> None:
    """Without a mapped code, nobody can tell what a request holds: its documents stay, unless every category is named."""
    assert plan(REQUEST + DOCUMENT, {"document": ("id",)}).containers == (ALL,)
    assert plan(REQUEST + ACTS + DOCUMENT, {"document": ("id",)}).containers == (ALL,)
    assert plan(REQUEST + DOCUMENT, {"document": ("id",)}, special=WORDS.special).containers == ()
    assert plan(REQUEST + RESULT + DOCUMENT, {"document": ("id",)}).containers == ()


ISOLATE = '[isolate]\ntable = "G"\nfields = { id = "I", request = "R", result = "V" }\n'


def test_an_isolate_takes_on_its_culture_s_categories() -> None:
    """With the link to its culture, an isolate is planned; what it may leave is then the culture's to say."""
    made = plan(REQUEST + RESULT + ISOLATE, {"isolate": ("id",)})
    assert [piece.kind for piece in made.slices] == ["isolate"]


OWN = 'scope = { site = "S2", date = "D2" }\n'


@pytest.mark.parametrize(
    ("text", "kind", "column"),
    [
        (REQUEST + RESULT, "result", "S"), (REQUEST + RESULT + OWN, "result", "S2"), (REQUEST + RESULT + 'scope = { site = "S2" }\n', "result", "S"),
        (RESULT + OWN, "result", "S2"), (REQUEST + OWN, "request", "S"), ('[request]\ntable = "R"\nfields.id = "I"\n' + OWN, "request", "S2"),
        (PATIENT + REQUEST, "patient", None),
    ],
)  # fmt: skip
def test_a_rows_site_is_read_where_its_date_is(text: str, kind: str, column: str | None) -> None:
    """A kind's own scope tells its site where it tells both; else its request does; a patient has none."""
    site = plan(text, {kind: ("id",)}).slices[0].site
    assert (site.columns[0].name if site else None) == column


@pytest.mark.parametrize(
    ("text", "records", "code"),
    [
        (PATIENT, {"request": ("id",)}, "plan/kind-not-mapped"), (REQUEST + PATIENT, {"patient": ("id", "sex")}, "plan/field-not-mapped"),
        (PATIENT, {"patient": ("id",)}, "plan/scope-not-reachable"), (RESULT, {"result": ("id",)}, "plan/scope-not-reachable"),
        (REQUEST.replace(', date = "D"', ""), {"request": ("id",)}, "plan/scope-not-reachable"),
        (REQUEST.replace('patient = "P", ', "") + PATIENT, {"patient": ("id",)}, "plan/scope-not-reachable"),
        (REQUEST + RESULT.replace('request = "R", ', ""), {"result": ("id",)}, "plan/scope-not-reachable"),
        (REQUEST + RESULT + ISOLATE.replace(', result = "V"', ""), {"isolate": ("id",)}, "plan/category-not-reachable"),
    ],
)  # fmt: skip
def test_what_could_not_be_carried_or_judged_is_refused(
    text: str, records: dict[str, tuple[str, ...]], code: str
) -> None:
    """Something named that the mapping lacks would be lost; rows whose site and date nobody can tell could not be shown to be within."""
    with pytest.raises(Refusal, match=code):
        plan(text, records)


def test_another_mapping_than_the_signed_one_is_refused() -> None:
    """The instruction names a mapping by its digest."""
    mapping = parse_mapping((HEAD + REQUEST).encode(), vocabulary=WORDS)
    with pytest.raises(Refusal, match="plan/mapping-differs"):
        compile_plan(instruction=PLAIN, mapping=mapping, classification=CODES, vocabulary=WORDS)


def test_reading_back_has_no_rule() -> None:
    """The plan that reads a target takes the same fields, every row."""
    mapping = parse_mapping((HEAD + PATIENT).encode(), vocabulary=WORDS)
    made = read_back(records={"patient": ("id",)}, instruction="sha256:i", mapping=mapping, vocabulary=WORDS)
    assert (made.read_back, made.excluded, made.containers, tuple(made.slices[0].fields)) == (
        True,
        {},
        (),
        ("id",),
    )
