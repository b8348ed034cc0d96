"""The codes that local ones may be mapped to (« codes de destination ») : read from files that the laboratory gives, none of which is shipped.

Decides how such a file is read, by its header: LOINC's own table, a value set of the French agency, the NABM, or a plain list. It judges no code
beyond its form and its check digit, and keeps what a proposal weighs: names, property, specimen, method, unit. LOINC is content under its own
licence: whoever gives a file of it has accepted that licence, and `NOTICE` is shown wherever it is used.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from stdnum import luhn

from ecluse.base.refusal import Refusal
from ecluse.terms.code_map.units import (
    NO_UNIT,
    Dimension,
    dimensions,
    named_property,
    property_dimension,
)
from ecluse.terms.code_map.words import said

__all__ = ["NOTICE", "Catalogue", "System", "Target", "catalogue", "decoded", "read_targets", "well_formed"]

System = Literal["loinc", "nabm"]

NOTICE: Final = (
    "This material contains content from LOINC (http://loinc.org). LOINC is copyright © Regenstrief Institute, Inc. and the Logical Observation"
    " Identifiers Names and Codes (LOINC) Committee and is available at no cost under the license at http://loinc.org/license. LOINC® is a"
    " registered United States trademark of Regenstrief Institute, Inc."
)
"""What LOINC's licence (section 10) asks to be shown."""

LARGEST: Final = 256 << 20
"""The largest file of targets that is read, in bytes: LOINC's whole table with all its columns is a third of it."""

_NAME: Final = re.compile(r"(?P<what>.*?)\s*\[(?P<property>[^\]]*)\]\s*(?P<rest>.*)", re.DOTALL)
_NABM: Final = re.compile(r"\d{1,4}")
_LOINC: Final = re.compile(r"\d{1,7}-\d")
_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "code": ("loinc_num", "bio_prs_ide", "code"),
    "name": ("long_common_name", "bio_inf_lib", "display", "name", "label"),
    "other": ("component", "relatednames2", "shortname", "consumer_name"),
    "property": ("property",),
    "specimen": ("specimen",),
    "loinc_system": ("system",),
    "method": ("method_typ", "method"),
    "unit": ("example_ucum_units", "unit"),
    "status": ("status",),
}
_KEPT: Final = ("component", "shortname")


@dataclass(frozen=True, slots=True)
class Target:
    """One code that a local one may be mapped to: its list, its names, its LOINC property ("" if not known).

    `ways`: the things measured, once for each way of naming it; `specimens` and `methods`: none where nothing says;
    `asks`: the dimensions its results may have, `NO_UNIT` for words, None where nothing says; `listed`: the files that hold it.
    """

    system: System
    code: str
    names: tuple[str, ...]
    property_name: str
    ways: tuple[frozenset[str], ...]
    specimens: frozenset[str]
    methods: frozenset[str]
    asks: frozenset[Dimension] | str | None
    listed: tuple[str, ...]

    @property
    def name(self) -> str:
        """How it is shown."""
        return self.names[0] if self.names else ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file of targets, as read."""

    system: System
    code: str
    name: str
    other: tuple[str, ...] = ()
    property_name: str = ""
    specimen: str = ""
    method: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every target that the files given hold, by list and code; `files`: (name, digest, lines kept, lines left) of each."""

    targets: Mapping[tuple[System, str], Target]
    files: tuple[tuple[str, str, int, int], ...] = ()

    @property
    def unnamed(self) -> list[Target]:
        """The targets that no file gives a name: they can be chosen, not proposed."""
        return [target for target in self.targets.values() if not target.names]

    @property
    def holds_loinc(self) -> bool:
        """Whether LOINC's notice is owed."""
        return any(target.system == "loinc" for target in self.targets.values())


def well_formed(system: System, code: str) -> bool:
    """Whether this has the form of a code: four digits for the NABM; for LOINC its check digit too (LOINC Users' Guide, appendix C: mod 10)."""
    if system == "nabm":
        return re.fullmatch(r"\d{4}", code) is not None
    return _LOINC.fullmatch(code) is not None and luhn.is_valid(code.replace("-", ""))


