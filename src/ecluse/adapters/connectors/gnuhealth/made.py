"""New records of GNU Health from rows of the connector's tables, by its own rules.

Decides in which models a row stands and in which order they are made: a party before the patient or professional it becomes, one at a time
(GNU Health makes no two in one call); an order (`gnuhealth.patient.lab.test`) before its report (`gnuhealth.lab`); lines in one call, then the notes that
say their numbers. Nothing is signed in anybody's name: who validated a report stays unsaid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ecluse.adapters.connectors.gnuhealth.server import Server, Values
from ecluse.adapters.connectors.gnuhealth.standing import LINE, ORDER, REPORT, standing, units
from ecluse.adapters.connectors.gnuhealth.told import LINE_NOTE, PRESCRIBER, STATE_NOTE, VALIDATED, VISIBLE
from ecluse.adapters.connectors.gnuhealth.values import Unfit, day, line, moment, normal_range, number
from ecluse.base.refusal import Refusal

__all__ = ["Makers", "Row"]

Row = Mapping[str, str | None]
_LINES: Final = frozenset({
    "id", "license", "puid", "lastname", "usual_name", "name", "postal_code", "city", "phone", "mobile", "email", "source", "code", "units",
})  # fmt: skip
"""The columns that are one line in GNU Health."""
_NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "prescriber": ("id", "name"),
    "patient": ("puid", "name", "dob"),
    "request": ("name", "patient", "date"),
    "result": ("reference", "report", "status", "visibility"),
}
"""What a record must say: where GNU Health would refuse it, or fail later (a request for a patient without a day of birth)."""
_SAID: Final[dict[str, tuple[str, ...]]] = {
    "prescriber": (),
    "patient": (),
    "request": ("source", "state"),
    "result": ("name",),
}
"""What GNU Health would fill by itself: asked for and absent, it would not be given back so; not asked for, it may be filled."""
DRAFT: Final = "draft"
UNDISCLOSED: Final = "nd"
_PHONES: Final = ("phone", "mobile", "email")


class Makers:
    """Makes the records of each kind in `server`. Raises RowsRefused, Unfit; Refusal `gnuhealth/test-type-absent`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._units: dict[str, int] | None = None
        self._test: int | None = None

    def check(self, kind: str, row: Row) -> None:
        """Raises Unfit where GNU Health would not hold the row, or not give it back."""
        said = [name for name in _SAID[kind] if name in row]
        if any(not row.get(name) for name in (*_NEEDED[kind], *said)):
            raise Unfit("not-null")
        for name in _LINES & row.keys():
            line(row[name])
        self._values(kind, row)

    def make(self, kind: str, rows: Sequence[Row]) -> None:
        """The records, one after the other."""
        makers: dict[str, Callable[[Sequence[Row]], None]] = {
            "prescriber": self._prescribers, "patient": self._patients, "request": self._requests, "result": self._results,
        }  # fmt: skip
        makers[kind](rows)

    def _values(self, kind: str, row: Row) -> Values:
        """A row as the values of its main model, without its links."""
        if kind in ("prescriber", "patient"):
            return _person(row, professional=kind == "prescriber")
        return self._report(row) if kind == "request" else _line_values(row)

    def _prescribers(self, rows: Sequence[Row]) -> None:
        parties = self._people("prescriber", rows)
        made: list[Values] = [
            {"party": party, "code": row.get("license"), "institution": None}
            for party, row in zip(parties, rows, strict=True)
        ]
        self._server.create("gnuhealth.healthprofessional", made)

    def _patients(self, rows: Sequence[Row]) -> None:
        doctors = self._linked("prescriber", rows, "doctor")
        parties = self._people("patient", rows)
        patients: list[Values] = []
        usual: list[Values] = []
        for party, row in zip(parties, rows, strict=True):
            doctor = row.get("doctor")
            patients.append({
                "party": party, "general_info": row.get("general_info"),
                "primary_care_doctor": None if doctor is None else doctors[doctor],
            })  # fmt: skip
            if row.get("usual_name") is not None:
                usual.append(
                    {"party": party, "use": "usual", "family": row["usual_name"], "given": row["name"]}
                )
        self._server.create("gnuhealth.patient", patients)
        self._server.create("gnuhealth.person_name", usual)

    def _people(self, kind: str, rows: Sequence[Row]) -> list[int]:
        return [self._server.create("party.party", [self._values(kind, row)])[0] for row in rows]

    def _requests(self, rows: Sequence[Row]) -> None:
        patients = self._linked("patient", rows, "patient")
        doctors = self._linked("prescriber", rows, "requestor")
        test = self._test_type()
        reports: list[Values] = []
        orders: list[Values] = []
        for row in rows:
            patient, doctor = patients[row["patient"] or ""], doctors.get(row.get("requestor") or "")
            urgent = row.get("urgent")
            report = self._report(row)
            at = report["date_requested"] if row.get("date_requested") is not None else None
            reports.append({**report, "test": test, "patient": patient, "requestor": doctor})
            orders.append({
                "test_type": test, "patient_id": patient, "doctor_id": doctor, "date": at, "urgent": None if urgent is None else urgent == "true",
                "comment": row.get("comment"), "state": "cancel" if row.get("state") == "cancel" else "ordered",
            })  # fmt: skip
        made = self._server.create(ORDER, orders)
        numbers = {it["id"]: it["request"] for it in self._server.among(ORDER, "id", made, ["request"])}
        for report, order in zip(reports, made, strict=True):
            report["request_order"] = numbers[order]
        self._server.create(REPORT, reports)

    def _report(self, row: Row) -> Values:
        day_said, at = row["date"] or "", row.get("date_requested")
        if at is not None and at[:10] != day_said:
            raise Unfit("check")
        state, zone = row.get("state", DRAFT), self._server.address.zone
        return {
            "name": row["name"], "source_type": "patient", "other_source": row.get("source"), "date_analysis": None,
            "date_requested": moment(at or f"{day_said} 00:00:00", zone), "state": DRAFT if state == "cancel" else state,
        }  # fmt: skip

    def _results(self, rows: Sequence[Row]) -> None:
        reports = self._linked("request", rows, "report")
        known = self._known_units({row["units"] for row in rows if row.get("units")})
        made = [
            {
                **_line_values(row),
                "gnuhealth_lab_id": reports[row["report"] or ""],
                "units": known.get(row.get("units") or ""),
            }
            for row in rows
        ]
        numbers = self._server.create(LINE, made)
        notes: list[Values] = [
            {"resource": f"{LINE},{one}", "message": f"{LINE_NOTE}{row['reference']}"}
            for one, row in zip(numbers, rows, strict=True)
        ]
        for one, row in zip(numbers, rows, strict=True):
            said = f"{row['status']}:{row['visibility']}"
            if said != f"{VALIDATED}:{VISIBLE}":
                notes.append({"resource": f"{LINE},{one}", "message": f"{STATE_NOTE}{said}"})
        self._server.create("ir.note", notes)

    def _linked(self, kind: str, rows: Sequence[Row], column: str) -> dict[str, int]:
        """The parents that the rows name. Raises Unfit where one is not there: not every database behind GNU Health would ask."""
        named = sorted({said for row in rows if (said := row.get(column)) is not None})
        found = standing(self._server, kind, named)
        if len(found) != len(named):
            raise Unfit("foreign-key")
        return found

    def _known_units(self, named: set[str | None]) -> dict[str, int]:
        """GNU Health's units, those that are new to it added: a word, which nobody's record is."""
        if self._units is None:
            self._units = units(self._server)
        fresh = sorted(name for name in named if name and name not in self._units)
        made = self._server.create(
            "gnuhealth.lab.test.units", [{"name": name, "code": name} for name in fresh]
        )
        self._units |= dict(zip(fresh, made, strict=True))
        return self._units

    def _test_type(self) -> int:
        if self._test is None:
            code = self._server.address.test
            found = self._server.read("gnuhealth.lab.test_type", [["code", "=", code]], ["code"])
            if len(found) != 1:
                raise Refusal("gnuhealth/test-type-absent", got=code)
            self._test = found[0]["id"]
        return self._test


