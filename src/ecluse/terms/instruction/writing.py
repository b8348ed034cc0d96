"""The text of an instruction, for a person to read, complete and sign: fields grouped by kind, one a line, in plain words.

Decides how an instruction is laid out. What is not taken stands there too, as comments: whoever signs sees it, and takes one by removing a mark.
It does not decide whether the answers are acceptable: `grammar` reads the text as it would anybody's.
"""

from __future__ import annotations

from ecluse.base.words import say
from ecluse.terms.instruction.content import Instruction, NamedField, Processor, Recipient
from ecluse.terms.vocabulary import Field, Kind, Vocabulary
from ecluse.terms.writing import comment, entry, written

__all__ = ["draft"]


def draft(answers: Instruction, *, language: str, vocabulary: Vocabulary) -> str:
    """The instruction that `answers` asks for, as TOML with comments in `language`. Its digest is not used: the text has its own."""

    def head(key: str) -> list[str]:
        return ["", *comment(say(f"instruction.draft_{key}", language))]

    lines = comment(say("instruction.draft_head", language))
    lines += [
        "",
        *entry("id", answers.id),
        *entry("version", answers.version),
        *entry("supersedes", answers.supersedes),
    ]
    lines += head("purpose") + entry("purpose", answers.purpose)
    lines += head("agreement") + entry("agreement", answers.agreement)
    lines += head("codes") + entry("codes", answers.codes)
    lines += head("sites") + entry("sites", answers.sites)
    lines += head("parties") + _parties(answers)
    lines += head("systems") + _systems(answers)
    lines += head("period") + _period(answers)
    lines += head("records") + _records(answers, language, vocabulary)
    lines += head("special") + _special(answers)
    lines += head("free_text") + _fields("free_text", answers.free_text)
    lines += head("document") + _fields("document", answers.documents)
    lines += head("recipient") + [line for recipient in answers.recipients for line in _recipient(recipient)]
    lines += head("limits") + _limits(answers)
    lines += head("source_after") + _source_after(answers)
    lines += head("acceptance") + _acceptance(answers)
    lines += head("accepts_excess") + _excess(answers)
    return "\n".join(lines) + "\n"


def _parties(answers: Instruction) -> list[str]:
    controller, processor = answers.controller, answers.processor
    return [
        "[controller]",
        *entry("name", controller.name),
        *entry("finess", controller.finess),
        *entry("country", controller.country),
        "",
        "[processor]",
        *entry("name", processor.name),
        *_country(processor),
    ]


def _country(party: Processor | Recipient) -> list[str]:
    return entry("country", party.country) + entry("third_country_reason", party.third_country_reason)


def _systems(answers: Instruction) -> list[str]:
    return [
        "[source]",
        *entry("system", answers.source.system),
        *entry("mapping", answers.source.mapping),
        "",
        "[target]",
        *entry("system", answers.target.system),
        *entry("mapping", answers.target.mapping),
    ]


def _records(answers: Instruction, language: str, vocabulary: Vocabulary) -> list[str]:
    lines = ["[records]"]
    for kind in vocabulary.kinds.values():
        lines += ["", f"# {kind.label[language]}", *_kind(kind, answers.fields_of(kind.name), language)]
    return lines


def _kind(kind: Kind, names: tuple[str, ...], language: str) -> list[str]:
    """One kind: taken fields as lines, the others as comments; a kind of which nothing is taken is a comment whole."""
    outer = "" if names else "# "
    lines = [f"{outer}{kind.name} = ["]
    lines += [
        f"  {'' if field.name in names else '# '}{_field(field, language)}" for field in kind.fields.values()
    ]
    return [*lines, f"{outer}]"]


def _field(field: Field, language: str) -> str:
    return f"{written(field.name)},".ljust(18) + f"# {field.label[language]}"


def _special(answers: Instruction) -> list[str]:
    return [
        line
        for each in answers.special
        for line in ("[[special]]", *entry("category", each.category), *entry("reason", each.reason))
    ]


def _fields(key: str, named: tuple[NamedField, ...]) -> list[str]:
    return [
        line
        for each in named
        for line in (f"[[{key}]]", *entry("field", each.field), *entry("reason", each.reason))
    ]


def _recipient(recipient: Recipient) -> list[str]:
    return [
        "[[recipient]]",
        *entry("certificate", recipient.certificate),
        *entry("person", recipient.person),
        *entry("organisation", recipient.organisation),
        *_country(recipient),
    ]


def _period(answers: Instruction) -> list[str]:
    period = answers.period
    return ["[period]", *entry("on", period.on), *entry("from", period.start), *entry("to", period.end)]


def _acceptance(answers: Instruction) -> list[str]:
    return [
        "[acceptance]",
        *entry("sample", answers.acceptance.size),
        *entry("seed", answers.acceptance.seed),
    ]


def _limits(answers: Instruction) -> list[str]:
    limits = answers.limits
    return [
        "[limits]",
        *entry("not_before", limits.not_before),
        *entry("not_after", limits.not_after),
        *entry("runs", limits.runs),
        *entry("time_to_live_days", limits.time_to_live_days),
        *entry("max_patients", limits.max_patients),
    ]


def _source_after(answers: Instruction) -> list[str]:
    after = answers.source_after
    return [
        "[source_after]",
        *entry("disposition", after.disposition),
        *entry("keeper", after.keeper),
        *entry("until", after.until),
        *entry("legal_basis", after.legal_basis),
    ]


def _excess(answers: Instruction) -> list[str]:
    return [
        line
        for each in answers.accepts_excess
        for line in ("[[accepts_excess]]", *entry("privilege", each.privilege), *entry("reason", each.reason))
    ]
