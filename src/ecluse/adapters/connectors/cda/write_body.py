"""The body of a CR-BIO document that is written: specimens, results, isolates with their antibiograms, clinical information, files.

Decides which entries say which records, and the narrative that a person reads. A measured value is written as such (PQ) when it is a number with
a unit; everything else is text (ST): nothing is computed.
"""

from __future__ import annotations

import base64
import re
from typing import Final
from zoneinfo import ZoneInfo

from ecluse.adapters.connectors.cda.names import ANTIBIOGRAM, CLINICAL, COMMENT, COPY, RECEIVED, REPORT, ROOTS
from ecluse.adapters.connectors.cda.tree import add, add_id, coded, loinc, said, stamp, typed
from ecluse.adapters.connectors.files.format import Case, Row
from ecluse.adapters.xml import Element

__all__ = ["add_body"]

_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")
_STATUS: Final = frozenset({"completed", "active", "aborted", "new", "held", "suspended", "cancelled"})
_CULTURED: Final = ("isolates", "susceptibilities")


def add_body(root: Element, case: Case, *, zone: ZoneInfo) -> None:
    """One section of results, one of clinical information, one of files; each where there is something to say."""
    body = add(add(root, "component"), "structuredBody")
    _results(_section(body, REPORT, "Résultats"), case, zone)
    if text := said(case.request, "clinical_info"):
        add(_section(body, CLINICAL, "Renseignements cliniques"), "text", text)
    if case.documents:
        _files(_section(body, COPY, "Copie du document"), case)


def _section(body: Element, code: str, title: str) -> Element:
    section = add(add(body, "component"), "section")
    loinc(section, code, title)
    add(section, "title", title)
    return section


# --- results --------------------------------------------------------------------------------------------------------------------------


def _results(section: Element, case: Case, zone: ZoneInfo) -> None:
    _narrative(section, case)
    act = add(add(section, "entry", typeCode="DRIV"), "act", classCode="ACT", moodCode="EVN")
    loinc(act, REPORT, "CR d'examens biologiques")
    add(act, "statusCode", code="completed")
    for row in case.specimens:
        _specimen(_related(act), row, zone)
    for row in case.results:
        _result(_related(act), row, zone, case.coding("result", row))
    for row in case.isolates:
        _isolate(_related(act), row, case)


def _related(parent: Element) -> Element:
    return add(parent, "entryRelationship", typeCode="COMP")


def _narrative(section: Element, case: Case) -> None:
    table = add(add(section, "text"), "table")
    head = add(add(table, "thead"), "tr")
    for title in ("Analyse", "Résultat", "Unité", "Valeurs de référence"):
        add(head, "th", title)
    lines = add(table, "tbody")
    for row in case.results:
        line = add(lines, "tr")
        low, high = said(row, "range_low") or "", said(row, "range_high") or ""
        for text in (
            said(row, "label") or said(row, "code"),
            said(row, "value"),
            said(row, "unit"),
            f"{low} - {high}" if low or high else "",
        ):
            add(line, "td", text)
    for row in case.isolates:
        line = add(lines, "tr")
        for text in (said(row, "organism"), said(row, "count"), None, None):
            add(line, "td", text)
    for row in case.susceptibilities:
        line = add(lines, "tr")
        for text in (said(row, "antibiotic"), said(row, "mic"), said(row, "interpretation"), None):
            add(line, "td", text)
    if not len(lines):
        line = add(lines, "tr")
        add(line, "td")


def _specimen(parent: Element, row: Row, zone: ZoneInfo) -> None:
    procedure = add(parent, "procedure", classCode="PROC", moodCode="EVN")
    coded(procedure, "code", None)
    if moment := stamp(said(row, "collected_at"), zone=zone):
        add(procedure, "effectiveTime", value=moment)
    role = add(add(procedure, "participant", typeCode="PRD"), "participantRole", classCode="SPEC")
    add_id(role, ROOTS["specimen"], said(row, "id"))
    if kind := said(row, "type"):
        coded(add(role, "playingEntity"), "code", None, kind)
    if moment := stamp(said(row, "received_at"), zone=zone):
        act = add(_related(procedure), "act", classCode="ACT", moodCode="EVN")
        add(
            act, "code", code=RECEIVED, codeSystem="1.3.5.1.4.1.19376.1.5.3.2", displayName="Échantillon reçu"
        )
        add(act, "effectiveTime", value=moment)


