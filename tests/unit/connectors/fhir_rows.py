# ruff: noqa: DTZ001 - the laboratory's civil time has no zone, and that is what is tested
"""One small invented patient, with everything that hangs on her, as canonical batches: what the FHIR tests write."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa

from ecluse.passage.canonical import ARROW
from ecluse.passage.load import TableRows
from ecluse.terms.vocabulary import vocabulary

__all__ = ["ROWS", "given", "whole"]

ROWS: Final[dict[str, list[dict[str, Any]]]] = {
    "prescriber": [
        {"id": "PR1", "rpps": "10003456787", "family_name": "LEFÈVRE", "given_names": "Anne Marie", "specialty": "Médecine générale",
         "address": "3 rue des Écluses", "postcode": "44000", "city": "NANTES", "phone": "02 40 00 00 00"},
        {"id": "PR 2"},
    ],
    "patient": [
        {"id": "P1", "birth_name": "MARTIN", "used_name": "DURAND", "given_names": "JEANNE LOUISE", "sex": "F", "birth_date": date(1984, 2, 29),
         "birth_place": "2A004", "death_date": date(2024, 5, 1), "ins": "284022A00400158", "ins_oid": "1.2.250.1.213.1.4.10", "ins_status": "VALI",
         "nss": "284022A00400158", "address": "1 quai de la Fosse", "postcode": "44000", "city": "NANTES", "phone": "02 40 11 11 11",
         "mobile": "06 00 00 00 00", "email": "jeanne@patient.example", "doctor": "PR1", "comment": "Préfère le matin\nà jeun", "comment_2": ""},
        {"id": "P2", "birth_name": " O'NEIL\t", "given_names": "  ", "sex": "U", "merged_into": "P1", "doctor": "PR 2"},
    ],
    "request": [
        {"id": "D1", "patient": "P1", "prescriber": "PR1", "site": "01", "date": date(2024, 3, 31), "time": datetime(2024, 3, 31, 2, 30, 0, 123456),
         "status": "closed", "urgent": True, "clinical_info": "fièvre"},
        {"id": "D2", "patient": "P2", "site": "02", "date": date(2024, 10, 27), "time": datetime(2024, 10, 27, 2, 30), "status": "open", "urgent": False},
        {"id": "D3", "patient": "P1", "date": date(2024, 1, 2), "time": datetime(2024, 1, 3, 8, 0)},
    ],
    "specimen": [
        {"id": "E1", "request": "D1", "type": "Sang total", "collected_at": datetime(1969, 12, 31, 23, 59, 59, 999999),
         "received_at": datetime(2024, 3, 31, 9, 0)},
        {"id": "E2", "request": "D2"},
    ],
    "result": [
        {"id": "R1", "request": "D1", "specimen": "E1", "code": "NA", "label": "Sodium", "value": "5.10", "unit": "mmol/L", "range_low": "3,5",
         "range_high": "5,1", "flag": "H", "status": "corrected", "version": 2, "visibility": "hidden-from-guardians", "validator": "Dr BIO",
         "validated_at": datetime(2024, 3, 31, 3, 0), "comment": "contrôlé"},
        {"id": "R2", "request": "D1", "code": "CRP", "label": "CRP", "value": "<0,1", "unit": "mg/L", "range_high": "5", "status": "validated",
         "visibility": "visible"},
        {"id": "R3", "request": "D2", "code": "HIV 1", "label": "", "value": "non  réactif", "unit": "", "range_low": "", "status": "entered",
         "visibility": "secret", "flag": "*"},
        {"id": "R4", "request": "D2", "code": "ECBU", "value": None, "status": "ordered", "version": 12345678901, "visibility": "hidden"},
        {"id": "R5", "request": "D2", "value": "≥ 1000", "unit": "µg/L\x00", "status": "cancelled"},
    ],
    "isolate": [{"id": "R1", "request": "D2", "result": "R4", "organism": "Escherichia coli", "count": "10^5 UFC/mL"}, {"id": "2"}],
    "susceptibility": [
        {"id": "R1", "request": "D2", "isolate": "R1", "antibiotic": "Amoxicilline", "mic": "<=8", "interpretation": "S"},
        {"id": "x-2", "request": "D2", "isolate": "2", "antibiotic": None, "mic": "0.064", "interpretation": "R"},
        {"id": "3", "mic": "sensible"},
    ],
    "document": [
        {"id": "CR1", "request": "D1", "media_type": "application/pdf", "content": b"%PDF-1.7\x00\xff", "signatory": "Dr BIO",
         "signed_at": datetime(2024, 3, 31, 18, 0), "version": 1, "visibility": "visible"},
        {"id": "CR2", "request": "D2", "content": b"", "visibility": "hidden"},
        {"id": "CR3", "request": "D2", "media_type": "text/plain", "content": None},
    ],
    "invoice": [
        {"id": "F1", "request": "D1", "act": "0552", "quantity": 1, "amount": "1.35", "payer": "CPAM 44"},
        {"id": "F2", "amount": "1,35", "quantity": -2},
    ],
}  # fmt: skip


def given(kind: str, *rows: dict[str, Any]) -> TableRows:
    """These rows with the columns that any of them has, in the vocabulary's types."""
    fields = [
        field for field in vocabulary().kinds[kind].fields.values() if any(field.name in row for row in rows)
    ]
    types = pa.schema([pa.field(field.name, ARROW[field.type]) for field in fields])
    return TableRows(kind, pa.RecordBatch.from_pylist(list(rows), schema=types), ("id",))


def whole(kind: str) -> TableRows:
    """The small patient's rows of one kind, with every column of the vocabulary."""
    names = vocabulary().kinds[kind].fields
    return given(kind, *(dict.fromkeys(names) | row for row in ROWS[kind]))
