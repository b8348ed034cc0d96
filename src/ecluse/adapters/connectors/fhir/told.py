"""What a teller is: it says which records of the vocabulary one resource of others tells, and which of the resource's elements it read.

Decides nothing about any resource type: people are `told_people`'s, requests and results `told_work`'s, octets `told_documents`'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ecluse.adapters.connectors.fhir.elements import Element
from ecluse.adapters.connectors.fhir.links import Scope
from ecluse.adapters.connectors.fhir.parts import inner as part
from ecluse.adapters.connectors.fhir.parts import lines, local_time, text
from ecluse.adapters.connectors.files.format import CARRIED, IGNORED, UNKNOWN

__all__ = ["ENVELOPE", "ERROR", "Claims", "Elsewhere", "Teller", "Told", "a_moment", "loosely", "security"]

ERROR: Final = "entered-in-error"

ENVELOPE: Final = frozenset({"id", "meta", "language", "implicitRules", "contained", "text"})
"""Elements of every resource that hold no fact of their own: the narrative repeats the elements (R4, "Narrative", status generated)."""


class Elsewhere(Exception):
    """The resource is well formed and belongs to no record kind of the vocabulary (an imaging order, an animal)."""


class Told(NamedTuple):
    """One record, or what completes one."""

    kind: str
    row: Mapping[str, str | bytes | None]
    gone: bool = False


@dataclass(slots=True)
class Claims:
    """The results that a report has told as its own: those need no request made for them."""

    results: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Teller:
    """How one resource type is read: by which function, which of its elements and extensions that reads, and which `others` R4 has."""

    tell: Callable[[Element, Scope, Claims], Iterator[Told]]
    elements: frozenset[str]
    others: frozenset[str]
    extensions: frozenset[str] = frozenset()

    def fate(self, resource: Element, name: str) -> str:
        """What becomes of one element of a resource that is told. Raises Odd."""
        if name == "extension":
            known = all(text(line, "url") in self.extensions for line in lines(resource, name))
            return CARRIED if known else UNKNOWN
        if name in ENVELOPE:
            return IGNORED
        return CARRIED if name in self.elements else UNKNOWN

    def unit(self, name: str) -> str:
        """The element's name if it is one of R4's, for any other might be a value."""
        known = name in self.elements or name in self.others or name in ENVELOPE or name == "extension"
        return name if known else "element"


def a_moment(resource: Element, name: str, zone: ZoneInfo) -> str | None:
    """The civil time of an element that is a date, a time, an instant or the start of a period (`effective[x]`)."""
    for ending in ("DateTime", "Instant", "Date", ""):
        said = resource.get(f"{name}{ending}")
        if said is not None:
            return local_time(text(resource, f"{name}{ending}"), zone)
    return local_time(text(part(resource, f"{name}Period"), "start"), zone)


def loosely(moment: str | None) -> str | None:
    """A moment where the vocabulary wants one: a whole date or time; a year alone tells no day, and is left out."""
    return moment if moment is not None and len(moment) >= 10 else None


_CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_VISIBLE: Final = {
    "U": "visible",
    "L": "visible",
    "M": "visible",
    "N": "visible",
    "R": "hidden",
    "V": "secret",
}


def security(labels: list[Element]) -> str | None:
    """The visibility that security labels tell (HL7 v3 Confidentiality); none told is none, which the conversion reads as hidden."""
    told = [
        _VISIBLE.get(text(line, "code") or "") for line in labels if text(line, "system") == _CONFIDENTIALITY
    ]
    for visibility in ("secret", "hidden", "visible"):
        if visibility in told:
            return visibility
    return None
