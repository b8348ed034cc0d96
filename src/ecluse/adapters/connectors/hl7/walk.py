"""A message walked segment by segment: who the patient is, which order is open, and what hangs on it.

Decides the groups of ORU, OUL, OML, OMG, ORM, MDM and ADT messages by what comes after what, so that the orders of versions 2.1 to 2.8 (a specimen before
its order, after it, or in OBR-15 alone) come to the same records. Which field stands where is `layout`'s; what a person or a value says is
`people`'s and `observed`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ecluse.adapters.connectors.files.format import CARRIED, IGNORED, UNKNOWN
from ecluse.adapters.connectors.hl7.delimiters import Unreadable
from ecluse.adapters.connectors.hl7.group import Group
from ecluse.adapters.connectors.hl7.orders import merged_status, numbered, request_of, specimen_of
from ecluse.adapters.connectors.hl7.parts import Fields, Manner, Record, entity, row_of, whole
from ecluse.adapters.connectors.hl7.people import PATIENT, fields_at, prescriber, reached
from ecluse.adapters.connectors.hl7.staff import Staff
from ecluse.adapters.connectors.hl7.texts import Note
from ecluse.adapters.connectors.hl7.told import EXTRA, Segment, Told

__all__ = ["READ", "Walk"]

READ: Final = frozenset({"ORU", "OUL", "OML", "OMG", "ORM", "MDM", "ADT"})
"""Message types that tell of patients, orders and results; MFN^M02 tells of prescribers; any other is not in the vocabulary."""
_MERGES: Final = frozenset({"A18", "A30", "A34", "A35", "A36", "A39", "A40", "A46", "A47"})
"""ADT events of which MRG-1 names a patient who is now the one of the PID (A46, A47: a number that is replaced)."""
_ENVELOPE: Final = frozenset({"MSH", "EVN", "SFT", "UAC", "MSA", "ERR", "DSC", "MFI", "QAK", "QPD", "QRD"})


class Walk:
    """One message. `ours`: Écluse wrote it. `site`: MSH-4."""

    def __init__(
        self, told: Told, manner: Manner, *, kind: str, event: str, ours: bool, site: str | None
    ) -> None:
        self.told, self.d, self.manner = told, told.d, manner
        self.kind, self.event, self.ours, self.site = kind, event, ours, site
        self.patient: str | None = None
        self.visit: Record | None = None
        self.order: Fields = []
        self.pending = False
        """The order's OBR has not come."""
        self.notes: list[str] = []
        self.note: Note | None = None
        self.group: Group | None = None
        self.specimen: str | None = None
        self.waiting: list[Segment] = []
        self.statuses: dict[str, set[str]] = {}
        self.txa: Segment | None = None
        self.first = False
        self.staff = Staff(told, manner)
        self.parents: dict[tuple[str, str, str], str] = {}
        """The results of this message by code and sub-id, for those that hang on them."""
        self.seen: dict[tuple[str, ...], int] = {}
        """How often each observation came in this message: two that are equal are two."""

    def run(self, segments: Sequence[Segment]) -> None:
        """All of a message. Raises Unreadable for what makes the whole of it unreadable."""
        names = [segment.name for segment in segments]
        self.first = "SPM" in names and ("OBR" not in names or names.index("SPM") < names.index("OBR"))
        for segment in segments:
            self.told.at = segment.number
            step = _STEPS.get(segment.name)
            if step is not None:
                fate = step(self, segment)
            elif segment.name == EXTRA and self.ours:
                continue
            else:
                fate = IGNORED if segment.name in _ENVELOPE else UNKNOWN
            if fate:
                self.told.count(segment, fate)
        self._close()
        self._finish()
        for segment in segments:
            if segment.name == EXTRA and self.ours:
                self.told.overrule(segment.fields)
                self.told.count(segment, CARRIED)

    @property
    def staffed(self) -> bool:
        """Whether it is a staff master file."""
        return self.kind == "MFN"

    # --- patients ---------------------------------------------------------------------------------------------------------------------

    def pid(self, segment: Segment) -> str:
        """A patient begins, and what was open ends."""
        self._flush()
        self._close()
        self.order, self.specimen = [], None
        row = row_of(PATIENT, segment.fields, self.d, self.manner)
        name = row.pop("id", None)
        if not name:
            national = row.get("ins")
            if not national:
                if self.ours:
                    self.patient = None
                    return IGNORED
                raise Unreadable("no-patient")
            name = self.manner.made("ins", str(row.get("ins_oid") or ""), str(national))
        self.patient, self.visit = str(name), None
        if row or not self.ours:
            self.told.put("patient", self.patient, row)
        self.note = Note("patient", self.patient, "comment")
        if self.kind == "ADT" and self.event == "A29":
            self.told.gone.add(("patient", self.patient))
        return CARRIED

    def pd1(self, segment: Segment) -> str:
        """The treating doctor."""
        doctor = self._prescriber(fields_at(segment.fields, 4))
        if not doctor or self.patient is None:
            return UNKNOWN
        self.told.put("patient", self.patient, {"doctor": doctor})
        return CARRIED

    def mrg(self, segment: Segment) -> str:
        """A patient who is now the one of the PID."""
        before = row_of(PATIENT[:1], ["", "", "", fields_at(segment.fields, 1)], self.d, self.manner).get(
            "id"
        )
        if self.event not in _MERGES or self.patient is None or not before or before == self.patient:
            return UNKNOWN
        self.told.put("patient", str(before), {"merged_into": self.patient})
        return CARRIED

    def pv1(self, segment: Segment) -> str:
        """Who referred or attends, where no order says who prescribed."""
        fields = segment.fields
        if self.kind == "ADT":
            return UNKNOWN
        for place in (8, 7):
            self.visit = prescriber(fields_at(fields, place), self.d, self.manner)
            if self.visit:
                return CARRIED
        return UNKNOWN

    def _prescriber(self, value: str) -> str | None:
        row = prescriber(value, self.d, self.manner)
        return self._kept(row)

    def _kept(self, row: Record | None) -> str | None:
        if row is None:
            return None
        name = str(row.pop("id"))
        if row or not self.ours:
            self.told.put("prescriber", name, row)
        return name

    # --- orders -----------------------------------------------------------------------------------------------------------------------

    def orc(self, segment: Segment) -> str:
        """An order begins; its OBR may follow, or have come already (OUL)."""
        if self.kind in ("ADT", "MFN"):
            return UNKNOWN
        if self.kind == "OUL" and self.group and not self.group.ordered:
            self.group.ordered = True
            self._request(segment.fields, self.group.fields)
            return CARRIED
        self._flush()
        self._close()
        self.order, self.pending, self.note, self.notes = segment.fields, True, None, []
        return CARRIED if numbered(segment.fields, [], self.d, self.manner) else IGNORED

    def obr(self, segment: Segment) -> str | None:
        """One group of a request begins."""
        if self.kind in ("ADT", "MFN"):
            return UNKNOWN
        self._close()
        if self.patient is None and not self.ours:
            raise Unreadable("no-patient")
        number = self._request(self.order, segment.fields)
        self.group = Group(self, number, segment.fields, ordered=bool(self.order))
        self.pending, self.notes = False, []
        if number is None:
            self.told.refuse(segment, "no-request-number")
            self.note = None
            return None
        self.note = Note("request", number, "clinical_info")
        if self.first and self.specimen:
            self.told.put("specimen", self.specimen, {}).setdefault("request", number)
            self.group.specimens.append(self.specimen)
        for waiting in self.waiting:
            self.group.observe(waiting)
        self.waiting = []
        return CARRIED

    def _request(self, order: Fields, fields: Fields) -> str | None:
        """The request that an ORC and an OBR tell of; its number, or None."""
        number = numbered(order, fields, self.d, self.manner)
        if number is None:
            return None
        row, status = request_of(order, fields, self.d, self.manner)
        for place, segment in ((16, fields), (12, order)):
            if who := prescriber(fields_at(segment, place), self.d, self.manner):
                break
        else:
            who = dict(self.visit) if self.visit else None
        if who:
            reached(
                who, phones=fields_at(fields, 17) or fields_at(order, 14), addresses=fields_at(order, 24),
                d=self.d, manner=self.manner,
            )  # fmt: skip
            row["prescriber"] = self._kept(who)
        if self.patient is not None:
            row["patient"] = self.patient
        if self.site:
            row["site"] = self.site
        if status:
            self.statuses.setdefault(number, set()).add(status)
        notes = [str(row["clinical_info"])] if row.get("clinical_info") else []
        if notes or self.notes:
            row["clinical_info"] = "\n".join(notes + self.notes)
        self.told.put("request", number, row)
        return number

    def tq1(self, segment: Segment) -> str:
        """Whether it is urgent (2.5 on)."""
        priority = self.d.part(fields_at(segment.fields, 9), 1)
        if self.group is None or self.group.request is None or priority not in ("S", "A", "R"):
            return UNKNOWN
        urgent = "false" if priority == "R" else "true"
        self.told.put("request", self.group.request, {"urgent": urgent})
        return CARRIED

    def spm(self, segment: Segment) -> str | None:
        """A specimen: of the order before it, or of those after it."""
        if self.kind in ("ADT", "MDM", "MFN"):
            return UNKNOWN
        self.note = None
        if self.first:
            self._close()
        else:
            self._open_bare()
        request = self.group.request if self.group else None
        if request is None and not self.first:
            self.told.refuse(segment, "no-request")
            return None
        name, row = specimen_of(segment.fields, request or self.patient or "", self.d, self.manner)
        if request:
            row["request"] = request
        self.told.put("specimen", name, row)
        self.specimen = name
        if self.group:
            self.group.take(name)
        return CARRIED

    # --- what hangs on an order -------------------------------------------------------------------------------------------------------

    def obx(self, segment: Segment) -> str | None:
        """An observation."""
        self.note = None
        if self.kind in ("ADT", "MFN"):
            return UNKNOWN
        if self.kind == "MDM":
            return self._of_document(segment)
        self._open_bare()
        if self.group is None:
            if self.first and self.specimen:
                self.waiting.append(segment)
            else:
                self.told.refuse(segment, "no-request")
            return None
        self.group.observe(segment)
        return None

    def _of_document(self, segment: Segment) -> str | None:
        if self.txa is None:
            self.told.refuse(segment, "no-document-number")
            return None
        if self.group is None:
            number = entity(fields_at(self.txa.fields, 15), self.d, self.manner)
            self.group = Group(
                self, number or entity(fields_at(self.txa.fields, 14), self.d, self.manner), [], ordered=False
            )
        return self.group.page(segment, self.txa)

    def nte(self, segment: Segment) -> str:
        """A note on what came before it."""
        text = whole(fields_at(segment.fields, 3), self.d, self.manner)
        if not text:
            return IGNORED
        if self.pending and self.note is None:
            self.notes.append(text)
            return CARRIED
        if self.note is None:
            return UNKNOWN
        self.note.add(self.told, text)
        return CARRIED

    def ft1(self, segment: Segment) -> str | None:
        """A bill."""
        self.note = None
        if self.kind in ("ADT", "MFN", "MDM"):
            return UNKNOWN
        self._open_bare()
        if self.group is None or self.group.request is None:
            self.told.refuse(segment, "no-request")
            return None
        self.group.bill(segment)
        return CARRIED

    def document(self, segment: Segment) -> str | None:
        """TXA."""
        self.note = None
        if self.kind != "MDM":
            return UNKNOWN
        if not entity(fields_at(segment.fields, 12), self.d, self.manner):
            self.told.refuse(segment, "no-document-number")
            return None
        if self.txa:
            self._of_txa(self.txa)
        self.txa = segment
        return None

    def member(self, segment: Segment) -> str:
        """MFE, STF or PRA."""
        return self.staff.step(segment) if self.staffed else UNKNOWN

    # --- ends -------------------------------------------------------------------------------------------------------------------------

    def _close(self) -> None:
        if self.group:
            self.group.close()
            self.group = None

    def _open_bare(self) -> None:
        """An order that bears something, and no OBR: of a pharmacy, a diet, supplies."""
        if self.group is None and self.pending and (self.patient is not None or self.ours):
            number = self._request(self.order, [])
            self.group = Group(self, number, [], ordered=True)
            self.pending = False

    def _flush(self) -> None:
        """An order of which no OBR came."""
        if self.pending and self.patient is not None:
            self._request(self.order, [])
        self.pending = False

    def _finish(self) -> None:
        self._flush()
        for waiting in self.waiting:
            self.told.refuse(waiting, "no-request")
        for request, said in self.statuses.items():
            self.told.put("request", request, {"status": merged_status(said)})
        if self.txa:
            self._of_txa(self.txa)
        if self.patient is None and not self.ours and self.kind in READ:
            raise Unreadable("no-patient")

    def _of_txa(self, segment: Segment) -> None:
        """Cancelled (T11), or replaced by a document that is here (T10): the one that was there is gone."""
        name = str(entity(fields_at(segment.fields, 12), self.d, self.manner))
        parent = entity(fields_at(segment.fields, 13), self.d, self.manner)
        here = name in self.told.rows["document"]
        if self.event == "T11":
            self.told.put("document", name, {})
            self.told.gone.add(("document", name))
        elif self.event in ("T09", "T10") and here and parent and parent != name:
            self.told.put("document", parent, {})
            self.told.gone.add(("document", parent))
        self.told.count(segment, CARRIED if here or self.event == "T11" else UNKNOWN)


_STEPS: Final[dict[str, Callable[[Walk, Segment], str | None]]] = {
    "PID": Walk.pid, "PD1": Walk.pd1, "MRG": Walk.mrg, "PV1": Walk.pv1, "ORC": Walk.orc, "OBR": Walk.obr, "TQ1": Walk.tq1, "SPM": Walk.spm,
    "OBX": Walk.obx, "NTE": Walk.nte, "FT1": Walk.ft1, "TXA": Walk.document, "MFE": Walk.member, "STF": Walk.member, "PRA": Walk.member,
}  # fmt: skip
