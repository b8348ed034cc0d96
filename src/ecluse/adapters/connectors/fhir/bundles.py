"""Transactions: what is put and deleted in one Bundle, with the mark of its batch, and how many records fit in one.

Decides how a batch is cut into transactions, and what undoes one. Every entry is a PUT or a DELETE with an id of ours, so that a transaction sent twice,
because its answer was lost, does the same as once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ecluse.adapters.connectors.fhir.elements import BASE, Element, encode, extended
from ecluse.passage.load import Mark

__all__ = [
    "KIND",
    "MARK",
    "Cut",
    "Piece",
    "cut",
    "deletion",
    "kind_tag",
    "mark_id",
    "mark_of",
    "mark_resource",
    "migration_tag",
    "put",
    "tagged",
    "transaction",
]

KIND: Final = f"{BASE}/CodeSystem/kind"
"""The tag by which the records of one kind are found again."""
MARK: Final = f"{BASE}/CodeSystem/mark"
OCTETS: Final = 8 << 20
"""So many octets to a transaction, unless one record alone has more."""


@dataclass(slots=True)
class Piece:
    """Records that go in one transaction: (kind, id) of each, the entries, and those that would undo them."""

    ids: list[tuple[str, str]] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=list)
    undo: list[bytes] = field(default_factory=list)
    octets: int = 0


Cut = tuple[tuple[str, str], Sequence[bytes], Sequence[bytes]]
"""One record: (kind, id), its entries, and those that would undo them."""


def cut(records: Iterable[Cut], *, entries: int) -> Iterator[Piece]:
    """The records in pieces of at most so many entries, one left for the mark."""
    piece = Piece()
    for made_up, lines, undo in records:
        weight = sum(map(len, lines))
        full = len(piece.entries) + len(lines) >= entries or piece.octets + weight > OCTETS
        if piece.ids and full:
            yield piece
            piece = Piece()
        piece.ids.append(made_up)
        piece.entries += lines
        piece.undo += undo
        piece.octets += weight
    if piece.ids:
        yield piece


def transaction(entries: Iterable[bytes]) -> bytes:
    """The Bundle of these entries."""
    return b'{"resourceType":"Bundle","type":"transaction","entry":[' + b",".join(entries) + b"]}"


def put(resource: Element) -> bytes:
    """The entry that makes or replaces a resource under its own id."""
    place = f"{resource['resourceType']}/{resource['id']}"
    return b'{"resource":%s,"request":{"method":"PUT","url":"%s"}}' % (
        encode(resource).encode(),
        place.encode(),
    )


def deletion(kind: str, made_up: str) -> bytes:
    """The entry that takes a resource out."""
    return b'{"request":{"method":"DELETE","url":"%s/%s"}}' % (kind.encode(), made_up.encode())


def kind_tag(kind: str) -> str:
    """The search value of a kind's tag."""
    return f"{KIND}|{kind}"


# --- marks ------------------------------------------------------------------------------------------------------------------------


def mark_id(mark: Mark) -> str:
    """The id of a batch's mark: of the batch, not of how far it has come."""
    said = json.dumps([mark.migration, mark.part, mark.kind, mark.start])
    return f"ecluse-{hashlib.sha256(said.encode()).hexdigest()[:48]}"


def migration_tag(migration: str) -> str:
    """The search value of the tag of all marks of a migration, whatever its name holds."""
    return f"{MARK}|{hashlib.sha256(migration.encode()).hexdigest()[:48]}"


def mark_resource(mark: Mark) -> Element:
    """A batch's mark as a Basic (R4, "Basic": for what no other resource says)."""
    said = [mark.migration, mark.part, mark.kind, mark.records, mark.start]
    return {
        "resourceType": "Basic",
        "id": mark_id(mark),
        "meta": {"tag": [{"system": MARK, "code": migration_tag(mark.migration).rpartition("|")[2]}]},
        "extension": [{"url": f"{BASE}/StructureDefinition/mark", "valueString": json.dumps(said)}],
        "code": {"coding": [{"system": MARK, "code": "batch"}]},
    }


def mark_of(resource: Element) -> Mark:
    """Its inverse. Raises ValueError, TypeError, KeyError where it is none of ours."""
    said: Any = extended(resource, "mark", "valueString")
    migration, part, kind, records, start = json.loads(said)
    return Mark(str(migration), int(part), str(kind), int(records), int(start))


def tagged(resource: Element, kind: str) -> Element:
    """The resource with the tag of its kind."""
    meta = resource.get("meta", {})
    return {**resource, "meta": {**meta, "tag": [{"system": KIND, "code": kind}]}}
