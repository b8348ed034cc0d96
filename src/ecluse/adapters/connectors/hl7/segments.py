"""Records as the segments of HL7 v2.5.1 that say them: the other direction of `layout`.

Decides which segment and field says each field of a record, in the plainest form that any receiver reads. Whether it is exact is `write`'s.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Final

from ecluse.adapters.connectors.files.format import Row
from ecluse.adapters.connectors.hl7.delimiters import OURS
from ecluse.adapters.connectors.hl7.layout import INSTANCE
from ecluse.adapters.connectors.hl7.moments import hl7_of
from ecluse.adapters.connectors.hl7.people import INS, RPPS

__all__ = [
    "document", "flags", "invoice", "isolate", "notes", "orc", "person", "pid", "practitioner", "result", "specimen", "staff", "susceptibility",
]  # fmt: skip

_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?\Z")
_STATUS: Final = {"ordered": "I", "entered": "R", "validated": "F", "corrected": "C", "cancelled": "X"}
_ORDER: Final = {"open": "IP", "closed": "CM", "cancelled": "CA"}
_ORGANISM: Final = ("11475-1", "Microorganism identified", "LN")
_ENCAPSULATED: Final = {
    "application/pdf": ("AP", "PDF"), "text/xml": ("TEXT", "XML"), "text/html": ("TEXT", "HTML"), "text/rtf": ("TEXT", "RTF"),
    "text/plain": ("TEXT", "PLAIN"), "image/jpeg": ("IM", "JPEG"), "image/png": ("IM", "PNG"), "image/tiff": ("IM", "TIFF"),
}  # fmt: skip

Coding = tuple[str, str] | None
"""A list ("loinc", "nabm") and a code of it."""
_LISTS: Final = {"loinc": "LN", "nabm": "99NABM"}
"""Table 0396: LN is LOINC; a national list that it does not name is 99 and its name."""


def said(value: str | bytes | None) -> str:
    """A text as one part of a field."""
    if value is None or isinstance(value, bytes):
        return ""
    return OURS.escaped(value) if value else '""'


def parts(*values: str | bytes | None) -> str:
    """A field of components."""
    return "^".join(said(it) for it in values).rstrip("^")


def _beside(local: str, chosen: Coding) -> str:
    """A CWE: the local code first, then the chosen one as the alternate identifier with its coding system (components 4 and 6; table 0396)."""
    if chosen is None:
        return local
    system, code = chosen
    return f"{local}{'^' * (3 - local.count('^'))}{said(code)}^^{_LISTS[system]}"


def moment(value: str | bytes | None) -> str:
    """A TS."""
    return said(hl7_of(value)) if isinstance(value, str) and value else ""


def segment(name: str, places: dict[int, str]) -> str:
    """A segment from its fields by number."""
    last = max((place for place, text in places.items() if text), default=0)
    return "|".join([name, *(places.get(place, "") for place in range(1, last + 1))])


# --- people -------------------------------------------------------------------------------------------------------------------------------


def person(row: Row) -> str:
    """An XCN: the local number, then the RPPS as a repetition."""
    names = (row.get("family_name"), row.get("given_names"))
    told = parts(row.get("id"), *names)
    if row.get("rpps"):
        national = "^".join(said(it) for it in (row["rpps"], *names))
        told += f"~{national}^^^^^^&{RPPS}&ISO^^^^RPPS"
    return told


def pid(row: Row) -> str:
    """PID: what is known of the patient."""
    numbers = [f"{said(row.get('id'))}^^^^PI"] if row.get("id") else []
    if row.get("ins"):
        oid = row.get("ins_oid")
        authority = f"{INS.get(str(oid), '')}&{said(oid)}&ISO" if oid else ""
        numbers.append(f"{said(row['ins'])}^^^{authority}^INS")
    names = []
    if row.get("birth_name") is not None or row.get("given_names") is not None:
        names.append(f"{said(row.get('birth_name'))}^{said(row.get('given_names'))}^^^^^L")
    if row.get("used_name") is not None:
        names.append(f"{said(row.get('used_name'))}^{said(row.get('given_names'))}^^^^^D")
    places = []
    if any(row.get(it) is not None for it in ("address", "city", "postcode")):
        places.append(f"{said(row.get('address'))}^^{said(row.get('city'))}^^{said(row.get('postcode'))}^^H")
    if row.get("birth_place"):
        places.append(f"^^^^^^BDL^^{said(row['birth_place'])}")
    reached = [
        f"{said(row.get(name))}{after}" for name, after in (("phone", "^PRN^PH"), ("mobile", "^PRN^CP")) if row.get(name)
    ]  # fmt: skip
    if row.get("email"):
        reached.append(f"^NET^Internet^{said(row['email'])}")
    return segment(
        "PID",
        {
            1: "1", 3: "~".join(numbers), 5: "~".join(names), 7: moment(row.get("birth_date")), 8: said(row.get("sex")), 11: "~".join(places),
            13: "~".join(reached), 19: said(row.get("nss")), 29: moment(row.get("death_date")), 30: "Y" if row.get("death_date") else "",
            32: said(row.get("ins_status")),
        },
    )  # fmt: skip


def notes(text: str | bytes | None) -> Iterator[str]:
    """An NTE."""
    if text:
        yield f"NTE|1||{said(text)}"


def staff(row: Row) -> str:
    """STF."""
    numbers = [f"{said(row.get('id'))}^^^^EI"]
    if row.get("rpps"):
        numbers.append(f"{said(row['rpps'])}^^^&{RPPS}&ISO^RPPS")
    return segment(
        "STF",
        {
            1: said(row.get("id")), 2: "~".join(numbers), 3: parts(row.get("family_name"), row.get("given_names")),
            10: f"{said(row['phone'])}^WPN^PH" if row.get("phone") else "", 11: _work_address(row),
        },
    )  # fmt: skip


def practitioner(row: Row) -> str:
    """PRA."""
    return segment("PRA", {1: said(row.get("id")), 5: said(row.get("specialty"))})


def _work_address(row: Row) -> str:
    if all(row.get(it) is None for it in ("address", "city", "postcode")):
        return ""
    return f"{said(row.get('address'))}^^{said(row.get('city'))}^^{said(row.get('postcode'))}^^O"


# --- orders -------------------------------------------------------------------------------------------------------------------------------


def orc(row: Row, who: Row, *, control: str) -> str:
    """ORC: the request's number, state, moment and prescriber."""
    return segment(
        "ORC",
        {
            1: control, 3: said(row.get("id")), 5: _ORDER.get(str(row.get("status")), ""), 9: moment(row.get("time") or row.get("date")),
            12: person(who), 14: f"{said(who['phone'])}^WPN^PH" if who.get("phone") else "", 24: _work_address(who),
        },
    )  # fmt: skip