def catalogue(files: Iterable[tuple[str, bytes]]) -> Catalogue:
    """What these files hold together: a code named by several of them has all its names. Raises Refusal `codes/catalogue-unreadable`."""
    rows: dict[tuple[System, str], list[Row]] = {}
    listed: dict[tuple[System, str], dict[str, None]] = {}
    told: list[tuple[str, str, int, int]] = []
    for name, payload in files:
        kept = left = 0
        for row in read_targets(payload, where=name):
            if row is None:
                left += 1
                continue
            kept += 1
            rows.setdefault((row.system, row.code), []).append(row)
            listed.setdefault((row.system, row.code), {})[name] = None
        told.append((name, "sha256:" + hashlib.sha256(payload).hexdigest(), kept, left))
    targets = {key: _target(key, held, tuple(listed[key])) for key, held in rows.items()}
    return Catalogue(targets, tuple(told))


def read_targets(payload: bytes, *, where: str) -> Iterator[Row | None]:
    """Each line of a file: what it holds, or None where it holds no code (a unit, a withdrawn code). Raises as `catalogue`."""
    if len(payload) > LARGEST:
        raise Refusal("codes/catalogue-unreadable", where=where, got=f"{len(payload)} bytes")
    text = decoded(payload)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise Refusal("codes/catalogue-unreadable", where=where, got="-")
    separator = max(",;\t", key=lines[0].count)
    reader = csv.DictReader(io.StringIO("\n".join(lines)), delimiter=separator)
    columns = {(name or "").strip().lower(): name for name in reader.fieldnames or ()}
    if not any(name in columns for name in _COLUMNS["code"]):
        raise Refusal("codes/catalogue-unreadable", where=where, got=", ".join(columns)[:120])
    for line in reader:
        yield _row({name: (line[given] or "").strip() for name, given in columns.items()})


def decoded(payload: bytes) -> str:
    """UTF-8, else the encoding of French spreadsheets, in which every byte means something."""
    try:
        return payload.decode("utf-8-sig")
    except UnicodeDecodeError:
        return payload.decode("cp1252", "replace")


def _row(line: Mapping[str, str]) -> Row | None:
    def found(what: str) -> str:
        return next((line[name] for name in _COLUMNS[what] if line.get(name)), "")

    named_list = line.get("system", "").lower()
    system: System = "nabm" if "bio_prs_ide" in line or named_list == "nabm" else "loinc"
    code = found("code")
    if system == "nabm" and _NABM.fullmatch(code):
        code = code.zfill(4)
    if not well_formed(system, code) or found("status").upper() in ("DEPRECATED", "DISCOURAGED"):
        return None
    specimen = found("specimen") or (found("loinc_system") if "loinc_num" in line else "")
    other = tuple(line[name] for name in _KEPT if line.get(name))
    return Row(
        system, code, found("name"), other, found("property"), specimen, found("method"), found("unit")
    )


def _target(key: tuple[System, str], rows: list[Row], listed: tuple[str, ...]) -> Target:
    """One target from all that is said of it."""
    names = tuple(dict.fromkeys(row.name for row in rows if row.name))
    parts = [_parts(name) for name in names]
    measured = next((row.property_name for row in rows if row.property_name), "") or next(
        (one for _, one, _ in parts if one), ""
    )
    specimen = " ".join(
        dict.fromkeys([row.specimen for row in rows if row.specimen] or [rest for _, _, rest in parts])
    )
    method = " ".join(dict.fromkeys(row.method for row in rows if row.method))
    whole = [said(what, where=specimen) for what, _, _ in parts] + [
        said(other, where=specimen) for row in rows for other in row.other
    ]
    return Target(
        *key,
        names=names,
        property_name=measured,
        ways=tuple(dict.fromkeys(one.things for one in whole if one.things)),
        specimens=frozenset().union(*(one.specimens for one in whole)),
        methods=said(specimen, method).methods.union(*(one.methods for one in whole)),
        asks=_asks(measured, rows),
        listed=listed,
    )


def _parts(name: str) -> tuple[str, str, str]:
    """A LOINC name in words: what is measured, its property, and the rest (specimen and method)."""
    found = _NAME.fullmatch(name)
    return (found["what"], named_property(found["property"]), found["rest"]) if found else (name, "", "")


def _asks(measured: str, rows: list[Row]) -> frozenset[Dimension] | str | None:
    """What the property is measured in, else what the example units say."""
    known = property_dimension(measured)
    if isinstance(known, tuple):
        return frozenset({known})
    units = frozenset().union(*(dimensions(unit) for row in rows for unit in row.unit.split(";") if unit))
    return NO_UNIT if known == NO_UNIT else units or None
