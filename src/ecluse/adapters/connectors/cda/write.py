"""CR-BIO documents written, one for each request, and read again before they leave: what CDA's elements do not say exactly is said beside them.

Decides nothing of a document's form (`write_header`, `write_body`): it compares what the elements tell with what the records say, and adds the
difference in our own element, so that every field comes back as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from lxml import etree

from ecluse.adapters.connectors.cda.beside import add_record, new_records
from ecluse.adapters.connectors.cda.names import LAB, OURS, SDTC, V3, XSI, q
from ecluse.adapters.connectors.cda.parts import Page
from ecluse.adapters.connectors.cda.read import Unusable, facts_of
from ecluse.adapters.connectors.cda.write_body import add_body
from ecluse.adapters.connectors.cda.write_header import add_header
from ecluse.adapters.connectors.files.format import Case, Row, Written
from ecluse.adapters.xml import Element, written

__all__ = ["unfit", "write"]

TOGETHER: Final = 500
"""Records without a request in one file."""

_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONG: Final = 9_000_000
"""A text longer than this could not be read back: libxml2 bounds one at ten million octets."""

Records = dict[tuple[str, str], dict[str, str | bytes]]


def unfit(kind: str, row: Row) -> str | None:  # noqa: ARG001 - every kind has a place, its own or beside
    """Why this record cannot be read back exactly: "no-id", "control" (a character that XML cannot hold), "too-long"; or None."""
    if not row.get("id"):
        return "no-id"
    for value in row.values():
        if isinstance(value, str):
            if _NOT_XML.search(value):
                return "control"
            if len(value.encode()) > _LONG:
                return "too-long"
        elif value is not None and len(value) > _LONG * 3 // 4:
            return "too-long"
    return None


def write(cases: Iterable[Case], alone: Iterable[tuple[str, Row]], *, zone: ZoneInfo) -> Iterator[Written]:
    """A document for each case, then lists of the records that belong to none (not CDA: a report is of a request)."""
    number = 0
    for case in cases:
        number += 1
        yield Written(f"cda-{number:08d}.xml", written(_document(case, zone)))
    rest = iter(alone)
    while some := list(islice(rest, TOGETHER)):
        number += 1
        records = new_records()
        for kind, row in some:
            add_record(records, kind, str(row["id"]), _said(row))
        yield Written(f"cda-{number:08d}.xml", written(records))


def _document(case: Case, zone: ZoneInfo) -> Element:
    root = etree.Element(
        q("ClinicalDocument"), nsmap={None: V3, "xsi": XSI, "lab": LAB, "sdtc": SDTC, "ecluse": OURS}
    )
    add_header(root, case, zone=zone)
    add_body(root, case, zone=zone)
    told, wanted = _told(root), _wanted(case)
    beside = new_records(root)
    for (kind, name), row in wanted.items():
        there = told.get((kind, name))
        changed = {field: value for field, value in row.items() if there is None or there.get(field) != value}
        absent = [field for field in (there or {}) if field not in row and field != "id"]
        if changed or absent or there is None:
            add_record(beside, kind, name, changed, absent=absent)
    for kind, name in told.keys() - wanted.keys():
        add_record(beside, kind, name, {}, gone=True)
    if not len(beside):
        root.remove(beside)
    return root


def _told(root: Element) -> Records:
    """What a reader would take from CDA's own elements: of the same octets, since writing XML can change a text."""
    again = etree.fromstring(
        written(root), etree.XMLParser(huge_tree=True, resolve_entities=False, no_network=True)
    )
    told: Records = {}
    try:
        for fact in facts_of(Page(again), place=""):
            record = told.setdefault((fact.kind, str(fact.row["id"])), {})
            record.update({name: value for name, value in fact.row.items() if value})
    except Unusable:
        return {}
    return told


def _wanted(case: Case) -> Records:
    below = (
        ("specimen", case.specimens),
        ("result", case.results),
        ("isolate", case.isolates),
        ("susceptibility", case.susceptibilities),
    )
    rest = ("document", case.documents), ("invoice", case.invoices)
    one = ("prescriber", [case.prescriber]), ("patient", [case.patient]), ("request", [case.request])
    return {(kind, str(row["id"])): _said(row) for kind, rows in (*one, *below, *rest) for row in rows if row}


def _said(row: Row) -> dict[str, str | bytes]:
    return {name: value for name, value in row.items() if value is not None and name != "id"}
