"""Finding: a report repeats everything. Here every document is opened before it leaves, and what the instruction does not name stays behind."""

from __future__ import annotations

import base64
import gzip
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from ecluse.passage.rejects import RejectVault
from ecluse.passage.site import rejects_key
from ecluse.terms.instruction import Instruction, NamedField
from tests.containers import MARKERS, cda, packed, plain_report, telling_report
from tests.workspaces import also, laboratory, start

ADDRESS = ("address", "postcode", "city")
CONTENTS = (
    cda(),
    packed(cda(inside=telling_report())),
    telling_report(),
    plain_report(),
    gzip.compress(cda(), mtime=0),
)


def reports_without_address(instruction: Instruction) -> Instruction:
    """The reports are asked for; where patients live is not."""
    taken = also(instruction, "document", "id", "request", "media_type", "content", "visibility")
    patient = tuple(name for name in taken.records["patient"] if name not in ADDRESS)
    prescriber = tuple(name for name in taken.records["prescriber"] if name not in ADDRESS)
    return replace(
        taken, records={**taken.records, "patient": patient, "prescriber": prescriber},
        documents=(NamedField("document.content", "Les comptes rendus signés font foi."),),
    )  # fmt: skip


def test_no_address_leaves_in_a_document_decoded_or_not(tmp_path: Path) -> None:
    """CDA, CDA in base64 with a PDF inside, PDF, archive: what arrives holds no address, the rest is rejected with its reason and sealed, all is
    counted, and both sides reconcile to the last row.
    """
    _, ready = laboratory(tmp_path, patients=120, change=reports_without_address)
    with closing(sqlite3.connect(tmp_path / "old.sqlite")) as old:
        names = [row[0] for row in old.execute("SELECT NUMCR FROM CRPDF ORDER BY NUMCR")]
        old.executemany(
            "UPDATE CRPDF SET CONTENU = ? WHERE NUMCR = ?",
            [(CONTENTS[place % len(CONTENTS)], name) for place, name in enumerate(names)],
        )
        old.commit()
    by, name = ready.cast.ids["engineer"], start(ready)
    ready.course.run(name, by=by)
    result = ready.course.reconcile(name, by=by)
    assert result.unexplained == 0
    document = next(kind for kind in result.kinds if kind.kind == "document")
    assert set(document.opened) == {
        "cda: filtered", "pdf in cda: refused", "pdf: whole", "pdf: refused", "archive: refused",
    }  # fmt: skip
    assert set(document.rejected_at_source) == {
        "content: archive", "content: holds patient.nss, patient.address, patient.postcode, patient.city",
    }  # fmt: skip
    assert document.sent == document.opened["cda: filtered"] + document.opened["pdf: whole"]

    with closing(sqlite3.connect(tmp_path / "new.sqlite")) as new:
        arrived = [bytes(row[0]) for row in new.execute("SELECT content FROM attachments")]
    plain = [it if it.startswith((b"<", b"%")) else base64.b64decode(it) for it in arrived]
    assert len(plain) == document.sent > 0
    unnamed = [MARKERS[f"patient.{field}"] for field in (*ADDRESS, "phone", "mobile", "email")]
    assert not [value for value in unnamed for content in plain if value.encode() in content]
    assert any(MARKERS["patient.birth_name"].encode() in content for content in plain)

    key = rejects_key(name)
    identity = ready.source.keys.identity(key)
    kept = RejectVault(ready.source.rejects, key, to=identity.recipient()).read([identity])
    sealed = {row["content"] for it in kept if it.kind == "document" for row in it.rows.to_pylist()}
    assert sealed == {CONTENTS[2], CONTENTS[4]}
