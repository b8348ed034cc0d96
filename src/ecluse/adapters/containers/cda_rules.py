"""What an element of a CDA document is, and which row of the table (`cda.toml`) judges it.

Decides labels: an element's name, with what tells it from its brothers where the table asks (a mobile from a landline, the prescriber from the
treating doctor, an INS from another number). It takes nothing out.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from ecluse.adapters.xml import Element, local, namespace
from ecluse.terms.recognise import OIDS

__all__ = ["V3", "XSI", "FieldRow", "Table", "is_cda", "label", "table"]

V3: Final = "urn:hl7-org:v3"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
CLINICAL: Final = frozenset({"55752-0", "29299-5", "42349-1", "10164-2", "11329-0", "46241-6", "8716-3"})
"""LOINC codes of sections of clinical information."""
COMMENT: Final = "48767-8"
PROFESSIONAL: Final = "1.2.250.1.71.4.2.1"
"""OID of the national identifiers of professionals (RPPS)."""
THINGS: Final = frozenset({"DEV", "PRD", "SPC", "CSM", "PRC", "LOC"})
"""Participations of devices, products, specimens, places (HL7 ParticipationType), which are nobody."""
_MOBILE: Final = re.compile(r"tel:\s*(?:0|\+?\s?33|0033)\D{0,4}[67]")


def is_cda(root: Element) -> bool:
    """Whether this is a clinical document of HL7 version 3."""
    return local(root) == "ClinicalDocument" and namespace(root) == V3


def label(element: Element) -> str:
    """The element's name, with what tells it from its brothers where the table asks."""
    name = local(element)
    tell = _LABELS.get(name)
    return name if tell is None else tell(element)


def _participant(element: Element) -> str:
    part = element.get("typeCode", "")
    if element.find(f"{{{V3}}}participantRole") is not None:
        return (
            "participant:thing"
            if part in THINGS
            else "participant:validator"
            if part == "AUTHEN"
            else "participant:person"
        )
    function = element.find(f"{{{V3}}}functionCode")
    treating = part == "INF" and function is not None and function.get("code") == "PCP"
    return f"participant:{part}:PCP" if treating else f"participant:{part}"


def _telecom(element: Element) -> str:
    value = element.get("value", "").strip().lower()
    if value.startswith("mailto:"):
        return "telecom:mssante" if "patient.mssante" in value else "telecom:mail"
    if value.startswith("tel:"):
        mobile = element.get("use") == "MC" or _MOBILE.match(value)
        return "telecom:mobile" if mobile else "telecom:phone"
    return "telecom"


def _qualified(element: Element) -> str:
    qualifier = element.get("qualifier")
    return f"{local(element)}:{qualifier}" if qualifier else local(element)


def _id(element: Element) -> str:
    root, body = element.get("root"), any(local(above) == "component" for above in element.iterancestors())
    return "id:ins" if root in OIDS else "id:professional" if body and root == PROFESSIONAL else "id"


def _code_of(element: Element) -> str:
    code = element.find(f"{{{V3}}}code")
    return "" if code is None else code.get("code", "")


_LABELS: Final[dict[str, Callable[[Element], str]]] = {
    "participant": _participant,
    "telecom": _telecom,
    "family": _qualified,
    "given": _qualified,
    "id": _id,
    "section": lambda element: "section:clinical" if _code_of(element) in CLINICAL else "section",
    "act": lambda element: "act:comment" if _code_of(element) == COMMENT else "act",
}


# --- the table ------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FieldRow:
    """What must be named for an element to stay; whether it is blanked rather than taken out; whether a narrative repeats it."""

    fields: frozenset[str]
    mask: bool
    speech: bool


@dataclass(frozen=True, slots=True)
class Table:
    """The table, read: paths that are kept whole, that are opened, that are gone; and rows by path."""

    keep: frozenset[str]
    opened: frozenset[str]
    gone: frozenset[str]
    fields: dict[str, FieldRow]


@cache
def table() -> Table:
    """The table that ships."""
    text = resources.files("ecluse.adapters.containers").joinpath("cda.toml").read_text("utf-8")
    read = tomllib.loads(text)
    fields = {
        at: FieldRow(frozenset(row["fields"]), row.get("mask", False), row.get("speech", False))
        for row in read["field"]
        for at in row["at"]
    }
    return Table(frozenset(read["keep"]), frozenset(read["open"]), frozenset(read["gone"]), fields)
