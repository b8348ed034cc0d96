"""What one resource of others calls another: by a relative or absolute address, an urn, a contained id or an identifier alone.

Decides the key by which a record is known: the id of its resource, whatever server it came from; for a resource without id, the urn its Bundle
gives it; for a contained one, its holder's key, `.` and its own id. It looks nothing up outside the document in hand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from ecluse.adapters.connectors.fhir.elements import Element
from ecluse.adapters.connectors.fhir.parts import inner, lines, text

__all__ = ["Link", "Scope", "identified", "identifiers_of"]

_ADDRESS: Final = re.compile(
    r"(?:.*/)?([A-Z][A-Za-z]{1,40})/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?"
)
_SEARCH: Final = re.compile(r"(?:.*/)?([A-Z][A-Za-z]{1,40})\?identifier=(.+)")
_URN: Final = re.compile(r"urn:(?:uuid|oid):(.{1,64})")

Link = tuple[str, str]
"""(resource type, key)."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What can be seen from one resource: the civil zone, the resources of the same document by their links and addresses, and by their
    identifiers; and the key of the resource itself.
    """

    zone: ZoneInfo
    key: str
    held: Mapping[Link, Element] = field(default_factory=dict)
    addresses: Mapping[str, Link] = field(default_factory=dict)
    identifiers: Mapping[tuple[str, str], Link] = field(default_factory=dict)

    def link(self, reference: Element, *types: str) -> Link | None:
        """The link that a Reference makes to a resource of one of these types. Raises Odd."""
        said = text(reference, "reference")
        found = (
            self._said(said, types, text(reference, "type")) if said else self._identified(reference, types)
        )
        return found if found is not None and found[0] in types else None

    def key_of(self, reference: Element, *types: str) -> str | None:
        """The key alone."""
        found = self.link(reference, *types)
        return None if found is None else found[1]

    def resource(self, reference: Element, *types: str) -> Element:
        """The resource itself where the document holds it, else an empty one."""
        found = self.link(reference, *types)
        return self.held.get(found, {}) if found is not None else {}

    def _said(self, said: str, types: tuple[str, ...], told: str | None) -> Link | None:
        if said in self.addresses:
            return self.addresses[said]
        if said.startswith("#"):
            return self.addresses.get(f"{self.key}{said}")
        if urn := _URN.fullmatch(said):
            return told or types[0], urn[1]
        if search := _SEARCH.fullmatch(said):
            system, _, value = search[2].rpartition("|")
            return self.identifiers.get((system, value), (search[1], value))
        address = _ADDRESS.fullmatch(said)
        return None if address is None else (address[1], address[2])

    def _identified(self, reference: Element, types: tuple[str, ...]) -> Link | None:
        system, value = identified(inner(reference, "identifier"))
        if value is None:
            return None
        return self.identifiers.get((system, value), (text(reference, "type") or types[0], value))


def identified(identifier: Element) -> tuple[str, str | None]:
    """(system or "", value or none) of an Identifier. Raises Odd."""
    return text(identifier, "system") or "", text(identifier, "value")


def identifiers_of(resource: Element) -> list[tuple[str, str]]:
    """What a resource is known by. Raises Odd."""
    identifier = resource.get("identifier")
    held = [identifier] if isinstance(identifier, dict) else lines(resource, "identifier")
    return [(system, value) for system, value in map(identified, held) if value is not None]