def obr(
    number: int, row: Row, service: tuple[str, str], who: Row, *, first: bool = False, parent: str = ""
) -> str:
    """OBR: one group of the request; the first says what the request itself says."""
    status = {"validated": "F", "cancelled": "X"}.get(str(row.get("status")), "")
    urgent = {"true": "^^^^^S", "false": "^^^^^R"}.get(str(row.get("urgent")), "")
    places = {
        1: str(number),
        3: said(row.get("id")),
        4: f"{parts(*service)}^LN",
        16: person(who),
        25: status,
        26: parent,
    }
    if first:
        places |= {13: said(row.get("clinical_info")), 27: urgent}
    return segment("OBR", places)


def specimen(number: int, row: Row) -> str:
    """SPM."""
    return segment(
        "SPM",
        {
            1: str(number), 2: f"^{said(row.get('id'))}", 4: parts(None, row.get("type")) if row.get("type") is not None else "",
            17: moment(row.get("collected_at")), 18: moment(row.get("received_at")),
        },
    )  # fmt: skip


# --- observations ---------------------------------------------------------------------------------------------------------------------------


def result(number: int, row: Row, chosen: Coding = None) -> str:
    """OBX of a result; `chosen`: the code that a code map chose beside the local one."""
    value = row.get("value")
    kind = (
        "NM"
        if isinstance(value, str) and _NUMBER.match(value)
        else "TX"
        if isinstance(value, str) and "\n" in value
        else "ST"
    )
    return segment(
        "OBX",
        {
            1: str(number), 2: kind, 3: _beside(parts(row.get("code"), row.get("label")), chosen), 4: str(number), 5: said(value), 6: said(row.get("unit")),
            7: _range(row), 8: said(row.get("flag")), 11: _STATUS.get(str(row.get("status")), ""),
            16: f"^{said(row['validator'])}" if row.get("validator") else "", 19: moment(row.get("validated_at")), 21: _instance(row, INSTANCE),
        },
    )  # fmt: skip


