"""The entries of a CDA laboratory report, as records: specimens, results, isolates, susceptibilities, documents.

Decides which observation is what by where it stands: below an isolate it is a count, below its antibiogram a susceptibility, else a result.
The culture that isolates come from has no observation of its own in CR-BIO: the act of its section is that result, with the section's code.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from ecluse.adapters.connectors.cda.names import ANTIBIOGRAM, ATTACHED, COMMENT, RECEIVED, XSI
from ecluse.adapters.connectors.cda.parts import Page, instant
from ecluse.adapters.xml import Element, local

__all__ = ["Body", "Document", "read_entry"]

Texts = dict[str, str | bytes | None]
_TYPE: Final = f"{{{XSI}}}type"


@dataclass(frozen=True, slots=True)
class Document:
    """What a document says once for all its records."""

    key: str
    request: str
    version: str | None
    visibility: str | None
    validator: str | None
    validated_at: str | None


@dataclass(slots=True)
class Body:
    """The records of the body, by kind, in reading order; `count`: observations met."""

    rows: list[tuple[str, Texts]] = field(default_factory=list)
    count: int = 0


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk is: the specimen, the isolate and its culture, whether in an antibiogram, who validated."""

    specimen: str | None
    validator: str | None
    validated_at: str | None
    culture: str = ""
    isolate: str | None = None
    antibiogram: bool = False


def read_entry(page: Page, entry: Element, document: Document, body: Body) -> None:
    """All records of one entry, added to `body`."""
    specimens = [
        row for procedure in entry.iter(*_named("procedure")) if (row := _specimen(page, procedure, document))
    ]
    body.rows += [("specimen", row) for row in specimens]
    body.count += 1
    only = str(specimens[0]["id"]) if len(specimens) == 1 else None
    place = _Place(
        only, document.validator, document.validated_at, culture=f"{document.key}/culture-{body.count}"
    )
    walk = _Walk(page, document, body)
    isolates = sum(row[0] == "isolate" for row in body.rows)
    before = len(body.rows)
    walk.below(entry, place)
    if sum(row[0] == "isolate" for row in body.rows) > isolates:
        culture = _culture(page, entry, document, place)
        if culture is not None and any(row.get("result") == culture["id"] for _, row in body.rows):
            body.rows.insert(before, ("result", culture))


def _named(*names: str) -> tuple[str, ...]:
    return tuple(f"{{urn:hl7-org:v3}}{name}" for name in names)


def _culture(page: Page, entry: Element, document: Document, place: _Place) -> Texts | None:
    act = page.at(entry, "act")
    procedure = next(iter(entry.iter(*_named("procedure"))), None)
    code = page.at(procedure, "code") if procedure is not None else page.at(act, "code")
    code = page.at(act, "code") if code is None else code
    return {
        "id": place.culture, "request": document.request, "specimen": place.specimen, "code": page.code(code), "label": page.label(code),
        "status": page.attribute(page.at(act, "statusCode"), "code"), "version": document.version, "visibility": document.visibility,
        "validator": place.validator, "validated_at": place.validated_at,
    }  # fmt: skip


def _specimen(page: Page, procedure: Element, document: Document) -> Texts | None:
    """A procedure of collection: what was taken, when, when it came."""
    roles = [
        each
        for each in page.all(procedure, "participant/participantRole")
        if each.get("classCode") in ("SPEC", None)
    ]
    role = next((each for each in roles if page.at(each, "id") is not None), None)
    name = page.id(page.at(role, "id"))
    if name is None:
        return None
    page.taken.add(procedure)
    code = page.at(role, "playingEntity/code")
    received = next(
        (act for act in page.all(procedure, "entryRelationship/act") if (code_of := page.at(act, "code")) is not None and code_of.get("code") == RECEIVED),
        None,
    )  # fmt: skip
    return {
        "id": name,
        "request": document.request,
        "type": page.label(code) or page.code(code),
        "collected_at": page.when(page.at(procedure, "effectiveTime")),
        "received_at": page.when(page.at(received, "effectiveTime")),
    }


