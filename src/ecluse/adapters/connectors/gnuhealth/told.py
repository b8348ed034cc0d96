"""What a GNU Health holds, as rows of the tables of `gnuhealth.toml`: read in pages, each with what belongs to it.

Decides which number a record is known by, which of several addresses or telephones is told (the first; the others are counted), and what a result's
value is where a number and a text stand side by side. It writes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ecluse.adapters.connectors.gnuhealth.server import Server, Values
from ecluse.adapters.connectors.gnuhealth.values import bounds, day_of, moment_of, number, number_text

__all__ = ["KINDS", "LINE_NOTE", "PRESCRIBER", "STATE_NOTE", "VALIDATED", "VISIBLE", "Row", "Told", "told"]  # fmt: skip

Row = dict[str, str | None]
KINDS: Final = ("prescriber", "patient", "request", "result")
"""The record kinds, parents first; each is a table of this name."""
PRESCRIBER: Final = "ecluse:prescriber:"
"""Begins the PUID of a professional that Écluse wrote: their numbers and the patients' may be the same, PUIDs may not."""
LINE_NOTE: Final = "ecluse:result:"
"""Begins the note beside a result's line that says its number: a line of GNU Health has none of its own."""
STATE_NOTE: Final = "ecluse:state:"
"""Begins the second note, beside a line that is not validated or not for everybody's eyes: its status and its visibility."""
VALIDATED, VISIBLE = "validated", "visible"
NATIVE: Final = "gnuhealth-"
"""Begins the number of a result that has no such note: its line's own number follows."""
_STAMPS: Final = ("create_date", "write_date")
_PERSON: Final = tuple(f"party.{name}" for name in ("ref", "name", "lastname", "gender", "dob"))


@dataclass(frozen=True, slots=True)
class Told:
    """One record of `model`: its row, or why it has none; how many things stand beside it that have no place, by name; when it was last written."""

    model: str
    row: Row
    unread: str = ""
    beside: Mapping[str, int] = field(default_factory=dict)
    stamps: tuple[Any, ...] = ()


def told(server: Server, kind: str) -> Iterator[Told]:
    """Every record of a kind. Raises Fault `source/...`, Refusal `source/not-permitted`."""
    return _READ[kind](server)


def _prescribers(server: Server) -> Iterator[Told]:
    model = "gnuhealth.healthprofessional"
    for page in server.pages(model, [], ["code", "party", *_PERSON, *_STAMPS]):
        reach = _Reach(server, [line["party"] for line in page])
        for line in page:
            person, address = line["party."], reach.address(line["party"])
            row = {
                "id": _without(person["ref"], PRESCRIBER), "license": line["code"],
                "lastname": person["lastname"], "name": person["name"], **address, "phone": reach.first(line["party"], "phone"),
            }  # fmt: skip
            yield _told(model, row, line, reach.beside(line["party"], ("phone",)))


def _patients(server: Server) -> Iterator[Told]:
    model = "gnuhealth.patient"
    fields = ["party", "general_info", "primary_care_doctor.puid", *_PERSON, *_STAMPS]
    for page in server.pages(model, [], fields):
        parties = [line["party"] for line in page]
        reach = _Reach(server, parties)
        usual = {
            it["party"]: it["family"]
            for it in reversed(server.among("gnuhealth.person_name", "party", parties, ["party", "use", "family"]))
            if it["use"] == "usual"
        }  # fmt: skip
        for line in page:
            number, person = line["party"], line["party."]
            row = {
                "puid": person["ref"], "lastname": person["lastname"], "usual_name": usual.get(number), "name": person["name"],
                "gender": person["gender"], "dob": day_of(person["dob"]), **reach.address(number),
                "phone": reach.first(number, "phone"), "mobile": reach.first(number, "mobile"), "email": reach.first(number, "email"),
                "doctor": _without((line["primary_care_doctor."] or {}).get("puid"), PRESCRIBER),
                "general_info": line["general_info"],
            }  # fmt: skip
            yield _told(model, row, line, reach.beside(number, ("phone", "mobile", "email")))


def _requests(server: Server) -> Iterator[Told]:
    model, zone = "gnuhealth.lab", server.address.zone
    fields = [
        "name", "patient.puid", "requestor.puid", "other_source", "date_requested", "state", "request_order", "test", *_STAMPS,
    ]  # fmt: skip
    for page in server.pages(model, [], fields):
        numbers = sorted({line["request_order"] for line in page if line["request_order"] is not None})
        wanted = ["request", "test_type", "date", "urgent", "comment", "state"]
        orders = {
            (it["request"], it["test_type"]): it
            for it in server.among("gnuhealth.patient.lab.test", "request", numbers, wanted)
        }
        for line in page:
            if line["patient."] is None:
                yield Told(model, {}, unread="no-patient")
                continue
            order = orders.get((line["request_order"], line["test"]))
            at = moment_of(line["date_requested"], zone)
            row = {
                "name": line["name"], "patient": line["patient."]["puid"],
                "requestor": _without((line["requestor."] or {}).get("puid"), PRESCRIBER), "source": line["other_source"] or "gnuhealth",
                "date": at[:10] if at else None, "date_requested": at if order is None or order["date"] is not None else None,
                "state": "cancel" if order and order["state"] == "cancel" else line["state"],
                "urgent": None if order is None or order["urgent"] is None else str(bool(order["urgent"])).lower(),
                "comment": order["comment"] if order else None,
            }  # fmt: skip
            yield _told(model, row, line)


