"""Building blocks of a CDA document that is written: elements, identifiers, instants, codes.

Decides how an ISO text becomes an HL7 instant: civil time of a zone, with the offset that it had there.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from lxml import etree

from ecluse.adapters.connectors.cda.names import LOINC, XSI, q
from ecluse.adapters.connectors.files.format import Row
from ecluse.adapters.xml import Element

__all__ = ["add", "add_address", "add_id", "add_telecom", "coded", "loinc", "said", "stamp", "typed"]

_ISO: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(\.\d{1,6})?)?)?")


def add(parent: Element, name: str, text: str | None = None, **attributes: str | None) -> Element:
    """A new element of CDA below `parent`; attributes that are None are left out."""
    element = etree.SubElement(
        parent, q(name), {key: value for key, value in attributes.items() if value is not None}
    )
    element.text = text
    return element


def said(row: Row, name: str) -> str | None:
    """A field's text, None where it says nothing."""
    value = row.get(name)
    return value if isinstance(value, str) and value else None


def stamp(value: str | None, *, zone: ZoneInfo) -> str | None:
    """An ISO date or time as an HL7 instant; None for what is neither."""
    found = _ISO.fullmatch(value or "")
    if found is None:
        return None
    year, month, day, hour, minute, second, decimals = found.groups()
    date = f"{year}{month}{day}"
    if hour is None:
        return date
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=zone)
    except ValueError:
        return None
    offset = moment.strftime("%z")[:5]
    return f"{date}{hour}{minute}{second or ''}{decimals or ''}{offset}"


def add_id(parent: Element, root: str, extension: str | None) -> Element:
    """An identifier, or the word that there is none."""
    return (
        add(parent, "id", root=root, extension=extension) if extension else add(parent, "id", nullFlavor="NI")
    )


def loinc(parent: Element, code: str, label: str | None, *, name: str = "code") -> Element:
    """A code of LOINC."""
    return add(parent, name, code=code, codeSystem=LOINC, codeSystemName="LOINC", displayName=label)


def coded(parent: Element, name: str, code: str | None, label: str | None = None) -> Element:
    """A code whose table is not known: the code and its label, or a label alone as original text."""
    if code:
        return add(parent, name, code=code, displayName=label)
    element = add(parent, name, nullFlavor="OTH" if label else "NI")
    if label:
        add(element, "originalText", label)
    return element


def typed(
    parent: Element, name: str, kind: str, text: str | None = None, **attributes: str | None
) -> Element:
    """An element that says its data type (xsi:type)."""
    element = add(parent, name, text, **attributes)
    element.set(q("type", XSI), kind)
    return element


def add_address(parent: Element, row: Row) -> None:
    """An address, if the record has one."""
    line, postcode, city = (said(row, name) for name in ("address", "postcode", "city"))
    if line or postcode or city:
        found = add(parent, "addr")
        for name, value in (("streetAddressLine", line), ("postalCode", postcode), ("city", city)):
            if value:
                add(found, name, value)


def add_telecom(parent: Element, scheme: str, value: str | None, *, use: str | None = None) -> None:
    """A telephone or a mailbox, if there is one."""
    if value:
        add(parent, "telecom", value=f"{scheme}:{value}", use=use)
