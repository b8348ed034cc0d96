"""What an invented laboratory holds, counted: the answer sheet for plans, reconciliations and reports.

Decides how to count by record kind, site, month and category. It counts the rows as they come out, by their own texts (a request's number
says its site and day; a result's code says its categories), and shares nothing with the code that made them nor with the engines it judges.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ecluse.invent.catalogue import classification
from ecluse.invent.draws import Mask
from ecluse.invent.laboratory import DOCUMENTS, invent

__all__ = ["KINDS", "Truth", "ground_truth"]

KINDS: Final = {
    "prescriber": "PRESCR",
    "patient": "PATIENT",
    "request": "DOSSIER",
    "specimen": "ECHANT",
    "result": "RESULT",
    "isolate": "GERME",
    "susceptibility": "ABG",
    "document": "CRPDF",
    "invoice": "FACTUR",
}
"""The table of the old system that holds each kind of the vocabulary; of FACTUR, only the acts."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Counts of rows.

    `rows`: by kind. `months`: by kind, site code and month (YYYY-MM) of the request, for kinds that belong to a request. `categories`: by
    kind and category; a result or an act by its own code, a germ and its antibiogram by their result's, a request, specimen or document
    by any test or act of the request (even one never done). A row of two categories counts in both.
    """

    rows: Counter[str] = field(default_factory=Counter)
    months: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    categories: Counter[tuple[str, str]] = field(default_factory=Counter)


def ground_truth(patients: int, seed: int, *, documents: float = DOCUMENTS) -> Truth:
    """Counts of everything that `invent` gives for this number of patients, seed and share of documents. Raises as `invent` does."""
    truth = Truth()
    tables = {table: kind for kind, table in KINDS.items()}
    held: dict[str, pa.RecordBatch] = {}
    for name, batch in invent(patients=patients, seed=seed, documents=documents):
        if name not in tables:
            continue
        kind = tables[name]
        rows = batch.filter(pc.equal(batch["TYPLIG"], "A")) if name == "FACTUR" else batch
        truth.rows[kind] += rows.num_rows
        if "NUMDOS" in rows.schema.names:
            _count_months(truth, kind, rows)
            held[kind] = rows
        if name == "FACTUR":
            _count_categories(truth, held)
            held.clear()
    return truth


def _count_months(truth: Truth, kind: str, rows: pa.RecordBatch) -> None:
    for line in pc.value_counts(pc.utf8_slice_codeunits(rows["NUMDOS"], 0, 6)):
        start, count = line["values"].as_py(), line["counts"].as_py()
        truth.months[kind, start[:2], f"20{start[2:4]}-{start[4:6]}"] += count


def _count_categories(truth: Truth, held: dict[str, pa.RecordBatch]) -> None:
    result, invoice = held["result"], held["invoice"]
    codes = pc.ascii_rtrim_whitespace(result["CODANA"])
    cultures = {
        "isolate": held["isolate"]["NUMRES"],
        "susceptibility": pc.utf8_slice_codeunits(held["susceptibility"]["NUMGER"], 0, 15),
    }
    for category, tests, acts in _by_category():
        of_results, of_acts = _among(codes, tests), _among(invoice["CODACT"], acts)
        truth.categories["result", category] += int(of_results.sum())
        truth.categories["invoice", category] += int(of_acts.sum())
        own = result["NUMRES"].filter(pa.array(of_results))
        for kind, numbers in cultures.items():
            truth.categories[kind, category] += int(_among(numbers, own).sum())
        marked = (result["NUMDOS"].filter(pa.array(of_results)), invoice["NUMDOS"].filter(pa.array(of_acts)))
        requests = pa.concat_arrays(marked)
        for kind in ("request", "specimen", "document"):
            truth.categories[kind, category] += int(_among(held[kind]["NUMDOS"], requests).sum())


def _by_category() -> list[tuple[str, pa.Array, pa.Array]]:
    """Each special category, with the tests and the acts that carry it."""
    lines = classification()
    found = dict.fromkeys(category for line in lines for category in line.categories if category != "H")
    return [
        (
            category,
            pa.array(
                [line.code for line in lines if line.kind == "analysis" and category in line.categories]
            ),
            pa.array([line.code for line in lines if line.kind == "act" and category in line.categories]),
        )
        for category in found
    ]


def _among(values: pa.Array, wanted: pa.Array) -> Mask:
    return np.asarray(pc.is_in(values, value_set=wanted))
