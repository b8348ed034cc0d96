"""The code map (« correspondance des codes »): for each local code, with its unit, the LOINC or NABM code that a person chose, signed.

Decides which decisions count: those of a document that a head biologist signed, each with who decided and why; what is undecided maps nothing. A
decision that the unit forbids is refused. It says nothing of special categories: that is the classification (`terms.codes`), another document,
because a code may be mapped later, or otherwise, without ordering anew what may leave. Sources: CSP L.6211-11; LOINC Users' Guide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.base.words import say, sentences
from ecluse.people.person import Person, may
from ecluse.people.role import Permission
from ecluse.terms.code_map.propose import LISTS, Likelihood, LocalTest, Proposal, Reason
from ecluse.terms.code_map.targets import NOTICE, System, well_formed
from ecluse.terms.codes import SYSTEMS
from ecluse.terms.document import DIGEST, Table, digest_of, quoted, read
from ecluse.terms.writing import comment, entry

__all__ = [
    "NONE",
    "CodeMap",
    "Decision",
    "Draft",
    "Line",
    "Offered",
    "drafted",
    "is_code_map",
    "parse",
    "read_draft",
    "reason",
    "render",
]

NONE: Final = "none"
"""A decision too: no code of the list is this one."""

_PERSON: Final = re.compile(r"p-[0-9a-z]{4,32}")
_MOST_ROWS: Final = 10**12


@dataclass(frozen=True, slots=True)
class Offered:
    """One proposal as the document keeps it: the target, its name, how likely in words, why in words."""

    target: str
    name: str
    likelihood: Likelihood
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person chose: a target of the list, or `NONE`; by whom (their pseudonym); why, in their words."""

    target: str
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Line:
    """One local code with one unit: what was offered, and what was decided, if anything was."""

    local: LocalTest
    offered: tuple[Offered, ...] = ()
    decision: Decision | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from the others: its list, its code, its unit."""
        return self.local.system, self.local.code, self.local.unit


@dataclass(frozen=True, slots=True)
class Draft:
    """A code map as a person works on it; `catalogues`: the files that proposals came from, as `name sha256:...`."""

    lines: tuple[Line, ...]
    catalogues: tuple[str, ...] = ()
    loinc: bool = False

    @property
    def undecided(self) -> tuple[Line, ...]:
        """The lines on which nobody decided."""
        return tuple(line for line in self.lines if line.decision is None)

    def decided(self, key: tuple[str, str, str], decision: Decision | None) -> Draft:
        """The same with one line decided, or undecided again. Raises as `check_decision`."""
        lines = tuple(replace(line, decision=decision) if line.key == key else line for line in self.lines)
        for line in lines:
            check_decision(line)
        return replace(self, lines=lines)


@dataclass(frozen=True, slots=True)
class CodeMap:
    """What a signed document maps. `digest` is that of the exact bytes that were signed."""

    targets: Mapping[tuple[str, str, str], tuple[System, str]] = field(hash=False)
    digest: str = field(default="", compare=False)

    def coding(self, system: str, code: str, unit: str | None = None) -> tuple[System, str] | None:
        """The list and code chosen for a local code in this unit; None where nobody decided, or where no code is right."""
        return self.targets.get((system, code, unit or ""))

    def of(self, kind: str, record: Mapping[str, object]) -> tuple[System, str] | None:
        """What was chosen for a record's own code in its unit; None where its kind has no local code, too."""
        for path, system in SYSTEMS.items():
            classified, _, name = path.partition(".")
            if kind == classified and record.get(name):
                unit = record.get("unit")
                return self.coding(system, str(record[name]), None if unit is None else str(unit))
        return None


def reason(said: Reason, language: str) -> str:
    """A reason in words."""
    values = {
        key: _measured(value, language) if said.key.startswith("unit") else value
        for key, value in said.values
    }
    return say(f"codes.reason_{said.key}", language, **values)


def _measured(formula: str, language: str) -> str:
    """A dimension in words where there are some: M/L3 is a mass by volume."""
    spoken = {one: f"codes.measured_{one.replace('/', '_')}" for one in formula.split(" | ")}
    return " / ".join(say(key, language) if key in sentences() else one for one, key in spoken.items())


def drafted(
    proposals: Mapping[LocalTest, Iterable[Proposal]],
    *,
    catalogues: Iterable[str],
    language: str,
    before: Draft | None = None,
) -> Draft:
    """A draft to decide on: what is proposed for each local code; what was decided `before` stays decided."""
    known = {line.key: line.decision for line in before.lines} if before else {}
    lines, loinc = [], False
    for local, offered in proposals.items():
        kept = tuple(
            Offered(
                one.target.code,
                one.target.name,
                one.likelihood,
                tuple(reason(why, language) for why in one.reasons),
            )
            for one in offered
        )
        loinc = loinc or (LISTS[local.system] == "loinc" and bool(kept))
        lines.append(Line(local, kept, known.get((local.system, local.code, local.unit))))
    return Draft(tuple(lines), tuple(catalogues), loinc)