@dataclass(slots=True)
class _Walk:
    page: Page
    document: Document
    body: Body

    def below(self, element: Element, place: _Place) -> None:
        """Every clinical statement below an element, in document order."""
        place = self._validated(element, place)
        for child in element:
            name = local(child)
            if name in ("entryRelationship", "component"):
                self.below(child, place)
            elif name == "observation":
                self._observation(child, self._validated(child, place))
            elif name == "organizer":
                self._organizer(child, place)
            elif name == "act" and self._code(child) != COMMENT:
                self.below(child, place)
            elif name == "observationMedia":
                self._file(child)

    def _code(self, element: Element) -> str:
        code = self.page.at(element, "code")
        return "" if code is None else code.get("code", "")

    def _validated(self, element: Element, place: _Place) -> _Place:
        """Who validated what stands below: participant AUTHEN of the statement itself."""
        for each in self.page.all(element, "participant"):
            if each.get("typeCode") == "AUTHEN":
                who = self.page.id(self.page.at(each, "participantRole/id"))
                when = self.page.when(self.page.at(each, "time"))
                return replace(
                    place, validator=who or place.validator, validated_at=when or place.validated_at
                )
        return place

    def _organizer(self, organizer: Element, place: _Place) -> None:
        role = self.page.at(organizer, "specimen/specimenRole")
        entity = self.page.at(role, "specimenPlayingEntity")
        if entity is not None and entity.get("classCode") == "MIC":
            self._isolate(organizer, role, entity, place)
            return
        own = self.page.id(self.page.at(role, "id"))
        inside = place.isolate is not None and (place.antibiogram or self._code(organizer) == ANTIBIOGRAM)
        self.below(organizer, replace(place, specimen=own or place.specimen, antibiogram=inside))

    def _isolate(self, organizer: Element, role: Element | None, entity: Element, place: _Place) -> None:
        self.body.count += 1
        code = self.page.at(entity, "code")
        name = self.page.id(self.page.at(role, "id")) or f"{self.document.key}/{self.body.count}"
        row: Texts = {
            "id": name, "request": self.document.request, "result": place.culture, "organism": self.page.label(code) or self.page.code(code),
            "count": None,
        }  # fmt: skip
        self.body.rows.append(("isolate", row))
        self.page.taken.add(organizer)
        self.below(organizer, replace(place, isolate=name, antibiogram=False))

    def _observation(self, observation: Element, place: _Place) -> None:
        self.body.count += 1
        self.page.taken.add(observation)
        if self._code(observation) in ATTACHED:
            self.page.taken.update(observation.iter(*_named("code", "value")))
            return
        name = self.page.id(self.page.at(observation, "id")) or f"{self.document.key}/{self.body.count}"
        if place.antibiogram:
            self.body.rows.append(("susceptibility", self._susceptibility(observation, name, place)))
        elif place.isolate is not None and self._counts(observation, place.isolate):
            return
        else:
            self.body.rows.append(("result", self._result(observation, name, place)))
        for child in self.page.all(observation, "entryRelationship"):
            self.below(child, place)

    def _counts(self, observation: Element, isolate: str) -> bool:
        """The first measured value below an isolate is its count."""
        row = next(
            row for kind, row in reversed(self.body.rows) if kind == "isolate" and row["id"] == isolate
        )
        said = self.page.at(observation, "value")
        if (
            row["count"] is not None
            or said is None
            or said.get(_TYPE, "").rpartition(":")[2] not in ("PQ", "IVL_PQ", "INT", "REAL", "ST")
        ):
            return False
        value, unit = self._value(observation)
        row["count"] = " ".join(part for part in (value, unit) if part) or None
        return row["count"] is not None

    def _susceptibility(self, observation: Element, name: str, place: _Place) -> Texts:
        code = self.page.at(observation, "code")
        value, unit = self._value(observation)
        return {
            "id": name,
            "request": self.document.request,
            "isolate": place.isolate,
            "antibiotic": self.page.referred(self.page.at(code, "originalText"))
            or self.page.label(code)
            or self.page.code(code),
            "mic": " ".join(part for part in (value, unit) if part) or None,
            "interpretation": self.page.attribute(self.page.at(observation, "interpretationCode"), "code"),
        }

    def _result(self, observation: Element, name: str, place: _Place) -> Texts:
        page, code = self.page, self.page.at(observation, "code")
        value, unit = self._value(observation)
        low, high = self._range(observation)
        own = page.id(page.at(observation, "specimen/specimenRole/id"))
        return {
            "id": name, "request": self.document.request, "specimen": own or place.specimen, "code": page.code(code), "label": page.label(code),
            "value": value, "unit": unit, "range_low": low, "range_high": high,
            "flag": page.attribute(page.at(observation, "interpretationCode"), "code"),
            "status": page.attribute(page.at(observation, "statusCode"), "code"), "version": self.document.version,
            "visibility": self.document.visibility, "validator": place.validator, "validated_at": place.validated_at,
            "comment": self._comment(observation),
        }  # fmt: skip

    def _comment(self, observation: Element) -> str | None:
        acts = [
            act for act in self.page.all(observation, "entryRelationship/act") if self._code(act) == COMMENT
        ]
        said = [text for act in acts if (text := self.page.referred(self.page.at(act, "text")))]
        return "\n".join(said) or None

    def _range(self, observation: Element) -> tuple[str | None, str | None]:
        value = self.page.at(observation, "referenceRange/observationRange/value")
        return self.page.attribute(self.page.at(value, "low"), "value"), self.page.attribute(
            self.page.at(value, "high"), "value"
        )

    def _value(self, observation: Element) -> tuple[str | None, str | None]:
        """The value as a report would say it, and its unit (HL7 data types R1: PQ, IVL_PQ, INT, REAL, TS, CD, ST, ED)."""
        page, said = self.page, self.page.at(observation, "value")
        if said is None:
            return None, None
        kind = said.get(_TYPE, "").rpartition(":")[2]
        if kind.startswith("IVL"):
            return _interval(page, said)
        if kind in ("CD", "CE", "CV", "CO"):
            return page.label(said) or page.code(said), None
        if kind == "TS":
            value = page.attribute(said, "value")
            return instant(value) if value else None, None
        return page.attribute(said, "value") or page.referred(said), page.attribute(said, "unit")

    def _file(self, media: Element) -> None:
        value = self.page.at(media, "value")
        packed = re.sub(r"\s", "", (value.text or "") if value is not None else "")
        try:
            content = base64.b64decode(packed, validate=True)
        except (binascii.Error, ValueError):
            return
        if value is None or not content or value.get("representation") != "B64":
            return
        self.page.taken.update((media, value))
        self.body.count += 1
        self.body.rows.append((
            "document",
            {
                "id": self.page.id(self.page.at(media, "id")) or f"{self.document.key}/{media.get('ID') or self.body.count}",
                "request": self.document.request, "media_type": self.page.attribute(value, "mediaType"), "content": content,
                "signatory": self.document.validator, "signed_at": self.document.validated_at, "version": self.document.version,
                "visibility": self.document.visibility,
            },
        ))  # fmt: skip