def _person(row: Row, *, professional: bool) -> Values:
    """A party, with its first address and its ways to be reached. GNU Health wants a sex and a country of origin of everybody: unknown, none."""
    address = {name: row.get(name) for name in ("street", "postal_code", "city")}
    ways = [{"type": name, "value": row[name]} for name in _PHONES if row.get(name) is not None]
    if any(way["value"] == "" for way in ways):
        raise Unfit("not-null")
    values: dict[str, Any] = {
        "is_person": True, "create_target": False, "fed_country": None, "name": row["name"], "lastname": row.get("lastname"),
    }  # fmt: skip
    if professional:
        values |= {"is_healthprof": True, "gender": "u", "ref": f"{PRESCRIBER}{row['id']}"}
    else:
        values |= {
            "is_patient": True,
            "gender": row.get("gender") or UNDISCLOSED,
            "ref": row["puid"],
            "dob": day(row["dob"] or ""),
        }
    if any(value is not None for value in address.values()):
        values["addresses"] = [["create", [address]]]
    if ways:
        values["contact_mechanisms"] = [["create", ways]]
    return values


def _line_values(row: Row) -> Values:
    low, high, said = row.get("low"), row.get("high"), row.get("result")
    return {
        "name": row.get("name", row.get("code")), "code": row.get("code"), "result_text": said, "result": number(said),
        "normal_range": normal_range(low, high), "lower_limit": number(low), "upper_limit": number(high), "remarks": row.get("remarks"),
        "excluded": row["visibility"] != VISIBLE,
    }  # fmt: skip