def _range(row: Row) -> str:
    low, high = row.get("range_low"), row.get("range_high")
    if low and high:
        return said(f"{low!s}-{high!s}")
    return said(low) if low else said(high) if high and str(high).lstrip()[:1] in ("<", "≤") else ""


def _instance(row: Row, mark: str) -> str:
    return parts(row.get("id"), mark)


def isolate(number: int, row: Row) -> str:
    """OBX of an isolate; its sub-id is its number in the message."""
    return segment(
        "OBX",
        {1: str(number), 2: "ST", 3: parts(*_ORGANISM), 4: str(number), 5: said(row.get("organism")), 11: "F", 21: _instance(row, f"{INSTANCE}.isolate")},
    )  # fmt: skip


def parent(number: int) -> str:
    """OBR-26 of the antibiogram of the isolate of this number."""
    return f"{'&'.join(_ORGANISM)}^{number}"


def susceptibility(number: int, row: Row) -> str:
    """OBX of a line of an antibiogram."""
    return segment(
        "OBX",
        {
            1: str(number), 2: "ST", 3: f"^{said(row.get('antibiotic'))}", 4: str(number), 5: said(row.get("mic")), 8: said(row.get("interpretation")),
            11: "F", 21: _instance(row, f"{INSTANCE}.susceptibility"),
        },
    )  # fmt: skip


def flags(number: int, visibility: str) -> Iterator[str]:
    """The four OBX of MetaDMPMSS that say who may see what stands in this group; what is no code of the vocabulary is hidden."""
    asked = {
        "visible": "",
        "hidden-from-guardians": "INVISIBLE_REP_LEGAUX",
        "secret": "CONNEXION_SECRETE",
    }.get(visibility, "INVISIBLE_PATIENT")
    for place, (code, label) in enumerate(
        (
            ("MASQUE_PS", "Masqué aux professionnels de Santé"),
            ("INVISIBLE_PATIENT", "Document Non Visible par le patient"),
            ("INVISIBLE_REP_LEGAUX", "Non visible par les représentants Légaux du patient"),
            ("CONNEXION_SECRETE", "Connexion Secrete"),
        )
    ):
        yield f"OBX|{number + place}|CE|{code}^{label}^MetaDMPMSS||{'Y' if code == asked else 'N'}^^HL70136||||||F"


def document(number: int, row: Row) -> str:
    """OBX of a document, its octets in Base64."""
    content = row.get("content")
    kinds = _ENCAPSULATED.get(str(row.get("media_type")), ("AP", "OCTET-STREAM"))
    packed = b64encode(content).decode("ascii") if isinstance(content, bytes) else ""
    return segment(
        "OBX",
        {
            1: str(number), 2: "ED", 3: "11502-2^Laboratory report^LN", 4: str(number), 5: f"^{kinds[0]}^{kinds[1]}^Base64^{packed}", 11: "F",
            16: f"^{said(row['signatory'])}" if row.get("signatory") else "", 19: moment(row.get("signed_at")), 21: _instance(row, INSTANCE),
        },
    )  # fmt: skip


def invoice(number: int, row: Row, on: str, chosen: Coding = None) -> str:
    """FT1; `chosen`: as for a result."""
    return segment(
        "FT1",
        {
            1: str(number), 2: said(row.get("id")), 4: on, 6: "CG", 7: _beside(said(row.get("act")), chosen), 10: said(row.get("quantity")),
            11: said(row.get("amount")), 14: said(row.get("payer")),
        },
    )  # fmt: skip
