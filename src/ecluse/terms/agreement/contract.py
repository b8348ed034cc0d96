"""The whole agreement: its document read and checked mention by mention, and the frozen value of a complete one.

Decides whether an agreement is complete, in force, specific and coherent (GDPR Art. 28(3); decision SAN-2022-009). It does not decide whether
its signatures are valid (proof does) nor whether what it promises is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final

from ecluse.base.refusal import Refusal
from ecluse.people.person import Person, check_may, distinct
from ecluse.people.role import ROLES, Permission
from ecluse.terms.agreement.judgement import Finding, Remark, is_empty, judge
from ecluse.terms.agreement.mentions import GROUPS, MENTIONS, Condition, Group
from ecluse.terms.document import digest_of, quoted, read
from ecluse.terms.vocabulary import Vocabulary

__all__ = ["Agreement", "AgreementCheck", "OtherProcessor", "Party", "check", "check_signers", "parse"]

_Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Party:
    """The controller (« responsable de traitement ») or the processor (« sous-traitant »)."""

    legal_name: str
    id: str
    address: str
    representative: str
    dpo: str


@dataclass(frozen=True, slots=True)
class OtherProcessor:
    """A processor's own processor (« sous-traitant ultérieur »): who, where, for what, since when."""

    name: str
    place: str
    task: str
    since: date


@dataclass(frozen=True, slots=True)
class Agreement:
    """A complete agreement. `digest` is that of its exact bytes; `mentions` holds every value as written, by key."""

    digest: str
    controller: Party
    processor: Party
    start: date
    end: date | None
    event: str | None
    data_types: frozenset[str]
    safeguards: Mapping[str, tuple[str, ...]] = field(hash=False)
    measures: tuple[str, ...]
    other_processors: tuple[OtherProcessor, ...]
    breach_delay_hours: int
    breach_contact: str
    end_choice: str
    end_delay_days: int
    hosting_places: tuple[str, ...]
    mentions: Mapping[str, Any] = field(repr=False, hash=False)


@dataclass(frozen=True, slots=True)
class AgreementCheck:
    """What an agreement says and lacks: one finding for each mention, in the order of the table."""

    digest: str
    findings: tuple[Finding, ...]

    @property
    def wanting(self) -> tuple[Finding, ...]:
        """The findings that keep the lock closed."""
        return tuple(finding for finding in self.findings if not finding.good)

    @property
    def complete(self) -> bool:
        """Whether nothing is wanting."""
        return not self.wanting

    @property
    def groups(self) -> tuple[tuple[Group, tuple[Finding, ...]], ...]:
        """The findings by line of the check-list, in its order."""
        return tuple(
            (group, tuple(finding for finding in self.findings if finding.mention.group == group.code))
            for group in GROUPS.values()
        )

    @property
    def main_found(self) -> int:
        """How many of the sixteen main mentions are complete: what a card shows as 16/16."""
        return sum(
            group.main and all(finding.good for finding in findings) for group, findings in self.groups
        )


def check(document: bytes, *, at: datetime, vocabulary: Vocabulary) -> AgreementCheck:
    """Judge every mention of an agreement's exact bytes at the instant `at` (UTC).

    Raises Refusal `document/...` when the bytes are no document, or hold a key that is no mention.
    """
    values = _values(document)
    findings = tuple(
        judge(
            mention,
            values.get(mention.key),
            needed=_CONDITIONS[mention.needed_if](values),
            vocabulary=vocabulary,
        )
        for mention in MENTIONS.values()
    )
    return AgreementCheck(
        digest_of(document),
        tuple(_held_to_the_others(finding, findings, values, at.date(), vocabulary) for finding in findings),
    )


def parse(document: bytes, *, at: datetime, vocabulary: Vocabulary) -> Agreement:
    """The agreement, if complete and in force at `at`.

    Raises Refusal `agreement/mention-lacking`, `-empty`, `-expired`, `-wrong` or `-restates-the-law` for the first mention that is
    wanting, with its article and how many others are; and Refusal `document/...` as `check` does.
    """
    judged = check(document, at=at, vocabulary=vocabulary)
    if judged.wanting:
        _refuse(judged.wanting)
    return _agreement(judged.digest, _values(document))


def check_signers(signers: Iterable[Person]) -> None:
    """Raise Refusal `agreement/signature-lacking` unless both parties signed, by two persons who may bind them."""
    signed = distinct(signers)
    for person in signed:
        check_may(person, Permission.SIGN_AGREEMENT)
    sides = {ROLES[person.role].side for person in signed}
    for side in ("controller", "processor"):
        if side not in sides:
            raise Refusal("agreement/signature-lacking", party=side, got=len(signed))


def _values(document: bytes) -> dict[str, Any]:
    """The document's values by mention's key. A key that is no mention is refused."""
    values: dict[str, Any] = {}
    waiting: list[tuple[str, Mapping[str, Any]]] = [("", read(document, where="agreement").content)]
    while waiting:
        prefix, table = waiting.pop()
        for name, value in table.items():
            key = prefix + name
            if "." not in name and key in MENTIONS:
                values[key] = value
            elif "." not in name and any(known.startswith(f"{key}.") for known in MENTIONS):
                if not isinstance(value, dict):
                    raise Refusal("document/bad-value", where=f"agreement.{key}", expected="a table")
                waiting.append((f"{key}.", value))
            else:
                known = sorted(
                    {
                        mention.removeprefix(prefix).partition(".")[0]
                        for mention in MENTIONS
                        if mention.startswith(prefix)
                    }
                )
                where = f"agreement.{prefix}".rstrip(".")
                raise Refusal(
                    "document/unknown-key", where=where, got=quoted(name), expected=", ".join(known)
                )
    return values


