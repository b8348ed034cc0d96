"""The grammar of an instruction: its exact bytes, already verified, read into an `Instruction` or refused.

Decides what an instruction can say at all: TOML tables with fixed keys, every value in its range, no wildcard in any name. It does not decide
whether the instruction may be used now (`authority`) nor what it yields on a given system (the plan).

Sources: GDPR Art. 28(3)(a), 29 and 5(1)(c); law-and-laboratory 2.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.terms.document import DIGEST, Table, digest_of, read
from ecluse.terms.instruction.content import (
    DISPOSITIONS,
    PERIODS,
    AcceptedExcess,
    Controller,
    Instruction,
    Limits,
    NamedField,
    Period,
    Processor,
    Recipient,
    Sample,
    SourceAfter,
    SpecialCategory,
    System,
)
from ecluse.terms.instruction.naming import (
    EEA,
    LEAST_REASON,
    check_named,
    check_together,
    refuse_wildcard,
    taken,
)
from ecluse.terms.vocabulary import Vocabulary

__all__ = ["parse"]

ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,63}")
FINESS: Final = re.compile(r"[0-9][0-9AB][0-9]{7}")
COUNTRY: Final = re.compile(r"[A-Z]{2}")
MOST_DAYS: Final = 30
MOST_RUNS: Final = 100
MOST_PATIENTS: Final = 100_000_000
MOST_SAMPLE: Final = 10_000
LARGEST_SEED: Final = 2**63 - 1


def parse(payload: bytes, *, vocabulary: Vocabulary) -> Instruction:
    """The instruction written in `payload`, with the digest of these bytes.

    Raises Refusal `document/...` for what is no document, and `instruction/...` for what an instruction may not say: `wildcard`,
    `credential`, `unknown-kind`, `unknown-field`, `parent-not-named`, `companion-not-named`, `unknown-category`,
    `category-not-named`, `category-without-reason`, `free-text-not-named`, `document-not-named`, `reason-without-field`,
    `named-twice`, `no-record`, `no-site`, `no-recipient`, `third-country`, `period-reversed`, `limits-reversed`, `archive-not-named`.
    """
    table = read(payload, where="instruction")
    instruction = Instruction(
        id=table.shaped("id", ID),
        version=table.integer("version", least=1, most=1_000_000),
        supersedes=table.shaped("supersedes", DIGEST) if table.has("supersedes") else None,
        purpose=table.text("purpose", least=LEAST_REASON),
        agreement=table.shaped("agreement", DIGEST),
        codes=table.shaped("codes", DIGEST),
        sites=_sites(table),
        controller=_controller(table.table("controller")),
        processor=_processor(table.table("processor")),
        source=_system(table.table("source")),
        target=_system(table.table("target")),
        period=_period(table.table("period")),
        records=_records(table.table("records"), vocabulary),
        special=tuple(SpecialCategory(*row) for row in _named(table, "special", "category")),
        free_text=tuple(NamedField(*row) for row in _named(table, "free_text", "field")),
        documents=tuple(NamedField(*row) for row in _named(table, "document", "field")),
        recipients=_recipients(table),
        limits=_limits(table.table("limits")),
        source_after=_source_after(table.table("source_after")),
        acceptance=_acceptance(table.table("acceptance")),
        accepts_excess=_excess(table),
    )
    table.end()
    check_together(instruction.records, vocabulary=vocabulary)
    check_named(instruction, vocabulary=vocabulary)
    _check_archive(instruction)
    return replace(instruction, digest=digest_of(payload))


def _controller(table: Table) -> Controller:
    controller = Controller(
        table.text("name"), table.shaped("finess", FINESS), table.shaped("country", COUNTRY)
    )
    table.end()
    return controller


def _processor(table: Table) -> Processor:
    processor = Processor(table.text("name"), table.shaped("country", COUNTRY), _third_country(table))
    table.end()
    return processor


def _system(table: Table) -> System:
    system = System(table.text("system"), table.shaped("mapping", DIGEST))
    refuse_wildcard(system.system, where=table.at("system"))
    table.end()
    return system


def _period(table: Table) -> Period:
    period = Period(table.choice("on", PERIODS), table.day("from"), table.day("to"))
    table.end()
    if period.end < period.start:
        raise Refusal(
            "instruction/period-reversed", got=period.end.isoformat(), expected=period.start.isoformat()
        )
    return period


def _sites(table: Table) -> tuple[str, ...]:
    sites = table.texts("sites")
    if not sites:
        raise Refusal("instruction/no-site")
    for site in sites:
        refuse_wildcard(site, where="sites")
    return sites


def _records(table: Table, vocabulary: Vocabulary) -> Mapping[str, tuple[str, ...]]:
    written = {kind: taken(kind, _names(table, kind), vocabulary=vocabulary) for kind in table.every_key()}
    if not written:
        raise Refusal("instruction/no-record", where="records")
    return MappingProxyType({kind: written[kind] for kind in vocabulary.kinds if kind in written})


def _names(table: Table, kind: str) -> tuple[str, ...]:
    """The fields of one kind. A kind given as one text is how a wildcard is usually tried."""
    refuse_wildcard(kind, where=table.where)
    if isinstance(table.content[kind], str):
        refuse_wildcard(table.content[kind], where=table.at(kind))
    names = table.texts(kind)
    if not names:
        raise Refusal("instruction/no-record", where=table.at(kind))
    return names


def _named(table: Table, key: str, what: str) -> list[tuple[str, str]]:
    """What each `[[key]]` names, with its reason, which is never too short."""
    named = []
    for row in table.tables(key):
        name = row.text(what)
        refuse_wildcard(name, where=row.at(what))
        reason = row.text("reason", least=0) if row.has("reason") else ""
        row.end()
        if len(reason) < LEAST_REASON:
            raise Refusal("instruction/category-without-reason", where=row.where, expected=LEAST_REASON)
        named.append((name, reason))
    return named


def _recipients(table: Table) -> tuple[Recipient, ...]:
    recipients = []
    for row in table.tables("recipient"):
        recipient = Recipient(
            row.shaped("certificate", DIGEST),
            row.text("person"),
            row.text("organisation"),
            row.shaped("country", COUNTRY),
            _third_country(row),
        )
        row.end()
        for key, word in (("person", recipient.person), ("organisation", recipient.organisation)):
            refuse_wildcard(word, where=row.at(key))
        recipients.append(recipient)
    if not recipients:
        raise Refusal("instruction/no-recipient")
    if len({recipient.certificate for recipient in recipients}) != len(recipients):
        raise Refusal("instruction/named-twice", where="recipient")
    return tuple(recipients)


def _third_country(table: Table) -> str | None:
    """The reason for a country outside the European Economic Area. Raises Refusal `instruction/third-country` without one."""
    if table.has("third_country_reason"):
        return table.text("third_country_reason", least=LEAST_REASON)
    country = table.shaped("country", COUNTRY)
    if country not in EEA:
        raise Refusal("instruction/third-country", where=table.where, got=country)
    return None


def _limits(table: Table) -> Limits:
    limits = Limits(
        table.instant("not_before"),
        table.instant("not_after"),
        table.integer("runs", least=1, most=MOST_RUNS),
        table.integer("time_to_live_days", least=1, most=MOST_DAYS),
        table.integer("max_patients", least=1, most=MOST_PATIENTS),
    )
    table.end()
    if limits.not_after <= limits.not_before:
        raise Refusal(
            "instruction/limits-reversed",
            got=limits.not_after.isoformat(),
            expected=limits.not_before.isoformat(),
        )
    return limits


def _source_after(table: Table) -> SourceAfter:
    after = SourceAfter(
        table.choice("disposition", DISPOSITIONS),
        keeper=table.text("keeper") if table.has("keeper") else None,
        until=table.day("until") if table.has("until") else None,
        legal_basis=table.text("legal_basis") if table.has("legal_basis") else None,
    )
    table.end()
    return after


def _check_archive(instruction: Instruction) -> None:
    """A source of record is erased only if somebody keeps the legal archive, until a day to come, under a law (CSP L.1142-28)."""
    after = instruction.source_after
    if after.disposition != "erase":
        return
    lacking = [key for key in ("keeper", "until", "legal_basis") if getattr(after, key) is None]
    if after.until is not None and after.until <= instruction.limits.not_after.date():
        lacking.append("until")
    if lacking:
        raise Refusal("instruction/archive-not-named", got=", ".join(lacking))


def _acceptance(table: Table) -> Sample:
    sample = Sample(
        table.integer("sample", least=1, most=MOST_SAMPLE), table.integer("seed", least=0, most=LARGEST_SEED)
    )
    table.end()
    return sample


def _excess(table: Table) -> tuple[AcceptedExcess, ...]:
    accepted = []
    for row in table.tables("accepts_excess"):
        excess = AcceptedExcess(row.text("privilege"), row.text("reason", least=LEAST_REASON))
        refuse_wildcard(excess.privilege, where=row.at("privilege"))
        row.end()
        accepted.append(excess)
    if len({excess.privilege for excess in accepted}) != len(accepted):
        raise Refusal("instruction/named-twice", where="accepts_excess")
    return tuple(accepted)
