"""The profile of a system (« profil ») : what its tables hold, without saying whom.

Decides what may be shown: no value seen fewer than five times, none at all of a column that holds a person's data, free text or a secret;
shapes instead. Pure: an adapter gives samples, read on a budget. What to make of it, `draft` proposes and a person decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ecluse.terms.catalogue import CatalogueColumn, CatalogueTable, ForeignKey, TypeFamily
from ecluse.terms.named_persons import names_a_person
from ecluse.terms.recognise import ABSENT, PERSONAL, Finding, recognise, shape
from ecluse.terms.secrets import compressed, looks_secret

__all__ = ["LEAST_SEEN", "ColumnProfile", "Profile", "TableProfile", "profile_table"]

LEAST_SEEN: Final = 5
"""A value seen fewer times than this is hidden (users-and-products 2.B: minimum cell count)."""

MOST_VALUES: Final = 20
LONGEST_SHOWN: Final = 40
MOST_DISTINCT: Final = 400
"""A column with more different values than this names things or people one by one: it is no code, and none is shown."""

PERSONAL_NAMES: Final = (
    "nom", "prenom", "name", "naiss", "birth", "adr", "address", "street", "ville", "city", "tel", "phone", "mail", "mel", "nss", "nir", "ins",
    "secu", "login", "compte", "comm", "note", "reponse", "answer", "gps", "external", "national", "rens",
    "clin", "motif", "obs", "remarq", "text", "valid", "sign",
)  # fmt: skip
"""Parts of names whose values are hidden even if nothing is recognised in them, and the lexicon does not know the name."""


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column. `nulls`: share absent, 0 to 1. `distinct`: different values in the sample. Lengths in characters or bytes.

    `frequent`: (value, times seen), each at least five times; `hidden`: how many different values are not shown; `shapes`: (shape, times seen);
    `absents`: texts that stand for nothing, seen at least five times; `secret`: why it is taken for one.
    """

    name: str
    family: TypeFamily
    native: str
    seen: int
    nulls: float
    distinct: int
    shortest: int
    longest: int
    frequent: tuple[tuple[str, int], ...] = ()
    hidden: int = 0
    shapes: tuple[tuple[str, int], ...] = ()
    absents: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    secret: str | None = None

    def finding(self, what: str) -> Finding | None:
        """What was recognised under this name, if it was."""
        return next((finding for finding in self.findings if finding.what == what), None)


@dataclass(frozen=True, slots=True)
class TableProfile:
    """One table: rows as the system estimates or counts them, rows sampled, keys, columns in the system's order."""

    name: str
    rows: int
    sampled: int
    primary_key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]
    columns: dict[str, ColumnProfile] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """One system. `skipped`: tables that the budget of time did not reach, said aloud. `decided`: for each table of a file, what the file does not say
    of itself and was found (encoding, separator, head...), by the name of the decision.
    """

    system: str
    dialect: str
    tables: dict[str, TableProfile] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    decided: dict[str, dict[str, str]] = field(default_factory=dict)


def profile_table(table: CatalogueTable, *, rows: int, sample: dict[str, Sequence[object]]) -> TableProfile:
    """The profile of a table from a sample of its rows, as columns of Python values (None where absent)."""
    sampled = max((len(values) for values in sample.values()), default=0)
    columns = {
        name: _column(table.columns[name], values, key=name in table.primary_key)
        for name, values in sample.items()
    }
    _answers(columns)
    return TableProfile(table.name, rows, sampled, table.primary_key, table.foreign_keys, columns)


def _column(column: CatalogueColumn, values: Sequence[object], *, key: bool) -> ColumnProfile:
    present = [value for value in values if value is not None]
    texts = [
        value if isinstance(value, str) else str(value) for value in present if not isinstance(value, bytes)
    ]
    counts = Counter(texts)
    findings = recognise(present, distinct=len(counts))
    secret = looks_secret(column.name, present)
    lengths = [len(value) if isinstance(value, str | bytes) else len(str(value)) for value in present]
    many = len(counts) > MOST_DISTINCT or len(counts) * 4 > len(texts)
    # One character is a code, of nobody: old systems name even those after what they qualify (STAINS, the INS's status).
    code = max(lengths, default=0) <= 1
    quiet = key or many or secret is not None or (not code and _personal(column, findings))
    often = [
        (value, times)
        for value, times in counts.most_common(MOST_VALUES)
        if times >= LEAST_SEEN and len(value) <= LONGEST_SHOWN
    ]
    frequent = () if quiet else tuple(often)
    forms = Counter(map(shape, texts)) if not secret else Counter[str]()
    return ColumnProfile(
        name=column.name, family=column.family, native=column.native, seen=len(values),
        nulls=1 - len(present) / len(values) if values else 0.0, distinct=len(counts), shortest=min(lengths, default=0),
        longest=max(lengths, default=0), frequent=frequent, hidden=len(counts) - len(frequent),
        shapes=tuple((form, times) for form, times in forms.most_common(5) if times >= LEAST_SEEN),
        absents=tuple(text for text in ABSENT if counts[text] >= LEAST_SEEN), findings=findings, secret=secret,
    )  # fmt: skip


def _personal(column: CatalogueColumn, findings: tuple[Finding, ...]) -> bool:
    """Whether values of this column may not be shown, however often they are seen."""
    if column.family in ("date", "datetime") or any(finding.what in PERSONAL for finding in findings):
        return True
    if names_a_person(column.name):
        return True
    whole = compressed(column.name)
    return any(part in whole for part in PERSONAL_NAMES)


def _answers(columns: dict[str, ColumnProfile]) -> None:
    """Beside a question, an answer is a secret one; beside a secret, so is the name one enters with."""
    whole = {compressed(name): name for name in columns}
    questions = any("question" in name for name in whole)
    entered = any(column.secret for column in columns.values())
    for short, name in whole.items():
        answers = questions and short.startswith(("reponse", "answer", "question"))
        enters = entered and short in ("login", "loginname", "username", "identifiant", "logname")
        if columns[name].secret is None and (answers or enters):
            columns[name] = _silenced(columns[name], "beside a question" if answers else "beside a secret")


def _silenced(column: ColumnProfile, reason: str) -> ColumnProfile:
    return ColumnProfile(
        column.name, column.family, column.native, column.seen, column.nulls, column.distinct, column.shortest, column.longest,
        hidden=column.distinct, secret=reason,
    )  # fmt: skip