_CONDITIONS: Final[dict[Condition, Callable[[_Values], bool]]] = {
    "always": lambda _values: True,
    "never": lambda _values: False,
    "no-event": lambda values: is_empty(values.get("duration.event", "")),
    "mode-general": lambda values: values.get("subprocessors.mode") == "general",
    "mode-not-none": lambda values: values.get("subprocessors.mode") in ("specific", "general"),
    "end-return": lambda values: values.get("end.choice") == "return",
    "hosted": lambda values: any(key.startswith("hds.") for key in values),
}


def _held_to_the_others(
    finding: Finding, findings: tuple[Finding, ...], values: _Values, today: date, vocabulary: Vocabulary
) -> Finding:
    """The finding, once its value is held to the rules between mentions. A mention already wanting keeps its verdict."""
    rule = _RULES.get(finding.mention.key)
    if finding.verdict != "found" or rule is None:
        return finding
    sound = {each.mention.key: values[each.mention.key] for each in findings if each.verdict == "found"}
    return rule(finding, sound, today, vocabulary)


def _started(finding: Finding, values: _Values, today: date, _vocabulary: Vocabulary) -> Finding:
    late = values["duration.start"] > today
    return Finding(finding.mention, "wrong", finding.quote, Remark("wrong_not_begun")) if late else finding


def _not_ended(finding: Finding, values: _Values, today: date, _vocabulary: Vocabulary) -> Finding:
    end: date = values["duration.end"]
    start: date = values.get("duration.start", date.min)
    if end <= start:
        return Finding(finding.mention, "wrong", finding.quote, Remark("wrong_end_before_start"))
    return (
        Finding(finding.mention, "expired", finding.quote, Remark("remark_expired"))
        if end < today
        else finding
    )


def _signed(finding: Finding, values: _Values, today: date, _vocabulary: Vocabulary) -> Finding:
    late = values["signatures.date"] > today
    return Finding(finding.mention, "wrong", finding.quote, Remark("wrong_signed_later")) if late else finding


def _certified(finding: Finding, values: _Values, today: date, _vocabulary: Vocabulary) -> Finding:
    past = values["hds.renewed"] < today
    return Finding(finding.mention, "expired", finding.quote, Remark("remark_expired")) if past else finding


def _authorised(finding: Finding, values: _Values, _today: date, _vocabulary: Vocabulary) -> Finding:
    none = values.get("subprocessors.mode") == "none"
    return Finding(finding.mention, "wrong", finding.quote, Remark("wrong_listed")) if none else finding


def _safeguarded(finding: Finding, values: _Values, _today: date, vocabulary: Vocabulary) -> Finding:
    """Each type under Art. 9, health first, and each container that may hold any, has a safeguard; none is given to a type not named."""
    types = set(values.get("personal_data_types", ()))
    guarded = [row["category"] for row in values["special_categories"]]
    bare = sorted(
        code
        for code in types
        if code not in guarded
        and (code == "H" or vocabulary.categories[code].special or vocabulary.categories[code].container)
    )
    strange = sorted(set(guarded) - types) if types else []
    if bare:
        return Finding(
            finding.mention, "wrong", finding.quote, Remark("wrong_unguarded", (("got", ", ".join(bare)),))
        )
    if strange or len(set(guarded)) != len(guarded):
        return Finding(
            finding.mention, "wrong", finding.quote, Remark("wrong_guarded", (("got", ", ".join(strange)),))
        )
    return finding


_RULES: Final[dict[str, Callable[[Finding, _Values, date, Vocabulary], Finding]]] = {
    "duration.start": _started,
    "duration.end": _not_ended,
    "signatures.date": _signed,
    "hds.renewed": _certified,
    "subprocessors.list": _authorised,
    "special_categories": _safeguarded,
}


def _refuse(wanting: tuple[Finding, ...]) -> None:
    first = wanting[0]
    because = {language: first.remark.text(language) if first.remark else "" for language in ("fr", "en")}
    raise Refusal(
        f"agreement/mention-{first.verdict}",
        mention=first.mention.key,
        article=first.article,
        others=len(wanting) - 1,
        label_fr=first.mention.label["fr"],
        label_en=first.mention.label["en"],
        expects_fr=first.mention.expects["fr"],
        expects_en=first.mention.expects["en"],
        because_fr=because["fr"],
        because_en=because["en"],
    )


def _agreement(digest: str, values: _Values) -> Agreement:
    def party(name: str) -> Party:
        return Party(
            **{
                part: values[f"parties.{name}.{part}"]
                for part in ("legal_name", "id", "address", "representative", "dpo")
            }
        )

    event = values.get("duration.event", "")
    return Agreement(
        digest=digest,
        controller=party("controller"),
        processor=party("processor"),
        start=values["duration.start"],
        end=values.get("duration.end") or None,
        event=event or None,
        data_types=frozenset(values["personal_data_types"]),
        safeguards=MappingProxyType(
            {row["category"]: tuple(row["safeguards"]) for row in values["special_categories"]}
        ),
        measures=tuple(values["security.annex_measures"]),
        other_processors=tuple(OtherProcessor(**row) for row in values.get("subprocessors.list", ())),
        breach_delay_hours=values["breach.delay_hours"],
        breach_contact=values["breach.contact"],
        end_choice=values["end.choice"],
        end_delay_days=values["end.delay_days"],
        hosting_places=tuple(values.get("hds.hosting_places", ())),
        mentions=MappingProxyType(dict(values)),
    )