def _interval(page: Page, value: Element) -> tuple[str | None, str | None]:
    """An interval: "<x", ">=x", or both ends."""
    low, high = page.at(value, "low"), page.at(value, "high")
    least, most = page.attribute(low, "value"), page.attribute(high, "value")
    unit = page.attribute(low, "unit") or page.attribute(high, "unit")
    if least and most:
        return f"{least} - {most}", unit
    if least:
        return (">" if low.get("inclusive") == "false" else ">=") + least, unit  # type: ignore[union-attr]
    if most:
        return ("<" if high.get("inclusive") == "false" else "<=") + most, unit  # type: ignore[union-attr]
    return None, None


def files_of_level_one(page: Page, document: Document) -> Iterator[tuple[str, Texts]]:
    """The file that is the whole body of a level 1 document."""
    text = page.at(page.root, "component/nonXMLBody/text")
    if text is None:
        return
    packed = re.sub(r"\s", "", text.text or "")
    try:
        content = (
            base64.b64decode(packed, validate=True)
            if text.get("representation") == "B64"
            else (text.text or "").encode()
        )
    except (binascii.Error, ValueError):
        return
    if not content:
        return
    page.taken.add(text)
    yield "document", {
        "id": f"{document.key}/body", "request": document.request, "media_type": page.attribute(text, "mediaType"), "content": content,
        "signatory": document.validator, "signed_at": document.validated_at, "version": document.version, "visibility": document.visibility,
    }  # fmt: skip
