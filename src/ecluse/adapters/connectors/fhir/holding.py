"""The resources of one document: alone, in a Bundle, in Bundles within it, or contained in another; each with its key and its place.

Decides what each is called (`links`), in which order they are told (a history tells the newest first, and is turned round), and what a Bundle says is
deleted. It reads no element of a resource but its id, its identifiers and what it contains.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ecluse.adapters.connectors.fhir.elements import Element
from ecluse.adapters.connectors.fhir.links import Link, Scope, identifiers_of
from ecluse.adapters.connectors.fhir.parts import Odd, inner, lines, text
from ecluse.adapters.connectors.fhir.strict import NotJson, type_of

__all__ = ["Document", "Held", "modified", "open_document"]

NESTED: Final = 4
"""Bundles within Bundles, at most."""


class Held(NamedTuple):
    """One resource. `key` is "" where nothing names it; `deleted`: the Bundle says that it is no more, and `element` is empty."""

    type: str
    key: str
    element: Element
    place: str
    contained: bool = False
    deleted: bool = False


@dataclass(slots=True)
class Document:
    """Every resource of one document, and by which names they find each other. `bundles`: of each, how many elements; `odd`: those that cannot be told."""

    resources: list[Held] = field(default_factory=list)
    held: dict[Link, Element] = field(default_factory=dict)
    addresses: dict[str, Link] = field(default_factory=dict)
    identifiers: dict[tuple[str, str], Link] = field(default_factory=dict)
    bundles: list[int] = field(default_factory=list)
    odd: list[tuple[str, Element, str]] = field(default_factory=list)
    """(place, what stands there, reason)."""

    def scope(self, key: str, zone: ZoneInfo) -> Scope:
        """What the resource of this key sees."""
        return Scope(zone, key, self.held, self.addresses, self.identifiers)

    def add(self, element: Element, *, place: str, address: str | None = None) -> None:
        """A resource, with all that it contains. Raises Odd, NotJson."""
        name = type_of(element)
        key = text(element, "id") or (address or "").rpartition(":")[2]
        self._name(name, key, element, address)
        within = [(inside, f"{key}.{text(inside, 'id') or ''}") for inside in lines(element, "contained")]
        for inside, own in within:
            self._name(type_of(inside), own, inside, f"{key}#{text(inside, 'id') or ''}")
        self.resources += [
            Held(type_of(inside), own, inside, place, contained=True) for inside, own in within
        ]
        self.resources.append(Held(name, key, element, place))

    def _name(self, name: str, key: str, element: Element, address: str | None) -> None:
        link = (name, key)
        if key:
            self.held[link] = element
        if address:
            self.addresses[address] = link
        for identifier in identifiers_of(element):
            self.identifiers.setdefault(identifier, link)


def open_document(value: Element, *, place: str) -> Document:
    """The resources of what was decoded. Raises NotJson `not-a-resource`; what is wrong within a Bundle is in `odd`."""
    document = Document()
    if type_of(value) == "Bundle":
        _open_bundle(value, document, place=place, depth=1)
    else:
        _add(document, value, place=place)
    return document


def _open_bundle(bundle: Element, document: Document, *, place: str, depth: int) -> None:
    try:
        entries, kind = lines(bundle, "entry"), text(bundle, "type")
    except Odd as why:
        document.odd.append((place, bundle, str(why)))
        return
    document.bundles.append(len(bundle))
    numbered = list(enumerate(entries, 1))
    for number, entry in reversed(numbered) if kind == "history" else numbered:
        where = f"{place}.{number}"
        try:
            _open_entry(entry, document, place=where, depth=depth)
        except (Odd, NotJson) as why:
            document.odd.append((where, entry, str(why)))


def _open_entry(entry: Element, document: Document, *, place: str, depth: int) -> None:
    resource, request = inner(entry, "resource"), inner(entry, "request")
    if text(request, "method") == "DELETE":
        name, _, key = (text(request, "url") or "").partition("/")
        document.resources.append(Held(type_of({"resourceType": name}), key, {}, place, deleted=True))
        return
    if not resource:
        return
    if type_of(resource) == "Bundle":
        if depth >= NESTED:
            raise Odd("nested")
        _open_bundle(resource, document, place=place, depth=depth + 1)
        return
    document.add(resource, place=place, address=text(entry, "fullUrl"))


def _add(document: Document, element: Element, *, place: str) -> None:
    try:
        document.add(element, place=place)
    except (Odd, NotJson) as why:
        document.odd.append((place, element, str(why)))


def modified(value: object) -> Iterator[str]:
    """The reasons why a resource may not be read by who does not know what changes its meaning (R4, "isModifier", "implicitRules")."""
    if isinstance(value, dict):
        if value.get("implicitRules"):
            yield "implicit-rules"
        if value.get("modifierExtension"):
            yield "modifier-extension"
        for name, inside in value.items():
            if name != "contained":
                yield from modified(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from modified(inside)