def is_code_map(payload: bytes) -> bool:
    """Whether these bytes say of themselves that they are a code map, and not a classification. Raises Refusal `document/...`."""
    return read(payload, where="codes").has("code-map")


def read_draft(payload: bytes) -> Draft:
    """The code map in these bytes, signed or not. Raises Refusal `codes/decided-twice`, `codes/not-a-target`, `codes/another-dimension`, `document/...`."""
    table = read(payload, where="codes")
    head = table.table("code-map")
    head.integer("version", least=1, most=1)
    loinc = head.has("notice")
    if loinc:
        head.text("notice")
    catalogues = head.texts("catalogues")
    for each in catalogues:
        if not DIGEST.search(each):
            head.refuse("catalogues", "a name, then sha256:<64 digits>")
    head.end()
    lines: dict[tuple[str, str, str], Line] = {}
    for row in table.tables("code"):
        line = _line(row)
        if line.key in lines:
            raise Refusal("codes/decided-twice", where=row.where, got=quoted(line.local.code))
        check_decision(line)
        lines[line.key] = line
    table.end()
    return Draft(tuple(lines.values()), catalogues, loinc)


def parse(payload: bytes, *, signers: Iterable[Person]) -> CodeMap:
    """The code map in verified bytes. Raises Refusal `codes/map-not-signed` unless one signer may sign codes, and those of `read_draft`."""
    if not any(may(person, Permission.SIGN_CODES) for person in signers):
        raise Refusal("codes/map-not-signed")
    chosen = {
        line.key: (LISTS[line.local.system], line.decision.target)
        for line in read_draft(payload).lines
        if line.decision is not None and line.decision.target != NONE
    }
    return CodeMap(MappingProxyType(chosen), digest_of(payload))


def check_decision(line: Line) -> None:
    """Raise Refusal `codes/not-a-target` for what is no code of the list, `codes/another-dimension` for a target that the unit forbids."""
    if line.decision is None or line.decision.target == NONE:
        return
    system, target = LISTS[line.local.system], line.decision.target
    if not well_formed(system, target):
        raise Refusal(
            "codes/not-a-target", where=line.local.code, got=quoted(target), expected=system.upper()
        )
    against = next(
        (one for one in line.offered if one.target == target and one.likelihood is Likelihood.FORBIDDEN), None
    )
    if against is not None:
        raise Refusal("codes/another-dimension", where=line.local.code, unit=line.local.unit, got=target)


def _line(row: Table) -> Line:
    system = row.choice("system", tuple(LISTS))
    local = LocalTest(
        system=system,
        code=row.exact("code"),
        unit=row.exact("unit") if row.has("unit") else "",
        label=row.text("label") if row.has("label") else "",
        specimen=row.text("specimen") if row.has("specimen") else "",
        method=row.text("method") if row.has("method") else "",
        rows=row.integer("rows", least=0, most=_MOST_ROWS) if row.has("rows") else 0,
    )
    offered = tuple(_offered(one) for one in row.tables("proposal"))
    decision = None
    if row.has("decision"):
        made = row.table("decision")
        decision = Decision(made.text("target"), made.shaped("by", _PERSON), made.text("why", least=3))
        made.end()
    row.end()
    return Line(local, offered, decision)


def _offered(table: Table) -> Offered:
    one = Offered(
        table.text("target"),
        table.text("name"),
        Likelihood(table.choice("likelihood", tuple(Likelihood))),
        table.texts("reasons"),
    )
    table.end()
    return one


def render(draft: Draft, *, language: str) -> str:
    """The document to decide on and to sign: what is undecided first, then what was decided, each with what was offered."""
    lines = [
        *comment(say("codes.map_head", language)),
        "",
        "[code-map]",
        "version = 1",
        *entry("catalogues", draft.catalogues),
        *(entry("notice", NOTICE) if draft.loinc else []),
    ]
    for line in sorted(draft.lines, key=lambda one: (one.decision is not None, one.key)):
        lines += ["", *_written(line, language)]
    return "\n".join(lines) + "\n"


def _written(line: Line, language: str) -> list[str]:
    local = line.local
    lines = ["[[code]]", *entry("system", local.system), *entry("code", local.code)]
    for key in ("unit", "label", "specimen", "method"):
        lines += entry(key, getattr(local, key) or None)
    lines += entry("rows", local.rows or None)
    for one in line.offered:
        lines += ["  [[code.proposal]]"]
        lines += [f"  {text}" for text in (*entry("target", one.target), *entry("name", one.name))]
        lines += [
            f"  {text}"
            for text in (*entry("likelihood", str(one.likelihood)), *entry("reasons", one.reasons))
        ]
    if line.decision is None:
        return [
            *lines,
            *(
                f"  # {text}"
                for text in (
                    say("codes.map_undecided", language),
                    "[code.decision]",
                    'target = ""',
                    'by = ""',
                    'why = ""',
                )
            ),
        ]
    chosen = line.decision
    return [
        *lines,
        "  [code.decision]",
        *(f"  {text}" for key in ("target", "by", "why") for text in entry(key, getattr(chosen, key))),
    ]
