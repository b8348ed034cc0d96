"""The plan (« plan d'extraction »): an instruction compiled for one mapping, a frozen value from which everything else is read off.

The SQL, the source's least-privilege grants, the preview, the parcel's columns and the reconciliation all come from it; two engines run it
(the SQL connectors, and the memory connector as reference) and a generative test holds them equal. The plan cannot name what the
instruction does not. It decides which rows and fields leave and by which rule the others stay; it opens nothing.

The rules, in the order in which a row meets them; the first that holds is the reason the row stays:

 1. `scope/unknown`   the row's request, site or date cannot be told: it cannot be shown to be within the instruction
 2. `period`          the request's date is outside the period
 3. `site`            the request's site is not named
 4. `population`      (patients, prescribers) no request within the instruction refers to it, nor, for a prescriber, the treating doctor of a
                      patient who leaves, where that field is taken
 5. `category/<X>`    the row's own code, or that of a row it belongs to, carries a special category the instruction does not name
 6. `container/<X>`   an opaque document of a request of which any test or act carries such a category (law-and-laboratory 5, rule 4)
 7. `rehearsal`       outside the sample of a rehearsal

A free-text field that is named still does not leave for a request (for a patient's comment: a patient any of whose requests) that holds a
test of a category not named: the row leaves with the field empty, counted under `withheld/<X>`.
"""

from __future__ import annotations

from collections.abc import Mapping as Lookup
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.terms.codes import Classification
from ecluse.terms.instruction import Instruction
from ecluse.terms.mapping import BASE, KindMapping, Mapping, Reading
from ecluse.terms.vocabulary import Vocabulary

__all__ = ["ALL", "POPULATION_KINDS", "Plan", "Slice", "compile_plan", "read_back"]

POPULATION_KINDS: Final = ("prescriber", "patient")
"""Kinds with no site and no date of their own: they leave when a request within the instruction refers to them."""

ALL: Final = "*"
"""In `containers`: every container stays, because what the requests hold cannot be computed from this mapping."""

Codes = tuple[tuple[str, tuple[str, ...]], ...]
"""For each excluded category, the codes that carry it: (("HIV", ("VIH1", ...)), ...), each code under the first category that excludes it."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What of one record kind leaves: the named fields with their readings; which of them are free texts; whether it is a container.

    `site` reads the row's site: from its own columns, or its request's; none for kinds that have no site.
    """

    kind: str
    mapping: KindMapping
    fields: dict[str, Reading]
    free_texts: tuple[str, ...] = ()
    container: bool = False
    site: Reading | None = None

    @property
    def populated(self) -> bool:
        """Whether rows leave because a request refers to them, not by their own date and site."""
        return self.kind in POPULATION_KINDS


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a run needs to know. `excluded`: by classified field path (result.code, invoice.act), the codes of categories not named.

    `refused`: the special categories not named.

    `start` and `end` are inclusive dates of the request. `rehearse` is a number of patients, or 0 for all; `max_patients` is how many the laboratory expected at most. `read_back` is true for the plan
    that reads a target: no rule applies, every row counts.
    """

    instruction: str
    mapping: Mapping
    start: date
    end: date
    sites: tuple[str, ...]
    slices: tuple[Slice, ...]
    excluded: dict[str, Codes] = field(default_factory=dict)
    containers: tuple[str, ...] = ()
    classified: dict[str, frozenset[str]] = field(default_factory=dict)
    rehearse: int = 0
    read_back: bool = False
    max_patients: int | None = None
    refused: tuple[str, ...] = ()

    def slice(self, kind: str) -> Slice | None:
        """The slice of this kind, if the instruction takes it."""
        return next((piece for piece in self.slices if piece.kind == kind), None)

    @property
    def tests(self) -> tuple[KindMapping, ...]:
        """The mapped kinds whose codes say what a request holds: results and acts, whether or not they leave."""
        paths = dict.fromkeys(path.partition(".")[0] for path in self.excluded)
        return tuple(self.mapping.kinds[kind] for kind in paths if kind in self.mapping.kinds)


def compile_plan(
    *,
    instruction: Instruction,
    mapping: Mapping,
    classification: Classification,
    vocabulary: Vocabulary,
    rehearse: int = 0,
) -> Plan:
    """The plan of `instruction` for the system that `mapping` describes.

    Raises Refusal `plan/mapping-differs` (the instruction names another mapping), `plan/kind-not-mapped`, `plan/field-not-mapped`
    (something named would be lost), `plan/scope-not-reachable`, `plan/category-not-reachable`.
    """
    if instruction.source.mapping != mapping.digest:
        raise Refusal(
            "plan/mapping-differs",
            where=mapping.system,
            expected=instruction.source.mapping,
            got=mapping.digest,
        )
    slices = _slices(instruction.records, mapping, vocabulary)
    allowed = {special.category for special in instruction.special}
    refused = [category for category in vocabulary.special if category not in allowed]
    excluded = _excluded(mapping, classification, refused, vocabulary)
    _check_scope(slices, mapping)
    if any(excluded.values()):
        _check_inherits(slices, mapping)
    return Plan(
        instruction=instruction.digest,
        mapping=mapping,
        start=instruction.period.start,
        end=instruction.period.end,
        sites=tuple(instruction.sites),
        slices=slices,
        excluded=excluded,
        containers=() if excluded or not refused else (ALL,),
        classified={path: frozenset(classification.codes(path)) for path in excluded},
        rehearse=rehearse,
        max_patients=instruction.limits.max_patients,
        refused=tuple(refused),
    )


def read_back(
    *, records: Lookup[str, tuple[str, ...]], instruction: str, mapping: Mapping, vocabulary: Vocabulary
) -> Plan:
    """The plan that reads these fields back from a target, every row. Raises as `compile_plan` does."""
    return Plan(
        instruction=instruction,
        mapping=mapping,
        start=date.min,
        end=date.max,
        sites=(),
        slices=_slices(records, mapping, vocabulary),
        read_back=True,
    )


def _slices(
    records: Lookup[str, tuple[str, ...]], mapping: Mapping, vocabulary: Vocabulary
) -> tuple[Slice, ...]:
    slices = []
    for name, kind in vocabulary.kinds.items():
        if name not in records:
            continue
        if name not in mapping.kinds:
            raise Refusal("plan/kind-not-mapped", where=mapping.system, got=name)
        mapped = mapping.kinds[name]
        for field_name in records[name]:
            if field_name not in mapped.fields:
                raise Refusal("plan/field-not-mapped", where=mapping.system, got=f"{name}.{field_name}")
        named = [field for key, field in kind.fields.items() if key in records[name]]
        slices.append(
            Slice(
                kind=name,
                mapping=mapped,
                fields={field.name: mapped.fields[field.name] for field in named},
                free_texts=tuple(field.name for field in named if "FREE" in field.categories),
                container=any("DOC" in field.categories for field in named),
                site=_site(mapped, mapping),
            )
        )
    return tuple(slices)


def _site(kind: KindMapping, mapping: Mapping) -> Reading | None:
    """What reads the row's site: its own scope where that tells the date too, else its request."""
    own = kind.site if kind.date is not None else None
    request = mapping.kinds.get("request")
    reachable = request is not None and {"site", "date"} <= request.fields.keys()
    if kind.kind in POPULATION_KINDS or request is None or not reachable or (own and kind is not request):
        return own
    return request.fields["site"]