def _result(parent: Element, row: Row, zone: ZoneInfo, chosen: tuple[str, str] | None) -> None:
    observation = _observation(parent, "result", row)
    code = coded(observation, "code", said(row, "code"), said(row, "label"))
    if (
        chosen is not None
    ):  # the local code stays the code: the other says the same in a table of its own (CDA R2, CE)
        loinc(code, chosen[1], None, name="translation")
    if status := said(row, "status"):
        add(observation, "statusCode", code=status if status in _STATUS else "completed")
    _value(observation, said(row, "value"), said(row, "unit"))
    if flag := said(row, "flag"):
        coded(observation, "interpretationCode", flag)
    if specimen := said(row, "specimen"):
        add_id(
            add(add(observation, "specimen"), "specimenRole", classCode="SPEC"), ROOTS["specimen"], specimen
        )
    _validated(observation, row, zone)
    if comment := said(row, "comment"):
        act = add(
            add(observation, "entryRelationship", typeCode="SUBJ", inversionInd="true"),
            "act",
            classCode="ACT",
            moodCode="EVN",
        )
        loinc(act, COMMENT, "Commentaire")
        add(act, "text", comment)
    _range(observation, row)


def _observation(parent: Element, kind: str, row: Row) -> Element:
    observation = add(parent, "observation", classCode="OBS", moodCode="EVN")
    add_id(observation, ROOTS[kind], said(row, "id"))
    return observation


def _value(observation: Element, value: str | None, unit: str | None) -> None:
    if value and unit and _NUMBER.fullmatch(value):
        typed(observation, "value", "PQ", value=value, unit=unit)
    elif value:
        typed(observation, "value", "ST", value)


def _validated(observation: Element, row: Row, zone: ZoneInfo) -> None:
    who, when = said(row, "validator"), stamp(said(row, "validated_at"), zone=zone)
    if who or when:
        part = add(observation, "participant", typeCode="AUTHEN")
        if when:
            add(part, "time", value=when)
        add_id(add(part, "participantRole"), ROOTS["prescriber"], who)


def _range(observation: Element, row: Row) -> None:
    low, high, unit = said(row, "range_low"), said(row, "range_high"), said(row, "unit")
    if low or high:
        value = typed(add(add(observation, "referenceRange"), "observationRange"), "value", "IVL_PQ")
        for name, bound in (("low", low), ("high", high)):
            if bound:
                add(value, name, value=bound, unit=unit)


# --- microbiology ---------------------------------------------------------------------------------------------------------------------


def _isolate(parent: Element, row: Row, case: Case) -> None:
    organizer = add(parent, "organizer", classCode="CLUSTER", moodCode="EVN")
    add(organizer, "statusCode", code="completed")
    role = add(add(organizer, "specimen", typeCode="SPC"), "specimenRole", classCode="SPEC")
    add_id(role, ROOTS["isolate"], said(row, "id"))
    coded(add(role, "specimenPlayingEntity", classCode="MIC"), "code", None, said(row, "organism"))
    if count := said(row, "count"):
        observation = add(add(organizer, "component"), "observation", classCode="OBS", moodCode="EVN")
        coded(observation, "code", None, "Dénombrement")
        add(observation, "statusCode", code="completed")
        typed(observation, "value", "ST", count)
    tested = [each for each in case.susceptibilities if each.get("isolate") == row.get("id")]
    if tested:
        battery = add(add(organizer, "component"), "organizer", classCode="BATTERY", moodCode="EVN")
        loinc(battery, ANTIBIOGRAM, "Antibiogramme")
        add(battery, "statusCode", code="completed")
        for each in tested:
            _susceptibility(add(battery, "component"), each)


def _susceptibility(parent: Element, row: Row) -> None:
    observation = _observation(parent, "susceptibility", row)
    coded(observation, "code", None, said(row, "antibiotic"))
    add(observation, "statusCode", code="completed")
    if mic := said(row, "mic"):
        typed(observation, "value", "ST", mic)
    if answer := said(row, "interpretation"):
        add(observation, "interpretationCode", code=answer, codeSystem="2.16.840.1.113883.5.83")


# --- files ----------------------------------------------------------------------------------------------------------------------------


def _files(section: Element, case: Case) -> None:
    text = add(section, "text")
    for place, row in enumerate(case.documents, start=1):
        content = row.get("content")
        if not isinstance(content, bytes) or not content:
            continue
        add(text, "renderMultiMedia", referencedObject=f"doc-{place}")
        organizer = add(add(section, "entry"), "organizer", classCode="CLUSTER", moodCode="EVN")
        loinc(organizer, "55107-7", "Document attaché")
        add(organizer, "statusCode", code="completed")
        media = add(
            add(organizer, "component"),
            "observationMedia",
            classCode="OBS",
            moodCode="EVN",
            ID=f"doc-{place}",
        )
        add_id(media, ROOTS["document"], said(row, "id"))
        add(
            media,
            "value",
            base64.b64encode(content).decode(),
            mediaType=said(row, "media_type"),
            representation="B64",
        )
