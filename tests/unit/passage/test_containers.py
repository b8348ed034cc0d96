"""Documents at gate 1: opened, filtered or refused with a reason; and files that hide in texts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pyarrow as pa
import pytest

from ecluse.adapters.containers.opener import ContainerOpener
from ecluse.passage.canonical import MONTH, SITE, canonical
from ecluse.passage.containers import SHUT, Allowed, DocumentOpener, Found, open_contents
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.plan import Plan, read_back
from ecluse.terms.vocabulary import vocabulary
from tests.containers import ALL, IDENTITY, cda, packed, plain_report, telling_report

MAPPING = b"""
mapping = { system = "old", version = 1 }
[patient]
table = "P"
fields = { id = "id", birth_name = "n", given_names = "g", comment = "c" }
[request]
table = "R"
fields = { id = "id", date = "d" }
[document]
table = "D"
fields = { id = "id", request = "r", media_type = "m", content = "c", visibility = "v" }
"""


def plan(**records: tuple[str, ...]) -> Plan:
    mapping = parse_mapping(MAPPING, vocabulary=vocabulary())
    return read_back(records=records, instruction="", mapping=mapping, vocabulary=vocabulary())


@pytest.fixture(scope="module")
def opener() -> Iterator[DocumentOpener]:
    with ContainerOpener() as it:
        yield it


def batch(*contents: bytes | None, comment: str | None = None) -> pa.RecordBatch:
    count = len(contents)
    return pa.record_batch({
        "id": [f"c{rank}" for rank in range(count)], "media_type": [comment] * count, "content": pa.array(contents, pa.binary()),
        SITE: ["-"] * count, MONTH: ["-"] * count,
    }, schema=pa.schema([("id", pa.string()), ("media_type", pa.string()), ("content", pa.binary()), (SITE, pa.string()), (MONTH, pa.string())]))  # fmt: skip


def test_each_document_leaves_whole_filtered_or_not_at_all(opener: DocumentOpener) -> None:
    """A plain report leaves as it is, a CDA filtered, one with an address stays with its reason, an empty one is nothing; all are counted."""
    piece = plan(document=("id", "media_type", "content")).slices[0]
    raw = batch(plain_report(), cda(), packed(telling_report()), None, b"")
    allowed = Allowed(IDENTITY)
    found = open_contents(raw, piece, opener=opener, allowed=allowed, vocabulary=vocabulary())
    why = "content: holds patient.ins, patient.nss, patient.address, patient.postcode, patient.city"
    assert found.reason.to_pylist() == [None, None, why, None, None]
    assert found.counts == {"pdf: whole": 1, "cda: filtered": 1, "pdf: refused": 1}
    converted = canonical(raw, piece, vocabulary=vocabulary(), lost={}, contents=found)
    moved = converted.moved.column("content").to_pylist()
    assert moved[0] == plain_report()
    assert b"RUEMARK" not in moved[1]
    assert moved[2:] == [None, b""]
    rejected = converted.rejected.to_pylist()
    assert [(row["id"], row["_reason"], row["content"]) for row in rejected] == [
        ("c2", why, packed(telling_report()))
    ]


def test_files_inside_a_document_are_counted_when_it_leaves(opener: DocumentOpener) -> None:
    """The PDF that a CDA carries is counted apart, kept or taken out; in a refused document it counts for nothing."""
    piece = plan(document=("id", "content")).slices[0]
    raw = batch(
        cda(inside=plain_report()),
        cda(inside=telling_report()),
        cda(inside=plain_report(), title="06 12 34 56 78"),
    )
    found = open_contents(raw, piece, opener=opener, allowed=Allowed(IDENTITY), vocabulary=vocabulary())
    assert found.counts == {
        "cda: filtered": 2,
        "cda: refused": 1,
        "pdf in cda: left": 1,
        "pdf in cda: refused": 1,
    }


def test_a_run_given_no_opener_lets_no_document_leave() -> None:
    """The opener that opens nothing refuses every document, whatever is named."""
    piece = plan(document=("id", "content")).slices[0]
    found = open_contents(
        batch(plain_report(), None), piece, opener=SHUT, allowed=Allowed(ALL), vocabulary=vocabulary()
    )
    assert found.reason.to_pylist() == ["content: not-opened", None]


@pytest.mark.parametrize(
    "hidden",
    ["JVBERi0xLjQ" + "A" * 200, "%PDF-1.4" + " " * 200, "^TEXT^XML^Base64^PD94bWwgdmVyc2lvbj0" + "A" * 200, "<ClinicalDocument>" + "x" * 200],
)  # fmt: skip
def test_a_file_in_a_text_is_not_a_text(hidden: str) -> None:
    """A PDF or a CDA that stands in a text field, in clear or in base64, rejects its row: nobody named it as a document."""
    piece = plan(document=("id", "media_type")).slices[0]
    found = open_contents(
        batch(None, comment=hidden), piece, opener=SHUT, allowed=Allowed(ALL), vocabulary=vocabulary()
    )
    assert found.reason.to_pylist() == ["media_type: document-in-text"]
    long = open_contents(
        batch(None, comment="mot " * 99), piece, opener=SHUT, allowed=Allowed(ALL), vocabulary=vocabulary()
    )
    assert long.reason.to_pylist() == [None]


def test_dates_that_a_source_gives_as_dates_hide_nothing() -> None:
    """A column that is no text is left alone."""
    piece = plan(request=("id", "date")).slices[0]
    raw = pa.record_batch({"id": ["r"], "date": [date(2020, 1, 1)]})
    found = open_contents(raw, piece, opener=SHUT, allowed=Allowed(ALL), vocabulary=vocabulary())
    assert found.reason.to_pylist() == [None]


def test_what_is_allowed_is_read_off_the_plan() -> None:
    """The fields of every kind that leaves, the categories not named, the codes of these."""
    whole = plan(patient=("id", "birth_name"), document=("id", "content"))
    from dataclasses import replace

    told = replace(whole, refused=("HIV",), excluded={"result.code": (("HIV", ("VIH1", "VIH2")),)})
    allowed = Allowed.of(told)
    assert allowed.named == {"patient.id", "patient.birth_name", "document.id", "document.content"}
    assert allowed.categories == {"HIV"}
    assert allowed.codes == {"VIH1": "HIV", "VIH2": "HIV"}
    assert not allowed.everything
    assert Allowed(ALL).everything


def test_a_category_is_the_gravest_reason_and_counts_even_where_nothing_can_be_read() -> None:
    """A code of an excluded category refuses a document whose text cannot be read; a term, one that can."""
    allowed = Allowed(ALL, frozenset({"HIV", "GEN"}), {"VIH1": "HIV"})
    assert allowed.why_not(Found("x", b"", None, "scan", codes=frozenset({"VIH1"}))) == "category HIV"
    assert (
        allowed.why_not(Found("x", b"", "caryotype et sida", codes=frozenset({"NA"}))) == "category GEN, HIV"
    )
    assert allowed.why_not(Found("x", b"", None, "scan")) == ""
    assert Allowed(IDENTITY).why_not(Found("x", b"", None, "scan")) == "unreadable (scan)"
    assert allowed.why_not(Found("x", b"", "x", never="archive")) == "archive"