def _excluded(
    mapping: Mapping, classification: Classification, refused: list[str], vocabulary: Vocabulary
) -> dict[str, Codes]:
    """For each classified field the mapping holds, the codes of the refused categories, each once."""
    table: dict[str, Codes] = {}
    for kind in mapping.kinds.values():
        classified = vocabulary.kinds[kind.kind].classified
        if classified is None or classified.name not in kind.fields or "request" not in kind.fields:
            continue
        by_category: dict[str, list[str]] = {category: [] for category in refused}
        for code in sorted(classification.codes(classified.path)):
            first = next(
                (
                    category
                    for category in refused
                    if category in classification.categories(classified.path, code)
                ),
                None,
            )
            if first:
                by_category[first].append(code)
        table[classified.path] = tuple(
            (category, tuple(codes)) for category, codes in by_category.items() if codes
        )
    return table


def _check_inherits(slices: tuple[Slice, ...], mapping: Mapping) -> None:
    """An isolate takes on its culture's categories, a susceptibility its isolate's: without the link, nothing shows that they may leave."""
    links = {"isolate": "result", "susceptibility": "isolate"}
    for piece in slices:
        link = links.get(piece.kind)
        if link is not None and (link not in piece.mapping.fields or link not in mapping.kinds):
            raise Refusal(
                "plan/category-not-reachable", where=f"{mapping.system}: {piece.kind}", expected=link
            )


def _check_scope(slices: tuple[Slice, ...], mapping: Mapping) -> None:
    """Site and date of every row can be told: from its own columns, or from the own columns of its request."""
    request = mapping.kinds.get("request")
    reachable = request is not None and all(
        name in request.fields and all(column.alias == BASE for column in request.fields[name].columns)
        for name in ("id", "site", "date")
    )
    for piece in slices:
        own = piece.mapping.site is not None and piece.mapping.date is not None
        if piece.kind == "request" and not own and not {"site", "date"} <= piece.mapping.fields.keys():
            raise Refusal("plan/scope-not-reachable", where=f"{mapping.system}: {piece.kind}")
        if piece.populated:
            if not reachable or request is None or "patient" not in request.fields:
                raise Refusal("plan/scope-not-reachable", where=f"{mapping.system}: {piece.kind}")
        elif piece.kind != "request" and not own and not (reachable and "request" in piece.mapping.fields):
            raise Refusal("plan/scope-not-reachable", where=f"{mapping.system}: {piece.kind}")
