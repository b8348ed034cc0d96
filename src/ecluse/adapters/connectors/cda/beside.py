"""Our own element beside CDA's: what a record says that CDA has no place for, or would not say exactly.

    <records xmlns="urn:ecluse:records:1">
      <record kind="result" id="R1"><field name="version">2</field><field name="unit"/><field name="flag" absent="true"/></record>
      <record kind="result" id="R2" gone="true"/>
      <record kind="document" id="C1"><field name="content" form="base64">JVBERg==</field></record>

Decides how it is written and read. A field is what the record says, an empty text included; `absent` takes away what CDA's elements seem to say
of one, `gone` a record that they seem to tell. A reader who does not know the namespace loses these fields and nothing else (HL7 CDA R2, 1.4).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from lxml import etree

from ecluse.adapters.connectors.cda.names import OURS, q
from ecluse.adapters.connectors.cda.parts import Page
from ecluse.adapters.connectors.files.format import Fact
from ecluse.adapters.xml import Element
from ecluse.terms.vocabulary import vocabulary

__all__ = ["Beside", "Said", "add_record", "new_records", "told_beside"]

Said = Mapping[str, str | bytes]


class Beside(NamedTuple):
    """What our element tells of one record, and the fields of which it tells that there is nothing."""

    fact: Fact
    absent: tuple[str, ...]


def new_records(parent: Element | None = None) -> Element:
    """An empty list of records, below `parent` or as a document of its own."""
    if parent is None:
        return etree.Element(q("records", OURS), nsmap={None: OURS})
    return etree.SubElement(parent, q("records", OURS))


def add_record(
    records: Element, kind: str, name: str, fields: Said, *, absent: Iterable[str] = (), gone: bool = False
) -> None:
    """One record, with the fields that are to be said, and those of which nothing is."""
    record = etree.SubElement(records, q("record", OURS), kind=kind, id=name)
    if gone:
        record.set("gone", "true")
    for field, value in fields.items():
        element = etree.SubElement(record, q("field", OURS), name=field)
        if isinstance(value, bytes):
            element.set("form", "base64")
            element.text = base64.b64encode(value).decode()
        else:
            element.text = value
    for field in absent:
        etree.SubElement(record, q("field", OURS), name=field, absent="true")


def told_beside(page: Page, place: str) -> Iterator[Beside]:
    """What every such element tells. What the vocabulary has no name for is left out, and shows among what is not carried."""
    kinds = vocabulary().kinds
    for number, record in enumerate(page.root.iter(q("record", OURS)), start=1):
        kind, name = record.get("kind", ""), record.get("id", "")
        if kind not in kinds or not name:
            continue
        row: dict[str, str | bytes | None] = {"id": name}
        absent = []
        for element in record.iterchildren(q("field", OURS)):
            field = kinds[kind].fields.get(element.get("name", ""))
            if field is None or field.name == "id":
                continue
            if element.get("absent") == "true":
                absent.append(field.name)
            else:
                row[field.name] = _value(element, octets=field.type == "bytes")
        fact = Fact(kind, row, f"{place}.{number}", gone=record.get("gone") == "true")
        yield Beside(fact, tuple(absent))


def _value(element: Element, *, octets: bool) -> str | bytes | None:
    text = element.text or ""
    if not octets:
        return text
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
