"""Prescribers alone: the staff master file (MFN^M02), one MFE for each person, with its STF and PRA (HL7 v2.5.1, chapter 15)."""

from __future__ import annotations

from ecluse.adapters.connectors.files.format import CARRIED, IGNORED, UNKNOWN
from ecluse.adapters.connectors.hl7.parts import Manner, Record
from ecluse.adapters.connectors.hl7.people import fields_at, prescriber, reached
from ecluse.adapters.connectors.hl7.told import Segment, Told

__all__ = ["Staff"]


class Staff:
    """The person whose segments are being read."""

    def __init__(self, told: Told, manner: Manner) -> None:
        self._told, self._manner = told, manner
        self._event = ""
        self._name: str | None = None

    def step(self, segment: Segment) -> str:
        """The fate of an MFE, STF or PRA."""
        if segment.name == "MFE":
            self._event, self._name = fields_at(segment.fields, 1), None
            return IGNORED
        return self._person(segment) if segment.name == "STF" else self._practice(segment)

    def _person(self, segment: Segment) -> str:
        d, fields = self._told.d, segment.fields
        key = d.part(fields_at(fields, 1), 1)
        if not key:
            return UNKNOWN
        row: Record = {}
        for said in d.repetitions(fields_at(fields, 2)):
            # A CX: its authority stands in the fourth part and its type in the fifth, where an XCN has the ninth and the thirteenth.
            pieces = [d.piece(said, place) for place in range(1, 6)]
            person = d.component.join([pieces[0], *[""] * 7, pieces[3], *[""] * 3, pieces[4]])
            if (found := prescriber(person, d, self._manner)) and found.get("rpps"):
                row["rpps"] = found["rpps"]
        names = fields_at(fields, 3)
        for name, text in (("family_name", d.sub(d.piece(names, 1), 1)), ("given_names", d.part(names, 2))):
            if text is not None:
                row[name] = text
        reached(
            row,
            phones=fields_at(fields, 10),
            addresses=fields_at(fields, 11),
            d=d,
            manner=self._manner,
        )
        self._name = key
        self._told.put("prescriber", key, row)
        if self._event == "MDL":
            self._told.gone.add(("prescriber", key))
        return CARRIED

    def _practice(self, segment: Segment) -> str:
        specialty = self._told.d.part(fields_at(segment.fields, 5), 1)
        if self._name is None or specialty is None:
            return UNKNOWN
        self._told.put("prescriber", self._name, {"specialty": specialty})
        return CARRIED
