"""Containers (« documents opaques ») at gate 1: each is opened before it is sealed, and what the instruction does not name stays.

Decides whether what was found in a document may leave: content that no instruction lets pass (an archive, a bomb), that cannot be read, that
shows an identity or contact field which is not named, or that holds a special category which is not named, is refused with a stable reason and
its row is rejected. The categories of the whole request still hold first (rule 6 of the plan): a document whose request holds an excluded test
is not even read. How a document is opened and filtered is an adapter's, behind `DocumentOpener`; this module reads no format.

The octets decide what a document is, never the media type that stands beside it: a label may lie.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from ecluse.terms.plan import Plan, Slice
from ecluse.terms.shown import presumed, shown, terms_in, unreadable
from ecluse.terms.vocabulary import Vocabulary, vocabulary

__all__ = ["SHUT", "Allowed", "Contents", "DocumentOpener", "Found", "open_contents"]

REFUSED: Final = "content: "
"""How the reason of a refused document begins."""

_INSIDE: Final = r"JVBERi0|PD94bWw|PENsaW5pY2Fs|UEsDB|H4sI|e1xydGY|0M8R4KGxGuE|TVNIf|%PDF-|<\?xml|<ClinicalDocument|\{\\rtf"
"""How a PDF, XML, zip, gzip, RTF, OLE or HL7 file begins, in clear and in base64 (RFC 4648, 4)."""
_SHORTEST: Final = 200
"""No such file is shorter, in octets."""


class Found(NamedTuple):
    """What an opener found. `form`: "pdf", "cda", "text"...; `content`: the octets that may leave, filtered where the form allows it.

    `text`: everything that `content` still shows and that no field accounts for; None when it cannot be read, and `why` then says why
    ("encrypted", "scan", "damaged"...). `never`: a reason to refuse that no instruction lifts ("archive"...). `removed`: elements taken out
    or blanked. `codes`: the test codes it holds. `names_seen`: the form says what is a name, so that none is presumed in `text`.
    `inside`: what files lay in it and whether they left with it ("pdf in cda: refused").
    """

    form: str
    content: bytes
    text: str | None = None
    why: str = ""
    never: str = ""
    removed: int = 0
    codes: frozenset[str] = frozenset()
    names_seen: bool = False
    inside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Allowed:
    """What of a document may leave. `named`: the paths that the instruction names; `categories`: the special ones it does not; `codes`: local
    codes of these, by code.
    """

    named: frozenset[str]
    categories: frozenset[str] = frozenset()
    codes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan) -> Allowed:
        """As the plan of an instruction says."""
        named = frozenset(f"{piece.kind}.{name}" for piece in plan.slices for name in piece.fields)
        codes = {
            code: category
            for table in plan.excluded.values()
            for category, listed in table
            for code in listed
        }
        return cls(named, frozenset(plan.refused), codes)

    def why_not(self, found: Found) -> str:
        """Why this content may not leave, "" if it may: `archive`, `unreadable (scan)`, `holds patient.address`, `category HIV`..."""
        if found.never:
            return found.never
        held = {self.codes[code] for code in found.codes & self.codes.keys()}
        if found.text is None:
            if held:
                return _categories(held)
            return "" if unreadable() <= self.named else f"unreadable ({found.why})"
        held |= terms_in(found.text) & self.categories
        if held:
            return _categories(held)
        needed = shown(found.text) | (frozenset() if found.names_seen else presumed())
        missing = needed - self.named
        return f"holds {', '.join(_in_order(missing))}" if missing else ""

    @property
    def everything(self) -> bool:
        """Whether no field that a document may show is kept back: a signed original then leaves as it was signed."""
        fields = [field for kind in vocabulary().kinds.values() for field in kind.fields.values()]
        others = {field.path for field in fields if field.categories & {"PRO", "FREE"}}
        return unreadable() | others <= self.named


class DocumentOpener(Protocol):
    """Opens one document and filters it where its form can be filtered. Contract suite: tests/ports/test_opener.py."""

    def open(self, content: bytes, *, allowed: Allowed) -> Found:
        """What the document holds. Bounded in time and memory; never raises for what the octets are."""
        ...


class _Shut:
    """The opener that opens nothing: every document is refused. What a run does that was given no other."""

    def open(self, content: bytes, *, allowed: Allowed) -> Found:  # noqa: ARG002 - whatever it allows
        return Found("closed", content, never="not-opened")


SHUT: Final[DocumentOpener] = _Shut()


@dataclass(frozen=True, slots=True)
class Contents:
    """The documents of one raw batch, opened: by field, the column that may leave; the reason of each refused row; rows by form and fate."""

    columns: dict[str, pa.Array]
    reason: pa.Array
    counts: Counter[str]


def open_contents(
    raw: pa.RecordBatch, piece: Slice, *, opener: DocumentOpener, allowed: Allowed, vocabulary: Vocabulary
) -> Contents:
    """Open every document of a raw batch, and find those hidden in its texts."""
    reason = pa.nulls(raw.num_rows, pa.string())
    columns: dict[str, pa.Array] = {}
    counts: Counter[str] = Counter()
    for name in piece.fields:
        kind = vocabulary.kinds[piece.kind].fields[name].type
        if kind == "bytes":
            columns[name], why = _opened(raw.column(name), opener, allowed, counts)
            reason = pc.coalesce(reason, why)
        elif pa.types.is_string(raw.column(name).type):
            hidden = _hidden(raw.column(name), name)
            reason = reason if hidden is None else pc.coalesce(reason, hidden)
    return Contents(columns, reason, counts)


def _opened(
    column: pa.Array, opener: DocumentOpener, allowed: Allowed, counts: Counter[str]
) -> tuple[pa.Array, pa.Array]:
    contents: list[bytes | None] = []
    reasons: list[str | None] = []
    for octets in (value.as_py() for value in column.cast(pa.binary())):
        if not octets:
            contents.append(octets)
            reasons.append(None)
            continue
        found = opener.open(octets, allowed=allowed)
        why = allowed.why_not(found)
        fate = "refused" if why else "filtered" if found.removed else "whole"
        counts[f"{found.form}: {fate}"] += 1
        counts.update(() if why else found.inside)
        contents.append(None if why else found.content)
        reasons.append(REFUSED + why if why else None)
    return pa.array(contents, pa.binary()), pa.array(reasons, pa.string())


def _hidden(column: pa.Array, name: str) -> pa.Array | None:
    """A reason for each text that is, or carries, a file: nobody named it as a document, and nothing opens it there. None: no text is that long."""
    if (pc.max(pc.binary_length(column)).as_py() or 0) < _SHORTEST:
        return None
    long = pc.greater_equal(pc.binary_length(column), _SHORTEST)
    inside = pc.and_(long, pc.match_substring_regex(column, _INSIDE))
    nothing = pa.nulls(len(column), pa.string())
    return pc.if_else(pc.fill_null(inside, fill_value=False), f"{name}: document-in-text", nothing)


def _in_order(paths: frozenset[str]) -> list[str]:
    """In the vocabulary's order, so that a reason is always told the same way."""
    return [
        each.path
        for kind in vocabulary().kinds.values()
        for each in kind.fields.values()
        if each.path in paths
    ]


def _categories(held: set[str]) -> str:
    return f"category {', '.join(sorted(held))}"
