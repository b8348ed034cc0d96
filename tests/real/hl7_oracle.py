"""What the FHIR converters of CDC and Microsoft make of a message, said in the words of our records, and what differs from ours.

Decides what is compared: the patient's names, birth date, sex and identifiers; each observation's code, value, unit and status. A message of one feature that
lacks a patient's or an order's number is given one here, since neither converter asks for any.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from ecluse.adapters.connectors.files.format import Fact, Row
from ecluse.adapters.connectors.hl7.format import Hl7v2

__all__ = ["Difference", "completed", "differences", "pairs"]

Difference = tuple[str, str, str]
"""File, place (`patient.sex`, `result.value`...), and what each side says."""

STATUSES: Final = {
    "final": "validated", "corrected": "corrected", "preliminary": "entered", "cancelled": "cancelled", "amended": "corrected",
    "unknown": None, "registered": "ordered", "entered-in-error": "cancelled",
}  # fmt: skip
GENDERS: Final = {"male": "M", "female": "F", "unknown": "U"}


def pairs(shared: Path) -> Iterator[tuple[Path, Path]]:
    """Each message beside which an expected FHIR lies."""
    for message in sorted((shared / "hl7v2").glob("cdc-*/**/*.hl7")):
        expected = message.with_suffix(".fhir")
        if expected.exists():
            yield message, expected
    theirs = {it.name: it for it in (shared / "hl7v2").glob("microsoft-fhir-converter-expected/**/*.json")}
    for message in sorted((shared / "hl7v2" / "microsoft-fhir-converter").glob("**/*.hl7")):
        if named := theirs.get(f"{message.stem}-expected.json"):
            yield message, named


def completed(octets: bytes) -> bytes:
    """The message with a number for its patient and its orders where it has none, an end to its last line, and a status that is final by default."""
    lines = [line for line in re.split(rb"[\r\n]+", octets) if line]
    order: list[bytes] = []
    for place, line in enumerate(lines):
        fields = line.split(b"|")
        if fields[0] == b"PID" and not any(it for it in fields[2:5]):
            fields += [b""] * (4 - len(fields))
            fields[3] = b"TEST"
        if fields[0] == b"ORC":
            order = fields
        if fields[0] == b"OBR" and not any([*fields[2:4], *order[2:4]]):
            fields += [b""] * (4 - len(fields))
            fields[3] = b"TEST"
        lines[place] = b"|".join(fields)
    return b"\r".join(lines) + b"\r"


def differences(message: Path, expected: Path) -> Iterator[Difference]:
    """Everything that differs between our records of a message and the resources expected of it."""
    facts = [
        it
        for it in Hl7v2().read(io.BytesIO(completed(message.read_bytes())), name="1")
        if isinstance(it, Fact)
    ]
    resources = [entry["resource"] for entry in json.loads(expected.read_text("utf-8-sig"))["entry"]]
    patients = [it for it in resources if it["resourceType"] == "Patient"]
    ours = [it.row for it in facts if it.kind == "patient"]
    if ours and patients:
        yield from ((message.stem, *it) for it in _patient(ours[0], patients[0]))
    results = [it.row for it in facts if it.kind == "result" and not it.gone]
    observed = [it for it in resources if it["resourceType"] == "Observation"]
    yield from ((message.stem, *it) for it in _results(results, observed))


# --- patients -----------------------------------------------------------------------------------------------------------------------------


def _patient(row: Row, theirs: dict[str, Any]) -> Iterator[tuple[str, str]]:
    names = theirs.get("name", [])
    families = {it["family"] for it in names if "family" in it}
    for field in ("birth_name", "used_name"):
        if row.get(field) and row[field] not in families:
            yield f"patient.{field}", f"{row[field]!r} is not in {sorted(families)}"
    if families and not row.get("birth_name") and not row.get("used_name"):
        yield "patient.birth_name", f"none, for {sorted(families)}"
    given = {" ".join(it["given"]) for it in names if it.get("given")}
    if row.get("given_names") != None and row["given_names"] not in given:  # noqa: E711
        yield "patient.given_names", f"{row['given_names']!r} is not in {sorted(given)}"
    birth = theirs.get("birthDate")
    if row.get("birth_date") != birth:
        yield "patient.birth_date", f"{row.get('birth_date')!r}, {birth!r}"
    if row.get("sex") != GENDERS.get(theirs.get("gender", ""), theirs.get("gender")):
        yield "patient.sex", f"{row.get('sex')!r}, {theirs.get('gender')!r}"
    numbers = {it.get("value") for it in theirs.get("identifier", [])}
    for field in ("id", "ins", "nss"):
        said = str(row[field]).partition("@")[0] if row.get(field) else None
        if said and said != "TEST" and said not in numbers:
            yield f"patient.{field}", f"{said!r} is not in {sorted(map(str, numbers))}"


# --- observations ---------------------------------------------------------------------------------------------------------------------------


def _results(rows: list[Row], theirs: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    left = list(theirs)
    for row in rows:
        found = next((it for it in left if row.get("code") in _codes(it.get("code", {}))), None)
        if found is None:
            yield "result", f"{row.get('code')!r} is ours alone"
            continue
        same = next(
            (
                it
                for it in left
                if row.get("code") in _codes(it.get("code", {})) and _same(row.get("value"), it)
            ),
            found,
        )
        left.remove(same)
        yield from _result(row, same)
    for it in left:
        yield "result", f"{sorted(map(str, _codes(it.get('code', {}))))} is theirs alone"


def _codes(concept: dict[str, Any]) -> set[str | None]:
    return {it.get("code") for it in concept.get("coding", [])}


def _result(row: Row, theirs: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if not _same(row.get("value"), theirs):
        yield (
            "result.value",
            f"{row.get('value')!r}, { {name: it for name, it in theirs.items() if name.startswith('value')} }",
        )
    quantity = theirs.get("valueQuantity") or {}
    if row.get("unit") not in (None, quantity.get("unit"), quantity.get("code")):
        yield "result.unit", f"{row.get('unit')!r}, {quantity!r}"
    if row.get("status") != STATUSES[theirs["status"]]:
        yield "result.status", f"{row.get('status')!r}, {theirs['status']!r}"


def _same(value: str | bytes | None, theirs: dict[str, Any]) -> bool:
    said = next((it for name, it in theirs.items() if name.startswith("value")), None)
    if said is None or value is None:
        return said is None and value is None
    if isinstance(said, str):
        return value == said
    if "coding" in said or "text" in said:
        return value in {
            said.get("text"),
            *(it.get(part) for it in said.get("coding", []) for part in ("display", "code")),
        }
    if "value" in said:
        return _number(str(value).lstrip("<>=")) == _number(str(said["value"])) and (
            said.get("comparator", "") in str(value)
        )
    return False


def _number(text: str) -> Decimal | str:
    try:
        return Decimal(text)
    except InvalidOperation:
        return text
