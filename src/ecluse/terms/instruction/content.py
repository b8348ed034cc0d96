"""What an instruction says, as frozen values. Nothing here is implied: every value was written by somebody and signed.

Decides what follows from the content alone (how many must sign, which fields are taken). It does not check it: `grammar` and `naming` do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final, Literal

__all__ = [
    "DISPOSITIONS",
    "PERIODS",
    "AcceptedExcess",
    "Controller",
    "Instruction",
    "Limits",
    "NamedField",
    "Period",
    "Processor",
    "Recipient",
    "Sample",
    "SourceAfter",
    "SpecialCategory",
    "System",
]

PERIODS: Final = ("request.date",)
"""The dates on which a period may be asked for."""

Disposition = Literal["keep", "archive", "erase"]
DISPOSITIONS: Final[tuple[Disposition, ...]] = ("keep", "archive", "erase")
"""What becomes of the source of record after the migration."""


@dataclass(frozen=True, slots=True)
class Controller:
    """The laboratory that decides (« responsable de traitement »): name, FINESS number, ISO 3166 country."""

    name: str
    finess: str
    country: str


@dataclass(frozen=True, slots=True)
class Processor:
    """Who acts for it (« sous-traitant »). `third_country_reason` is needed outside the European Economic Area."""

    name: str
    country: str
    third_country_reason: str | None = None


@dataclass(frozen=True, slots=True)
class System:
    """One of the two systems: its name, and the digest of the mapping that describes it."""

    system: str
    mapping: str


@dataclass(frozen=True, slots=True)
class Period:
    """The days, both included, and the date of a record to which they apply."""

    on: str
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class SpecialCategory:
    """A special category (« catégorie particulière ») that leaves, and the reason why it must."""

    category: str
    reason: str


@dataclass(frozen=True, slots=True)
class NamedField:
    """A free text or document field (`kind.field`) that leaves, and the reason why it must."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who may open what leaves: the digest of the certified key, the person, the organisation, the country."""

    certificate: str
    person: str
    organisation: str
    country: str
    third_country_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """From when, until when (UTC; `not_after` is the first instant too late), how many runs, how long copies live, how many patients."""

    not_before: datetime
    not_after: datetime
    runs: int
    time_to_live_days: int
    max_patients: int

    def end(self, *, read: datetime | None) -> datetime:
        """The first instant at which nothing of a migration may be kept any more: from its first reading on, or the instruction's own end if it read nothing."""
        return read + timedelta(days=self.time_to_live_days) if read else self.not_after


@dataclass(frozen=True, slots=True)
class SourceAfter:
    """What becomes of the source: kept, archived or erased; who keeps the legal archive, until when, under which law."""

    disposition: str
    keeper: str | None = None
    until: date | None = None
    legal_basis: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """The patients that a biologist will compare side by side: how many, and the seed that chooses them."""

    size: int
    seed: int


@dataclass(frozen=True, slots=True)
class AcceptedExcess:
    """A privilege beyond the plan that the source's account has, accepted by its exact name and with a reason."""

    privilege: str
    reason: str


@dataclass(frozen=True, slots=True)
class Instruction:
    """A whole instruction; two texts that say the same compare equal.

    `records` gives the fields taken of each kind, both in the vocabulary's order. `digest` (« empreinte ») is that of the exact bytes.
    """

    id: str
    version: int
    purpose: str
    agreement: str
    codes: str
    controller: Controller
    processor: Processor
    source: System
    target: System
    period: Period
    sites: tuple[str, ...]
    records: Mapping[str, tuple[str, ...]] = field(hash=False)
    recipients: tuple[Recipient, ...]
    limits: Limits
    source_after: SourceAfter
    acceptance: Sample
    special: tuple[SpecialCategory, ...] = ()
    free_text: tuple[NamedField, ...] = ()
    documents: tuple[NamedField, ...] = ()
    accepts_excess: tuple[AcceptedExcess, ...] = ()
    supersedes: str | None = None
    digest: str = field(default="", compare=False)

    @property
    def threshold(self) -> int:
        """How many different persons must sign: two as soon as a special category, free text or a document is named."""
        return 2 if self.special or self.free_text or self.documents else 1

    @property
    def fields(self) -> frozenset[str]:
        """Every field that may leave, as `kind.field`."""
        return frozenset(f"{kind}.{name}" for kind, names in self.records.items() for name in names)

    @property
    def categories(self) -> frozenset[str]:
        """The special categories named."""
        return frozenset(named.category for named in self.special)

    def fields_of(self, kind: str) -> tuple[str, ...]:
        """The fields taken of one kind, in the vocabulary's order; none if it is not named."""
        return self.records.get(kind, ())

    def accepts(self, privilege: str) -> bool:
        """Whether an excess privilege is accepted, by its exact name."""
        return any(accepted.privilege == privilege for accepted in self.accepts_excess)
