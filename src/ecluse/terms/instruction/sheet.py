"""The page that a biologist reads before signing: who, what will leave, what will not, until when, and what happens next.

Decides the sentences, in the words of the laboratory; doors decide how they look. Counts come from the plan's preview, where one was made.
It says nothing that the instruction does not: every line is read off the value that was signed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ecluse.base.words import day, instant, number, say
from ecluse.terms.codes import SYSTEMS, Classification
from ecluse.terms.instruction.content import Instruction, Recipient
from ecluse.terms.vocabulary import Kind, Vocabulary

__all__ = ["Line", "Preview", "Section", "page"]


class Preview(Protocol):
    """What the plan counted in the source: patients concerned, and for each record kind the records that would leave and stay."""

    @property
    def patients(self) -> int:
        """Patients of whom anything would leave."""
        ...

    @property
    def leaving(self) -> Mapping[str, int]:
        """Records that would leave, by kind."""
        ...

    @property
    def staying(self) -> Mapping[str, int]:
        """Records that would stay whole, by kind."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence, and what stands under it when it is opened (field names, codes)."""

    text: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the page: a stable key, a title, its lines."""

    key: str
    title: str
    lines: tuple[Line, ...]


def page(
    instruction: Instruction,
    *,
    language: str,
    vocabulary: Vocabulary,
    preview: Preview | None = None,
    codes: Classification | None = None,
) -> tuple[Section, ...]:
    """The whole page, in reading order, in `language`."""
    reader = _Page(instruction, language, vocabulary, preview, codes)
    parts = {
        "who": reader.who(),
        "what": reader.what(),
        "special": reader.special(),
        "stays": reader.stays(),
        "period": reader.period(),
        "sites": reader.sites(),
        "recipients": reader.recipients(),
        "until": reader.until(),
        "after": reader.after(),
        "signers": reader.signers(),
    }
    return tuple(
        Section(key, say(f"instruction.sheet_{key}", language), tuple(lines)) for key, lines in parts.items()
    )


@dataclass(frozen=True, slots=True)
class _Page:
    """One instruction read in one language: a method for each section."""

    instruction: Instruction
    language: str
    vocabulary: Vocabulary
    preview: Preview | None
    codes: Classification | None

    def who(self) -> list[Line]:
        """Who asks whom to carry what where, and why."""
        asked = self.instruction
        lines = [
            self._say(
                "orders",
                controller=asked.controller.name,
                processor=asked.processor.name,
                source=asked.source.system,
                target=asked.target.system,
            ),
            self._say("purpose", purpose=asked.purpose),
            self._say("reference", id=asked.id, version=asked.version, digest=asked.digest),
        ]
        if asked.processor.third_country_reason:
            lines.append(
                self._say(
                    "processor_abroad",
                    country=asked.processor.country,
                    reason=asked.processor.third_country_reason,
                )
            )
        return lines

    def what(self) -> list[Line]:
        """How many patients, then each kind with its fields in plain words."""
        most = self._say("most_patients", count=self._number(self.instruction.limits.max_patients))
        counted = (
            [] if self.preview is None else [self._say("patients", count=self._number(self.preview.patients))]
        )
        return [
            *counted,
            most,
            *(
                self._kind(self.vocabulary.kinds[kind], names)
                for kind, names in self.instruction.records.items()
            ),
        ]

    def special(self) -> list[Line]:
        """Each special category, free text and document that was named, with its reason."""
        asked = self.instruction
        named = [(self.vocabulary.categories[each.category].label, each.reason) for each in asked.special]
        named += [
            (self.vocabulary.field(each.field).label, each.reason)
            for each in (*asked.free_text, *asked.documents)
        ]
        lines = [self._say("named", what=label[self.language], reason=reason) for label, reason in named]
        return lines or [self._say("none_special")]

    def stays(self) -> list[Line]:
        """Every field not named, every category not named, and credentials, which no instruction can name."""
        lines = [line for kind in self.vocabulary.kinds.values() for line in self._rest(kind)]
        withheld = self._withheld()
        if withheld:
            lines.append(self._say("special_stays", details=withheld))
            lines.append(self._say("documents_follow"))
        if self.instruction.documents:
            lines.append(self._say("documents_opened"))
        return [*lines, self._say("credentials")]

    def period(self) -> list[Line]:
        """The days, in words."""
        period = self.instruction.period
        return [
            self._say("between", first=day(period.start, self.language), last=day(period.end, self.language))
        ]

    def sites(self) -> list[Line]:
        """Each site."""
        return [Line(site) for site in self.instruction.sites]

    def recipients(self) -> list[Line]:
        """Each person who will be able to open what leaves."""
        return [self._recipient(recipient) for recipient in self.instruction.recipients]

    def until(self) -> list[Line]:
        """The time in which it may be used, how many times, and with which excess accepted."""
        limits = self.instruction.limits
        return [
            self._say("from", instant=instant(limits.not_before, self.language)),
            self._say("to", instant=instant(limits.not_after, self.language)),
            self._say("runs", runs=self._number(limits.runs)),
            *(
                self._say("excess", privilege=each.privilege, reason=each.reason)
                for each in self.instruction.accepts_excess
            ),
        ]

    def after(self) -> list[Line]:
        """What becomes of the copies, then of the source."""
        after = self.instruction.source_after
        lines = [
            self._say("sample", size=self._number(self.instruction.acceptance.size)),
            self._say("copies", days=self.instruction.limits.time_to_live_days),
            self._say(f"source_{after.disposition}"),
        ]
        if after.keeper is not None:
            lines.append(self._say("archive_keeper", keeper=after.keeper))
        if after.until is not None:
            lines.append(self._say("archive_until", until=day(after.until, self.language)))
        if after.legal_basis is not None:
            lines.append(self._say("archive_basis", basis=after.legal_basis))
        return lines

    def signers(self) -> list[Line]:
        """Who must sign."""
        return [self._say("one_signer" if self.instruction.threshold == 1 else "two_signers")]

    def _kind(self, kind: Kind, names: tuple[str, ...]) -> Line:
        details = tuple(kind.fields[name].label[self.language] for name in names)
        figures: dict[str, Any] = {
            "kind": kind.label[self.language],
            "taken": len(names),
            "all": len(kind.fields),
        }
        if self.preview is None:
            return self._say("fields", details=details, **figures)
        return self._say(
            "fields_counted",
            details=details,
            rows=self._number(self.preview.leaving.get(kind.name, 0)),
            **figures,
        )

    def _rest(self, kind: Kind) -> list[Line]:
        names = self.instruction.fields_of(kind.name)
        rest = tuple(field.label[self.language] for field in kind.fields.values() if field.name not in names)
        label = kind.label[self.language]
        lines = [self._say("rest_stays" if names else "kind_stays", details=rest, kind=label)] if rest else []
        staying = 0 if self.preview is None else self.preview.staying.get(kind.name, 0)
        return [*lines, self._say("rows_stay", kind=label, rows=self._number(staying))] if staying else lines

    def _withheld(self) -> tuple[str, ...]:
        """The special categories not named; with how many codes each withholds, where the classification is given."""
        withheld = [code for code in self.vocabulary.special if code not in self.instruction.categories]
        labels = {code: self.vocabulary.categories[code].label[self.language] for code in withheld}
        if self.codes is None:
            return tuple(labels.values())
        counts = Counter(
            category
            for path in SYSTEMS
            for category in self.codes.excluded_codes(path, self.instruction.categories).values()
        )
        return tuple(
            self._say("codes_stay", category=labels[code], count=self._number(counts[code])).text
            for code in withheld
        )

    def _recipient(self, recipient: Recipient) -> Line:
        values: dict[str, Any] = {
            "person": recipient.person,
            "organisation": recipient.organisation,
            "country": recipient.country,
            "certificate": recipient.certificate,
        }
        if recipient.third_country_reason is None:
            return self._say("recipient", **values)
        return self._say("recipient_abroad", reason=recipient.third_country_reason, **values)

    def _say(self, key: str, *, details: tuple[str, ...] = (), **values: object) -> Line:
        return Line(say(f"instruction.sheet_{key}", self.language, **values), details)

    def _number(self, value: int) -> str:
        return number(value, self.language)
