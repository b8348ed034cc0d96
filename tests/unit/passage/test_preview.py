"""The preview counts what a plan would do, by the plan's own census, and says which free texts speak of health."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from ecluse.passage.extract import Count
from ecluse.passage.preview import preview
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.plan import Plan, Slice, read_back
from ecluse.terms.vocabulary import vocabulary

MAPPING = b"""
[mapping]
system = "old"
version = 1
[patient]
table = "PATIENT"
fields.id = "NUMPAT"
fields.comment = "COMM1"
fields.city = "a.VILLE"
[[patient.join]]
table = "ADRESSE"
as = "a"
on = { NUMPAT = "NUMPAT" }
[specimen]
table = "ECHANT"
fields.id = "NUMECH"
fields.request = "NUMDOS"
"""


class Told:
    """A snapshot that was told its counts and its rows."""

    def __init__(self, counts: dict[str, list[Count]], rows: dict[str, list[pa.RecordBatch]]) -> None:
        self.counts, self.held = counts, rows

    def unclassified(self, plan: Plan, path: str) -> dict[str, int]:
        """No code is classified here."""
        return {}

    def census(self, plan: Plan, piece: Slice) -> Iterator[Count]:
        """The counts it was told."""
        yield from self.counts[piece.kind]

    def rows(self, plan: Plan, piece: Slice) -> Iterator[pa.RecordBatch]:
        """The rows it was told."""
        yield from self.held.get(piece.kind, [])


def plan_of(**records: tuple[str, ...]) -> Plan:
    """A plan of these fields."""
    mapping = parse_mapping(MAPPING, vocabulary=vocabulary())
    return read_back(records=records, instruction="", mapping=mapping, vocabulary=vocabulary())


def test_rows_are_counted_by_the_rule_that_keeps_them() -> None:
    """What leaves and what stays is the census's, most frequent rule first, and patients are those of the patient records."""
    counts = {
        "patient": [Count("", "-", "-", 30), Count("population", "-", "-", 2), Count("rehearsal", "-", "-", 5), Count("", "-", "-", 1)],
        "specimen": [Count("period", "01", "2020-01", 4)],
    }  # fmt: skip
    batch = pa.record_batch({"id": ["1", "2"], "comment": ["VIH connu", None], "city": ["Vannes", "Auray"]})
    found = preview(
        Told(counts, {"patient": [batch]}),
        plan_of(patient=("id", "comment", "city"), specimen=("id", "request")),
    )
    assert found.patients == 31
    assert dict(found.leaving) == {"patient": 31, "specimen": 0}
    assert dict(found.staying) == {"patient": 7, "specimen": 4}
    patient, specimen = found.kinds
    assert list(patient.staying) == ["rehearsal", "population"]
    assert patient.columns == ("PATIENT.NUMPAT", "ADRESSE.VILLE", "PATIENT.COMM1")
    assert patient.octets == batch.select(["id", "city", "comment"]).nbytes * 31 // 2
    assert (specimen.octets, specimen.examined, specimen.columns) == (
        0,
        0,
        ("ECHANT.NUMECH", "ECHANT.NUMDOS"),
    )
    assert found.octets == patient.octets


def test_free_texts_that_speak_of_health_are_counted() -> None:
    """Each health term seen in a named free text is counted by category; words that only look like one are not."""
    texts = [
        "Patient SIDA, trithérapie",
        "grossesse gémellaire",
        "pressé, à rappeler",
        None,
        "Cancer du sein, BRCA1",
    ]
    batch = pa.record_batch({"id": list("12345"), "comment": texts})
    found = preview(
        Told({"patient": [Count("", "-", "-", 5)]}, {"patient": [batch]}), plan_of(patient=("id", "comment"))
    ).kinds[0]
    assert found.terms == {
        ("comment", "HIV"): 1,
        ("comment", "PREG"): 1,
        ("comment", "ONC"): 1,
        ("comment", "GEN"): 1,
    }
    assert found.examined == 5


def test_nothing_that_leaves_is_nothing_counted() -> None:
    """A kind of which no row leaves has no size and no terms; without patient records no patient is counted."""
    empty = pa.record_batch({"id": pa.array([], pa.string()), "request": pa.array([], pa.string())})
    found = preview(Told({"specimen": []}, {"specimen": [empty]}), plan_of(specimen=("id", "request")))
    assert (found.patients, found.octets, found.kinds[0].terms) == (0, 0, {})
