"""The report documents: small valid PDF files that repeat the patient's identity and every result of a request.

Decides CRPDF. The bytes are written by hand, uncompressed, so that what a document repeats can be seen, and found, without a library
(ISO 32000-1, 7.5). Text is in Windows-1252; a character it lacks becomes "?".
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from ecluse.invent.columns import fixed, joined, pick, timestamps
from ecluse.invent.draws import Draws, Index
from ecluse.invent.old_system import OLD
from ecluse.invent.results import HIDDEN, SECRET, VISIBLE, Results
from ecluse.invent.staff import BIOLOGISTS

__all__ = ["pdf", "reports"]

_FONT: Final = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
_PAGE: Final = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"


def pdf(lines: list[str]) -> bytes:
    """A PDF file of one page that shows these lines."""
    shown = b"\n".join(b"(" + _escaped(line) + b") Tj T*" for line in lines)
    stream = b"BT /F1 9 Tf 11 TL 40 800 Td\n" + shown + b"\nET"
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        _PAGE,
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
        _FONT,
    )
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for rank, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (rank, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)


def _escaped(line: str) -> bytes:
    encoded = line.encode("cp1252", "replace")
    return encoded.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)").replace(b"\n", b" ")


def reports(draws: Draws, results: Results, *, share: float) -> pa.RecordBatch:
    """The rows of CRPDF: a document for this share of the requests that have a validated result."""
    requests = results.requests
    chosen = np.flatnonzero(draws.chance("document", requests.at, share) & (requests.state < 2))
    contents = _contents(results, chosen)
    strictest = np.zeros(len(requests.at), dtype=np.int64)
    np.maximum.at(strictest, results.request, results.visibility)
    at = requests.at[chosen]
    secret = strictest[chosen]
    columns = [
        joined(fixed(requests.text[chosen]), "CR"),
        fixed(requests.text[chosen]),
        pick(pa.array(("application/pdf",)), np.zeros(len(chosen), dtype=np.int64)),
        pa.array(contents, pa.binary()),
        pick(pa.array(BIOLOGISTS), draws.below("signatory", at, len(BIOLOGISTS))),
        timestamps(requests.moment[chosen] + 90_000 + draws.below("signed-at", at, 80_000)),
        pick(pa.array(("1",)), np.zeros(len(chosen), dtype=np.int64)),
        pick(pa.array(("0", "1", "2", "3")), np.clip(secret, VISIBLE, max(SECRET, HIDDEN))),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=OLD.table("CRPDF").arrow)


def _contents(results: Results, chosen: Index) -> list[bytes]:
    """One document for each of the chosen requests. The only loop of the laboratory over things, because files are things."""
    requests = results.requests
    kept = np.flatnonzero(np.isin(results.request, chosen))
    starts = np.searchsorted(results.request[kept], chosen, side="left")
    ends = np.searchsorted(results.request[kept], chosen, side="right")
    lines = results.lines(kept)
    numbers = fixed(requests.text[chosen]).to_pylist()
    rows = pa.array(requests.row[chosen])
    identity = [
        requests.patients.columns[name].take(rows).to_pylist()
        for name in ("NOMNAI", "PRENOM", "DATNAI", "NSS")
    ]
    contents = []
    for rank, (number, name, given, born, insured) in enumerate(zip(numbers, *identity, strict=True)):
        head = [
            "Laboratoire Inventé de l'Ouest - compte rendu",
            f"Demande {number}",
            f"Patient : {name or '?'} {given or ''} né(e) le {born or '?'} - NIR {insured or '?'}",
            "",
        ]
        body = [
            f"{label} : {value or 'non rendu'} {unit or ''}"
            for label, value, unit in lines[starts[rank] : ends[rank]]
        ]
        contents.append(pdf(head + body))
    return contents
