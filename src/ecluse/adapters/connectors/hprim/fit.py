"""Why a record could not be read back exactly from an HPRIM message: the only place where that is decided.

The lengths of the recommendation are not enforced: a number of 40 characters is read back as it was, and only its reader can tell whether it has
the room. What is said is what would be lost: a character outside ISO 8859-1, a field with no place, a name with nothing to tell it from another.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Final

from ecluse.adapters.connectors.files.format import Row
from ecluse.adapters.connectors.hprim.people import INS_NAMES
from ecluse.adapters.connectors.hprim.results import MEDIA_TYPES

__all__ = ["MAPPING", "unfit"]

MAPPING: Final = files(__package__).joinpath("hprim.toml").read_text("utf-8")
LONGEST: Final = 24 << 20
"""The octets of one document, or the characters of one text: well below what a message may hold."""

_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    kind: frozenset(described["fields"])
    for kind, described in tomllib.loads(MAPPING).items()
    if kind != "mapping"
}
_DAYS: Final = frozenset(["birth_date", "death_date", "date"])
_MOMENTS: Final = frozenset(["time", "collected_at", "received_at", "validated_at", "signed_at"])
_REFERENCES: Final = frozenset(
    ["patient", "prescriber", "doctor", "request", "specimen", "result", "isolate", "merged_into"]
)
_DAY: Final = re.compile(r"([0-9]{8})?")
_MOMENT: Final = re.compile(r"([0-9]{14})?")


def unfit(kind: str, row: Row) -> str | None:
    """One word: "no-place", "no-id", "encoding", "too-long", "date", "empty-reference", "no-birth-name", "ins-oid", "media-type"; or None."""
    fields = _FIELDS.get(kind)
    if fields is None:
        return "no-place"
    if not row.get("id"):
        return "no-id"
    for name, value in row.items():
        reason = None if value is None else _unfit(name, value) if name in fields else "no-place"
        if reason is not None:
            return reason
    check = _CHECKS.get(kind)
    return None if check is None else check(row)


def _unfit(name: str, value: str | bytes) -> str | None:
    if len(value) > LONGEST:
        return "too-long"
    if isinstance(value, bytes) or value.isascii():
        pass
    elif not _latin(value):
        return "encoding"
    if isinstance(value, bytes) != (name == "content"):
        return "type"
    if isinstance(value, str):
        pattern = _DAY if name in _DAYS else _MOMENT if name in _MOMENTS else None
        if pattern is not None and not pattern.fullmatch(value):
            return "date"
        if not value and name in _REFERENCES:
            return "empty-reference"
    return None


def _latin(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _patient(row: Row) -> str | None:
    if row.get("used_name") is not None and row.get("birth_name") is None:
        return "no-birth-name"
    return "ins-oid" if row.get("ins_oid") in INS_NAMES else None


def _document(row: Row) -> str | None:
    return None if row.get("media_type") in MEDIA_TYPES.values() else "media-type"


_CHECKS: Final[Mapping[str, Callable[[Row], str | None]]] = {"patient": _patient, "document": _document}
