"""An invented French laboratory, of any size, from a seed: the stream of the old system's rows.

Decides the order: the dictionaries, the prescribers, then slice after slice of patients with everything that is theirs, parents before
children within each slice. The same seed and number of patients give the same rows in the same order for each table, whatever the size of
the slices; only one slice is held at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa

from ecluse.base.refusal import Refusal
from ecluse.invent.billing import bills
from ecluse.invent.documents import reports
from ecluse.invent.draws import Draws
from ecluse.invent.microbiology import germs
from ecluse.invent.patients import Patients
from ecluse.invent.requests import Ranks, Requests
from ecluse.invent.results import Results
from ecluse.invent.staff import dictionaries, how_many_prescribers, prescribers

__all__ = ["BATCH", "DOCUMENTS", "MOST_PATIENTS", "invent"]

BATCH: Final = 8192
"""Patients in a slice, unless asked otherwise."""
DOCUMENTS: Final = 0.1
"""The share of requests that have a report document, unless asked otherwise."""
MOST_PATIENTS: Final = 10_000_000
"""Beyond, a site could give more request numbers in a day than four digits hold."""


def invent(
    *, patients: int, seed: int, batch: int = BATCH, documents: float = DOCUMENTS
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows of the old system (`systems.OLD`), as pairs of a table's name and a record batch, parents before children.

    `patients` is their number, `documents` the share of requests with a PDF report, from 0 to 1. Raises Refusal `invent/size`,
    `invent/batch` or `invent/documents` before the first row.
    """
    if not 1 <= patients <= MOST_PATIENTS:
        raise Refusal("invent/size", got=patients, most=MOST_PATIENTS)
    if batch < 1:
        raise Refusal("invent/batch", got=batch)
    if not 0.0 <= documents <= 1.0:
        raise Refusal("invent/documents", got=documents)
    return _stream(patients=patients, draws=Draws(seed), batch=batch, documents=documents)


def _stream(
    *, patients: int, draws: Draws, batch: int, documents: float
) -> Iterator[tuple[str, pa.RecordBatch]]:
    doctors = how_many_prescribers(patients)
    yield from dictionaries(draws)
    yield "PRESCR", prescribers(draws, np.arange(doctors, dtype=np.int64))
    ranks = Ranks()
    for first in range(0, patients, batch):
        at = np.arange(first, min(first + batch, patients), dtype=np.int64)
        yield from _slice(draws, Patients(draws, at, total=patients, prescribers=doctors), ranks, documents)


def _slice(
    draws: Draws, patients: Patients, ranks: Ranks, documents: float
) -> Iterator[tuple[str, pa.RecordBatch]]:
    requests = Requests(draws, patients, ranks)
    results = Results(draws, requests)
    isolates, susceptibilities = germs(draws, results)
    yield "PATIENT", patients.batch()
    yield "PORTAIL", patients.portal()
    yield "DOSSIER", requests.batch()
    yield "ECHANT", requests.specimens()
    yield "RESULT", results.batch()
    yield "GERME", isolates
    yield "ABG", susceptibilities
    yield "CRPDF", reports(draws, results, share=documents)
    yield "FACTUR", bills(draws, requests)
