"""Which records stand in a GNU Health, by their own numbers; and taking them out, each with what hangs on it, children first.

Decides where each kind's number stands: a person's PUID, a report's ID, a note beside a result's line. Nothing else is looked at, so that nothing else is
ever taken out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from ecluse.adapters.connectors.gnuhealth.progress import Begun
from ecluse.adapters.connectors.gnuhealth.server import Server, Values
from ecluse.adapters.connectors.gnuhealth.told import LINE_NOTE, PRESCRIBER, STATE_NOTE

__all__ = ["MODELS", "remove", "standing", "take_back", "taken", "units"]

LINE: Final = "gnuhealth.lab.test.critearea"
ORDER: Final = "gnuhealth.patient.lab.test"
REPORT: Final = "gnuhealth.lab"
MODELS: Final[Mapping[str, tuple[str, ...]]] = {
    "prescriber": (),
    "patient": (),
    "request": (ORDER,),
    "result": (LINE,),
}
"""For each kind, the models whose records bear no number of their own: those begun are told by coming after the last one before."""


def standing(server: Server, kind: str, ids: Sequence[str]) -> dict[str, int]:
    """Those of `ids` that are there, with the number of their record in GNU Health: of the professional, patient, report or line."""
    return _FOUND[kind](server, ids)


def taken(server: Server, kind: str, ids: Sequence[str]) -> bool:
    """Whether one of these numbers is anybody's already: a PUID is unique among all parties, whatever they are."""
    return bool(standing(server, kind, ids) or (kind == "patient" and _people(server, ids)))


def remove(server: Server, kind: str, ids: Sequence[str]) -> None:
    """Take these records out; one that is not there is none the less gone."""
    _REMOVED[kind](server, ids)


def take_back(server: Server, begun: Begun) -> None:
    """Take out whatever of these few records was written before the load was killed."""
    if begun.kind == "result":
        lines = _after(server, LINE, begun, [["gnuhealth_lab_id", "!=", None]])
        _remove_lines(server, lines)
    remove(server, begun.kind, begun.ids)
    if begun.kind == "request":
        server.remove(ORDER, _after(server, ORDER, begun, []))


def units(server: Server) -> dict[str, int]:
    """GNU Health's units, by name."""
    return {it["name"]: it["id"] for it in server.read("gnuhealth.lab.test.units", [], ["name"])}


def _after(server: Server, model: str, begun: Begun, domain: Sequence[object]) -> list[int]:
    """What this account has made since these records were begun."""
    server.enter()
    mine = [["id", ">", begun.after[model]], ["create_uid", "=", server.account], *domain]
    return [it["id"] for it in server.read(model, mine, ["id"])]


def _people(server: Server, ids: Sequence[str], *, beginning: str = "") -> dict[str, int]:
    """Parties by their PUID without its beginning."""
    said = [beginning + one for one in ids]
    lines = server.among("party.party", "ref", said, ["ref"])
    return {it["ref"].removeprefix(beginning): it["id"] for it in lines}


def _prescribers(server: Server, ids: Sequence[str]) -> dict[str, int]:
    """Those that Écluse wrote, and those that were known by the bare number."""
    found = _in_role(server, "gnuhealth.healthprofessional", _people(server, ids))
    return found | _in_role(
        server, "gnuhealth.healthprofessional", _people(server, ids, beginning=PRESCRIBER)
    )


def _patients(server: Server, ids: Sequence[str]) -> dict[str, int]:
    return _in_role(server, "gnuhealth.patient", _people(server, ids))


def _in_role(server: Server, model: str, parties: Mapping[str, int]) -> dict[str, int]:
    there = {it["party"]: it["id"] for it in server.among(model, "party", list(parties.values()), ["party"])}
    return {one: there[party] for one, party in parties.items() if party in there}


def _reports(server: Server, ids: Sequence[str]) -> dict[str, int]:
    return {it["name"]: it["id"] for it in server.among(REPORT, "name", list(ids), ["name"])}


def _lines(server: Server, ids: Sequence[str]) -> dict[str, int]:
    notes = server.among("ir.note", "message", [LINE_NOTE + one for one in ids], ["message", "resource"])
    return {
        it["message"].removeprefix(LINE_NOTE): int(it["resource"].partition(",")[2])
        for it in notes
        if it["resource"].startswith(f"{LINE},")
    }


def _remove_people(server: Server, role: str, parties: Iterable[int]) -> None:
    numbers = list(parties)
    for model in (role, "gnuhealth.person_name", "party.contact_mechanism", "party.address"):
        server.remove(model, _of(server.among(model, "party", numbers, ["id"])))
    server.remove("party.party", numbers)


def _remove_prescribers(server: Server, ids: Sequence[str]) -> None:
    _remove_people(
        server, "gnuhealth.healthprofessional", _people(server, ids, beginning=PRESCRIBER).values()
    )


def _remove_patients(server: Server, ids: Sequence[str]) -> None:
    _remove_people(server, "gnuhealth.patient", _people(server, ids).values())


def _remove_reports(server: Server, ids: Sequence[str]) -> None:
    reports = server.among(REPORT, "name", list(ids), ["request_order", "test"])
    orders = {(it["request_order"], it["test"]) for it in reports}
    server.remove(REPORT, _of(reports))
    asked = [number for number, _ in orders if number is not None]
    found = server.among(ORDER, "request", asked, ["request", "test_type"])
    server.remove(ORDER, [it["id"] for it in found if (it["request"], it["test_type"]) in orders])


def _remove_results(server: Server, ids: Sequence[str]) -> None:
    _remove_lines(server, list(_lines(server, ids).values()))


def _remove_lines(server: Server, lines: Sequence[int]) -> None:
    notes = server.among("ir.note", "resource", [f"{LINE},{line}" for line in lines], ["message"])
    server.remove("ir.note", [it["id"] for it in notes if it["message"].startswith((LINE_NOTE, STATE_NOTE))])
    server.remove(LINE, lines)


def _of(lines: Sequence[Values]) -> list[int]:
    return [it["id"] for it in lines]


_FOUND: Final[dict[str, Callable[[Server, Sequence[str]], dict[str, int]]]] = {
    "prescriber": _prescribers, "patient": _patients, "request": _reports, "result": _lines,
}  # fmt: skip
_REMOVED: Final[dict[str, Callable[[Server, Sequence[str]], None]]] = {
    "prescriber": _remove_prescribers, "patient": _remove_patients, "request": _remove_reports, "result": _remove_results,
}  # fmt: skip