def _results(server: Server) -> Iterator[Told]:
    model = "gnuhealth.lab.test.critearea"
    fields = [
        "name", "code", "result", "result_text", "to_integer", "units.name", "normal_range", "lower_limit", "upper_limit", "remarks",
        "gnuhealth_lab_id.name", "gnuhealth_lab_id.state", "excluded", *_STAMPS,
    ]  # fmt: skip
    for page in server.pages(model, [["gnuhealth_lab_id", "!=", None]], fields):
        names = [f"{model},{line['id']}" for line in page]
        notes = _notes(server, names)
        for line, name in zip(page, names, strict=True):
            low, high = bounds(line["normal_range"])
            if low is None and high is None:
                low, high = number_text(line["lower_limit"]), number_text(line["upper_limit"])
            row = {
                "reference": notes[name].get(LINE_NOTE, f"{NATIVE}{line['id']}"), "report": line["gnuhealth_lab_id."]["name"], "code": line["code"],
                "name": line["name"], "result": _value(line), "units": (line["units."] or {}).get("name"),
                "low": low, "high": high, "remarks": line["remarks"], **_state(line, notes[name]),
            }  # fmt: skip
            yield _told(model, row, line)


_READ: Final[dict[str, Callable[[Server], Iterator[Told]]]] = {
    "prescriber": _prescribers,
    "patient": _patients,
    "request": _requests,
    "result": _results,
}


class _Reach:
    """The addresses and ways to reach of some parties, in the order of their numbers."""

    def __init__(self, server: Server, parties: Sequence[int]) -> None:
        self._addresses: dict[int, list[Values]] = defaultdict(list)
        self._ways: dict[int, list[Values]] = defaultdict(list)
        for it in server.among("party.address", "party", parties, ["party", "street", "postal_code", "city"]):
            self._addresses[it["party"]].append(it)
        for it in server.among("party.contact_mechanism", "party", parties, ["party", "type", "value"]):
            self._ways[it["party"]].append(it)

    def address(self, party: int) -> Row:
        """Of the first address."""
        first = next(iter(self._addresses[party]), {})
        return {name: first.get(name) for name in ("street", "postal_code", "city")}

    def first(self, party: int, way: str) -> str | None:
        """Of the first of this type."""
        return next((it["value"] for it in self._ways[party] if it["type"] == way), None)

    def beside(self, party: int, ways: Sequence[str]) -> dict[str, int]:
        """What is there and not told."""
        told = sum(any(it["type"] == way for it in self._ways[party]) for way in ways)
        more = {
            "party.address": len(self._addresses[party]) - 1,
            "party.contact_mechanism": len(self._ways[party]) - told,
        }
        return {name: times for name, times in more.items() if times > 0}


def _told(model: str, row: Row, line: Values, beside: Mapping[str, int] | None = None) -> Told:
    """The record, unless it has no number of its own."""
    stamps = tuple(line[name] for name in _STAMPS)
    unread = "" if next(iter(row.values())) else "no-number"
    return Told(model, row, unread, beside or {}, stamps)


def _value(line: Values) -> str | None:
    """The text; where there is a number that it does not say, both."""
    text: str | None = line["result_text"]
    said: float | None = line["result"]
    if said is None or (text and number(text) == said):
        return text
    written = number_text(said, whole=bool(line["to_integer"]))
    return f"{written} {text}" if text else written


def _notes(server: Server, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Of each line, what our notes say, by how they begin."""
    notes: dict[str, dict[str, str]] = {name: {} for name in names}
    for it in server.among("ir.note", "resource", names, ["resource", "message"]):
        for beginning in (LINE_NOTE, STATE_NOTE):
            if it["message"].startswith(beginning):
                notes[it["resource"]][beginning] = it["message"].removeprefix(beginning)
    return notes


def _state(line: Values, notes: Mapping[str, str]) -> Row:
    """Status and visibility: as our note says; of a line that is not ours, as its report's state and its exclusion from it say."""
    if STATE_NOTE in notes:
        status, _, visibility = notes[STATE_NOTE].partition(":")
    elif LINE_NOTE in notes:
        status, visibility = VALIDATED, VISIBLE
    else:
        status = "entered" if line["gnuhealth_lab_id."]["state"] == "draft" else VALIDATED
        visibility = "hidden" if line["excluded"] else VISIBLE
    return {"status": status, "visibility": visibility}


def _without(number: str | None, beginning: str) -> str | None:
    return None if number is None else number.removeprefix(beginning)
