"""For any instruction that can be drafted: what is written is read back equal, and reads nothing that was not written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ecluse.base.refusal import Refusal
from ecluse.terms.codes import LocalCode, render
from ecluse.terms.codes import parse as parse_codes
from ecluse.terms.document import read
from ecluse.terms.instruction import (
    AcceptedExcess,
    Instruction,
    Limits,
    NamedField,
    Period,
    Recipient,
    Sample,
    SourceAfter,
    SpecialCategory,
    draft,
    parse,
)
from ecluse.terms.vocabulary import vocabulary
from tests.documents import BIOLOGIST, INSTRUCTION

VOCABULARY = vocabulary()
PLAIN = parse(INSTRUCTION.encode(), vocabulary=VOCABULARY)


letters = st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
texts = st.text(letters | st.sampled_from("\n\t\"\\#'"), min_size=1, max_size=40).map(str.strip).filter(bool)
reasons = texts.map(lambda text: text + " : motif assez long")
names = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -'\"\\", min_size=1, max_size=20).filter(
    lambda text: (
        text.strip()
        and text.strip().casefold()
        not in {"all", "any", "every", "everything", "tous", "tout", "toute", "toutes"}
    )
)
digests = st.text("0123456789abcdef", min_size=64, max_size=64).map(lambda digits: f"sha256:{digits}")
days = st.dates(date(1900, 1, 1), date(2100, 1, 1))
instants = st.integers(0, 4 * 10**15).map(
    lambda micros: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
)


@st.composite
def records(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """Any fields of the kinds from patient to result, with what must go together."""
    taken = {}
    for name in ("prescriber", "patient", "request", "specimen", "result"):
        kind = VOCABULARY.kinds[name]
        chosen = draw(st.sets(st.sampled_from(sorted(kind.fields))))
        chosen |= {"id", *(field.name for field in kind.parents)}
        chosen |= {"status", "visibility"} if name == "result" else set()
        if chosen & {"ins", "ins_oid"}:
            chosen |= {
                "ins",
                "ins_oid",
                "ins_status",
                "birth_name",
                "given_names",
                "birth_date",
                "sex",
                "birth_place",
            }
        taken[name] = tuple(field for field in kind.fields if field in chosen)
    return taken


@st.composite
def instructions(draw: st.DrawFn) -> Instruction:
    """Any instruction that the grammar admits."""
    taken = draw(records())
    free = [
        f"{kind}.{name}"
        for kind, fields in taken.items()
        for name in fields
        if "FREE" in VOCABULARY.kinds[kind].fields[name].categories
    ]
    start, not_before = draw(days), draw(instants)
    disposition = draw(st.sampled_from(["keep", "archive", "erase"]))
    return replace(
        PLAIN,
        version=draw(st.integers(1, 1_000_000)),
        supersedes=draw(st.none() | digests),
        purpose=draw(reasons),
        sites=tuple(draw(st.lists(names, min_size=1, max_size=5, unique=True))),
        period=Period("request.date", start, start + timedelta(days=draw(st.integers(0, 5000)))),
        records=taken,
        special=tuple(SpecialCategory(code, draw(reasons)) for code in draw(st.lists(st.sampled_from(VOCABULARY.special), unique=True))),
        free_text=tuple(NamedField(path, draw(reasons)) for path in free),
        recipients=tuple(
            Recipient(digest, "Noa Marchand", "Kalibio", *draw(st.sampled_from([("FR",), ("IS",), ("CH", "un motif assez long")])))
            for digest in draw(st.lists(digests, min_size=1, max_size=3, unique=True))
        ),
        limits=Limits(
            not_before, not_before + timedelta(seconds=draw(st.integers(1, 10**8))), draw(st.integers(1, 100)),
            draw(st.integers(1, 30)), draw(st.integers(1, 10**8)),
        ),
        source_after=SourceAfter(disposition, draw(texts), date(2200, 1, 1), draw(texts)) if disposition == "erase" else SourceAfter(disposition),
        acceptance=Sample(draw(st.integers(1, 10_000)), draw(st.integers(0, 2**63 - 1))),
        accepts_excess=tuple(AcceptedExcess(each, draw(reasons)) for each in draw(st.lists(names.map(str.strip), max_size=2, unique=True))),
    )  # fmt: skip


@given(instruction=instructions(), language=st.sampled_from(["fr", "en"]))
def test_a_draft_parses_to_the_same_value(instruction: Instruction, language: str) -> None:
    """Any instruction, drafted in either language, parses to the same value; drafted again, to the same bytes."""
    text = draft(instruction, language=language, vocabulary=VOCABULARY)
    again = parse(text.encode(), vocabulary=VOCABULARY)
    assert again == instruction
    assert draft(again, language=language, vocabulary=VOCABULARY) == text


def refusal_of(document: bytes) -> str | None:
    """The code under which a document is refused, none if it is read."""
    try:
        read(document, where="x")
    except Refusal as refusal:
        return refusal.code
    return None


@given(
    document=st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_any_bytes_are_read_or_refused(document: bytes) -> None:
    """Whatever the bytes, reading gives a table or a refusal, and nothing else."""
    said = refusal_of(document)
    assert said is None or said.startswith("document/")


@given(position=st.integers(0, len(INSTRUCTION.encode()) - 1), value=st.integers(0, 255))
def test_one_byte_changed_never_passes_for_the_same(position: int, value: int) -> None:
    """One byte changed: refused, or another digest. Nothing else can come out."""
    document = bytearray(INSTRUCTION.encode())
    same = document[position] == value
    document[position] = value
    try:
        instruction = parse(bytes(document), vocabulary=VOCABULARY)
    except Refusal:
        assert not same
    else:
        assert (instruction.digest == PLAIN.digest) == same


@given(
    rows=st.lists(
        st.builds(
            LocalCode, st.sampled_from(["test", "act"]), st.text(letters | st.sampled_from('"\\\t'), min_size=1, max_size=12), texts,
            st.lists(st.sampled_from(VOCABULARY.special), unique=True).map(
                lambda chosen: tuple(code for code in VOCABULARY.special if code in chosen)
            ),
            st.none() | st.just("56888-1"),
        ),
        unique_by=lambda row: (row.system, row.code), max_size=8,
    )
)  # fmt: skip
def test_any_classification_reads_back(rows: list[LocalCode]) -> None:
    """Any classification, written and read, is the same, whatever its codes hold."""
    again = parse_codes(render(rows).encode(), vocabulary=VOCABULARY, signers=[BIOLOGIST])
    assert list(again.lines.values()) == rows
