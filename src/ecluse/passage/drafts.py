"""What a person starts from: the local codes seen in a source, the sites, and an instruction to complete (« brouillons »).

Reads codes, labels and sites of a source, never a patient's record, and proposes. It decides nothing: a code's categories are left for the biologist
to write (a line without them is refused), and an instruction is worth nothing until it is read and signed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping as Lookup
from dataclasses import dataclass
from datetime import date

from ecluse.base.refusal import Refusal
from ecluse.base.words import number, say
from ecluse.passage.authority import AGREEMENT_SIGNED, CODES_SIGNED, RECIPIENT_COMPARED, signed_agreement
from ecluse.passage.canonical import canonical
from ecluse.passage.extract import Snapshot
from ecluse.passage.site import Site
from ecluse.terms.codes import SYSTEMS
from ecluse.terms.instruction import (
    Controller,
    Instruction,
    Limits,
    Period,
    Processor,
    Recipient,
    Sample,
    SourceAfter,
    System,
    without_lone_ins,
)
from ecluse.terms.mapping import Mapping
from ecluse.terms.plan import read_back
from ecluse.terms.vocabulary import Vocabulary
from ecluse.terms.writing import comment, entry

__all__ = [
    "Answers",
    "SeenCode",
    "codes_draft",
    "instruction_draft",
    "seen_codes",
    "seen_sites",
    "shared_records",
]

_LABELS = {"result": "label"}
"""Where the words beside a classified code stand, by record kind."""


@dataclass(frozen=True, slots=True, order=True)
class SeenCode:
    """A local code as the source holds it: its list ("test" or "act"), its most frequent label, how many rows carry it."""

    system: str
    code: str
    label: str
    rows: int


def seen_codes(snapshot: Snapshot, mapping: Mapping, *, vocabulary: Vocabulary) -> list[SeenCode]:
    """Every code of every classified field that the mapping describes, whatever its date or site."""
    seen: list[SeenCode] = []
    for path, system in SYSTEMS.items():
        kind, _, name = path.partition(".")
        mapped = mapping.kinds.get(kind)
        if mapped is None or name not in mapped.fields:
            continue
        label = _LABELS.get(kind, "")
        names = ("id", name, label) if label in mapped.fields else ("id", name)
        counted: dict[str, Counter[str]] = {}
        for code, words in _pairs(snapshot, mapping, kind, names, vocabulary=vocabulary).items():
            counted.setdefault(code[0], Counter())[code[-1]] += words
        seen += [
            SeenCode(system, code, labels.most_common(1)[0][0] or code, labels.total())
            for code, labels in counted.items()
            if code
        ]
    return sorted(seen)


def seen_sites(snapshot: Snapshot, mapping: Mapping, *, vocabulary: Vocabulary) -> dict[str, int]:
    """Every site of the requests, with how many requests are of it."""
    sites: Counter[str] = Counter()
    for values, rows in _pairs(snapshot, mapping, "request", ("id", "site"), vocabulary=vocabulary).items():
        sites[values[0]] += rows
    sites.pop("", None)
    return dict(sorted(sites.items()))


def _pairs(
    snapshot: Snapshot, mapping: Mapping, kind: str, names: tuple[str, ...], *, vocabulary: Vocabulary
) -> Counter[tuple[str, ...]]:
    """The values of `names` (but the first, the id) together, with how many rows carry them."""
    plan = read_back(records={kind: names}, instruction="", mapping=mapping, vocabulary=vocabulary)
    found: Counter[tuple[str, ...]] = Counter()
    for raw in snapshot.rows(plan, plan.slices[0]):
        moved = canonical(raw, plan.slices[0], vocabulary=vocabulary, lost={}).moved
        columns = [moved.column(name).fill_null("").to_pylist() for name in names[1:]]
        found.update(zip(*columns, strict=True))
    return found


def codes_draft(seen: list[SeenCode], *, language: str) -> str:
    """The classification to complete: each code with its label, and no categories, so that none is decided by saying nothing."""
    lines = comment(say("cli.codes_head", language))
    for one in seen:
        lines += [
            "",
            f"# {say('cli.codes_rows', language, rows=number(one.rows, language))}",
            "[[code]]",
            *entry("system", one.system),
            *entry("code", one.code),
            *entry("label", one.label),
            "# categories = []",
        ]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person says that the ledger and the mappings do not."""

    id: str
    version: int
    purpose: str
    period: tuple[date, date]
    sites: tuple[str, ...]
    limits: Limits
    person: str
    organisation: str
    country: str
    supersedes: str | None = None


def instruction_draft(
    site: Site, answers: Answers, *, source: Mapping, target: Mapping, vocabulary: Vocabulary
) -> Instruction:
    """An instruction from the documents signed last, the key compared last and `answers`. Raises Refusal `door/nothing-to-draft`."""
    last = {
        act: next((str(body[key]) for body in reversed(site.bodies(act))), "")
        for act, key in (
            (AGREEMENT_SIGNED, "document"),
            (CODES_SIGNED, "document"),
            (RECIPIENT_COMPARED, "certificate"),
        )
    }
    if not all(last.values()):
        raise Refusal("door/nothing-to-draft", got=", ".join(act for act, found in last.items() if not found))
    agreement = signed_agreement(site, last[AGREEMENT_SIGNED], at=site.clock())
    return Instruction(
        id=answers.id,
        version=answers.version,
        supersedes=answers.supersedes,
        purpose=answers.purpose,
        agreement=last[AGREEMENT_SIGNED],
        codes=last[CODES_SIGNED],
        controller=Controller(agreement.controller.legal_name, agreement.controller.id, answers.country),
        processor=Processor(agreement.processor.legal_name, answers.country),
        source=System(source.system, source.digest),
        target=System(target.system, target.digest),
        period=Period("request.date", *answers.period),
        sites=answers.sites,
        records=shared_records(source, target, vocabulary=vocabulary),
        recipients=(
            Recipient(last[RECIPIENT_COMPARED], answers.person, answers.organisation, answers.country),
        ),
        limits=answers.limits,
        source_after=SourceAfter("keep"),
        acceptance=Sample(20, 7),
    )


def shared_records(
    source: Mapping, target: Mapping, *, vocabulary: Vocabulary
) -> Lookup[str, tuple[str, ...]]:
    """Every field that both systems hold, but free texts, documents, ways to reach people and an INS whose status is not told: a start, to be cut down."""
    held_back = {"FREE", "DOC", "CT"}
    records = {}
    for name, kind in vocabulary.kinds.items():
        if name not in source.kinds or name not in target.kinds:
            continue
        if any("DOC" in field.categories for field in kind.fields.values()):
            continue
        both = tuple(
            field.name
            for field in kind.fields.values()
            if field.name in source.kinds[name].fields
            and field.name in target.kinds[name].fields
            and not field.categories & held_back
        )
        if both:
            records[name] = without_lone_ins(name, both)
    return records
