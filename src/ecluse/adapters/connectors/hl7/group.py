"""One order and what hangs on it: results, documents, an antibiogram, bills, and what the French metadata say of who may see them.

Decides what an OBX is, and its id: the same for the first result and its correction, and another for a second one in the same message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ecluse.adapters.connectors.files.format import CARRIED, UNKNOWN
from ecluse.adapters.connectors.hl7.delimiters import Delimiters, Unreadable
from ecluse.adapters.connectors.hl7.layout import (
    ADDRESSED,
    FIELDS,
    INSTANCE,
    OBSERVED,
    RESULT_STATUS,
    STRICTNESS,
)
from ecluse.adapters.connectors.hl7.moments import iso_moment
from ecluse.adapters.connectors.hl7.observed import INTERPRETATIONS, document, result, value_of
from ecluse.adapters.connectors.hl7.orders import collected_of
from ecluse.adapters.connectors.hl7.parts import (
    Fields,
    Manner,
    Reader,
    Record,
    compiled,
    entity,
    row_of,
    words,
)
from ecluse.adapters.connectors.hl7.people import fields_at, person, principal
from ecluse.adapters.connectors.hl7.texts import Note
from ecluse.adapters.connectors.hl7.told import Segment

if TYPE_CHECKING:
    from ecluse.adapters.connectors.hl7.walk import Walk

__all__ = ["Group"]


def _amount(value: str, d: Delimiters, _manner: Manner) -> str | None:
    return d.sub(d.piece(value, 1), 1)


_INVOICE: Final[list[Reader]] = compiled(FIELDS["invoice"], {**words, "amount": _amount})
_TEXTS: Final = frozenset({"TX", "FT", "ST", ""})


class Group:
    """`request`: None where the order has no number, and nothing can hang on it. `ordered`: its ORC is known."""

    def __init__(self, walk: Walk, request: str | None, fields: Fields, *, ordered: bool) -> None:
        self.walk, self.told, self.d, self.manner = walk, walk.told, walk.d, walk.manner
        self.request, self.fields, self.ordered = request, fields, ordered
        self.specimens: list[str] = []
        self.code = self.d.part(fields_at(fields, 4), 1) or self.d.part(fields_at(fields, 4), 2) or ""
        stamp = self.d.part(fields_at(fields, 22), 1)
        self.reported = iso_moment(stamp, self.manner.zone) if stamp else None
        self.status = RESULT_STATUS.get(fields_at(fields, 25))
        self.since: str | None = None
        self.results: list[Record] = []
        self.seen_by: list[tuple[str, str]] = []
        self.visibility: str | None = None
        self.observed_at: str | None = None
        self.isolate = self._parent(fields_at(fields, 26))

    # --- observations -----------------------------------------------------------------------------------------------------------------

    def observe(self, segment: Segment) -> None:
        """An OBX: its record, and its fate."""
        told, fields = self.told, segment.fields
        if self.request is None:
            told.refuse(segment, "no-request-number")
            return
        try:
            fate = self._observed(fields)
        except Unreadable as why:
            if why.args[0] == "escape":
                raise
            told.refuse(segment, why.args[0])
            return
        if fate in (CARRIED, UNKNOWN):
            told.count(segment, fate)
        else:
            told.refuse(segment, fate)

    def _observed(self, fields: Fields) -> str:
        code = self.d.part(fields_at(fields, 3), 1) or ""
        if code in OBSERVED:
            self._seen_by(code, fields)
            return CARRIED
        if code in ADDRESSED or fields_at(fields, 2) == "RP":
            return UNKNOWN if code in ADDRESSED else "content-elsewhere"
        ours = fields_at(fields, 21) if self.walk.ours else ""
        if fields_at(fields, 2) == "ED":
            return self._document(fields, self.d.part(ours, 1))
        return self._measured(fields, ours)

    def _measured(self, fields: Fields, ours: str) -> str:
        """A result, an isolate or a line of an antibiogram: `ours` is OBX-21 of what Écluse wrote."""
        whose = self.d.part(ours, 2) or ""
        row = result(fields, self.d, self.manner)
        if whose.startswith(f"{INSTANCE}."):
            return self._of_microbiology(whose.partition(".")[2], str(self.d.part(ours, 1)), row, fields)
        if not row.get("code") and not row.get("label") and whose != INSTANCE:
            if not row.get("value"):
                return "empty"
            self._as_ordered(row)  # the lines of a report's text often say no more than their order does
            if not row.get("code") and not row.get("label"):
                return "no-code"
        if whose == INSTANCE:
            return self._result(str(self.d.part(ours, 1)), row, fields)
        name = self._id(str(row.get("code") or row.get("label") or ""), fields)
        if self.isolate and (said := self._interpretation(row)):
            return self._susceptibility(name, row, said)
        return self._result(name, row, fields)

    def _as_ordered(self, row: Record) -> None:
        """The code and label of OBR-4, for an OBX that says neither."""
        service = fields_at(self.fields, 4)
        for name, places in (("code", (1, 4)), ("label", (2, 5))):
            if text := next((it for place in places if (it := self.d.part(service, place))), None):
                row[name] = text

    def _result(self, name: str, row: Record, fields: Fields) -> str:
        row["request"] = self.request
        if fields_at(fields, 11) == "D":
            self.told.put("result", name, {"request": self.request})
            self.told.gone.add(("result", name))
            return CARRIED
        if "status" not in row and self.status:
            row["status"] = self.status
        if "validated_at" not in row and self.reported:
            row["validated_at"] = self.reported
        if self.since:
            row["specimen"] = self.since
        if self.observed_at is None and (stamp := self.d.part(fields_at(fields, 14), 1)):
            self.observed_at = iso_moment(stamp, self.manner.zone)
        row = self.told.put("result", name, row)
        self.results.append(row)
        self.seen_by.append(("result", name))
        self.walk.note = Note("result", name, "comment")
        key = ("isolate", self.d.part(fields_at(fields, 3), 1) or "", fields_at(fields, 4))
        self.walk.parents[key] = name
        return CARRIED

    def _id(self, code: str, fields: Fields) -> str:
        key = (self.request or "", self.code, code, fields_at(fields, 4))
        times = self.walk.seen[key] = self.walk.seen.get(key, 0) + 1
        return f"{self.request}.{self.manner.made(*key, str(times))}"

    # --- microbiology -----------------------------------------------------------------------------------------------------------------

    def _parent(self, value: str) -> str | None:
        """The result of this message that OBR-26 points to, by its code and sub-id: the isolate of an antibiogram."""
        if not value:
            return None
        code = self.d.sub(self.d.piece(value, 1), 1) or ""
        under = self.d.piece(value, 2)
        return self.walk.parents.get(("isolate", code, under))

    def _interpretation(self, row: Record) -> str | None:
        return next((str(it) for it in (row.get("flag"), row.get("value")) if it in INTERPRETATIONS), None)

    def _susceptibility(self, name: str, row: Record, said: str) -> str:
        parent = str(self.isolate)
        culture = self.told.rows["result"].get(parent)
        if culture is not None:
            isolate: Record = {"request": culture.get("request"), "result": parent}
            if culture.get("value") is not None:
                isolate["organism"] = culture["value"]
            self.told.put("isolate", parent, isolate)
        line: Record = {"request": self.request, "isolate": parent, "interpretation": said}
        line["antibiotic"] = row.get("label") or row.get("code")
        if row.get("value") is not None and row["value"] != said:
            line["mic"] = row["value"]
        self.told.put("susceptibility", name, line)
        return CARRIED

    def _of_microbiology(self, kind: str, name: str, row: Record, fields: Fields) -> str:
        """An isolate, or a line of an antibiogram, of our own writing."""
        line: Record = {"request": self.request}
        if kind == "isolate":
            line["organism"] = row.get("value")
            self.walk.parents["isolate", self.d.part(fields_at(fields, 3), 1) or "", fields_at(fields, 4)] = (
                name
            )
        else:
            line |= {"isolate": self.isolate, "antibiotic": row.get("label"), "mic": row.get("value")}
            line["interpretation"] = row.get("flag")
        self.told.put(
            "isolate" if kind == "isolate" else "susceptibility",
            name,
            {key: it for key, it in line.items() if it is not None},
        )
        return CARRIED

    # --- documents --------------------------------------------------------------------------------------------------------------------

    def _document(self, fields: Fields, name: str | None) -> str:
        code = self.d.part(fields_at(fields, 3), 1) or self.d.part(fields_at(fields, 3), 2) or ""
        name = name or self._id(code, fields)
        if fields_at(fields, 11) == "D":
            self.told.put("document", name, {"request": self.request})
            self.told.gone.add(("document", name))
            return CARRIED
        row = document(fields, self.d, self.manner)
        if "content" not in row:
            return "empty"
        row["request"] = self.request
        if (
            "signatory" not in row
            and (by := fields_at(self.fields, 32))
            and (who := principal(by, self.d, self.manner))
        ):
            row["signatory"] = who
        if "signed_at" not in row and self.reported:
            row["signed_at"] = self.reported
        self.told.put("document", name, row)
        self.seen_by.append(("document", name))
        return CARRIED

    def page(self, segment: Segment, txa: Segment) -> str | None:
        """An OBX of a document message: the document itself, or a line of its text."""
        d, fields = self.d, segment.fields
        name = str(entity(fields_at(txa.fields, 12), d, self.manner))
        row = self._signed(txa)
        if fields_at(fields, 2) == "ED":
            try:
                row |= document(fields, d, self.manner)
            except Unreadable as why:
                self.told.refuse(segment, why.args[0])
                return None
            if "content" not in row:
                self.told.refuse(segment, "empty")
                return None
            times = self.walk.seen[(name,)] = self.walk.seen.get((name,), 0) + 1
            self.told.put("document", name if times == 1 else f"{name}.{times}", row)
            return CARRIED
        if fields_at(fields, 2) not in _TEXTS:
            return UNKNOWN
        line = (value_of("TX", fields_at(fields, 5), d, self.manner) or "").encode("utf-8", "replace")
        whole = self.told.put("document", name, row)
        before = whole.get("content")
        whole["content"] = before + b"\n" + line if isinstance(before, bytes) else line
        whole.setdefault("media_type", "text/plain")
        return CARRIED

    def _signed(self, txa: Segment) -> Record:
        row: Record = {"request": self.request} if self.request else {}
        by = fields_at(txa.fields, 22)
        if by and (who := person(by, self.d, self.manner)):
            row["signatory"] = who
        if stamp := self.d.part(by, 15):
            row["signed_at"] = iso_moment(stamp, self.manner.zone)
        return row

    # --- who may see ------------------------------------------------------------------------------------------------------------------

    def _seen_by(self, code: str, fields: Fields) -> None:
        """A flag of MetaDMPMSS. What says neither yes nor no is taken as yes: nothing becomes visible by a slip of the pen."""
        said = (self.d.part(fields_at(fields, 5), 1) or "").upper()
        asked = "visible" if said == "N" else OBSERVED[code]
        held = self.visibility or "visible"
        self.visibility = max(asked, held, key=STRICTNESS.index)

    # --- specimens, bills, end ----------------------------------------------------------------------------------------------------------

    def take(self, specimen: str) -> None:
        """An SPM that came within this order: what follows it was observed on it."""
        self.specimens.append(specimen)
        self.since = specimen

    def bill(self, segment: Segment) -> None:
        """An FT1."""
        row = row_of(_INVOICE, segment.fields, self.d, self.manner)
        row["request"] = self.request
        number = self.d.part(fields_at(segment.fields, 2), 1)
        key = ("invoice", self.request or "", str(row.get("act") or ""))
        times = self.walk.seen[key] = self.walk.seen.get(key, 0) + 1
        self.told.put("invoice", number or f"{self.request}.{self.manner.made(*key, str(times))}", row)

    def close(self) -> None:
        """All of it has been read: its results are of its one specimen, and seen by whom it said."""
        if self.request is None:
            return
        if (
            not self.specimens
            and not self.walk.ours
            and (found := collected_of(self.fields, self.request, self.d, self.manner))
        ):
            name, row = found
            self.told.put("specimen", name, {**row, "request": self.request})
            self.specimens.append(name)
        if len(self.specimens) == 1:
            one = self.specimens[0]
            for row in self.results:
                row.setdefault("specimen", one)
            if self.observed_at and not self.walk.ours:
                self.told.put("specimen", one, {}).setdefault("collected_at", self.observed_at)
        if self.visibility:
            for kind, name in self.seen_by:
                self.told.rows[kind][name]["visibility"] = self.visibility
