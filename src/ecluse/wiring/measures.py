"""The security measures of an exchange (GDPR Art. 32; Art. 28(3)(c)), each with a check that looks at what is really there, now.

Decides what is looked at. A check that had nothing to look at says `skipped`, never `holds`. The page in the console, and the annex that an agreement carries,
are made from this list and from nothing else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from allauth.mfa.models import Authenticator

from ecluse.adapters.accounts.models import Account, Admission
from ecluse.base.refusal import Refusal
from ecluse.base.words import say
from ecluse.passage.chamber import Chamber
from ecluse.passage.glass import broken
from ecluse.passage.keeping import ENDED
from ecluse.passage.parcel import MANIFEST
from ecluse.proof.note import verify_checkpoint
from ecluse.wiring.exchange import Exchange
from ecluse.wiring.starting import unsafe

__all__ = ["Found", "Outcome", "measures"]

Outcome = Literal["holds", "failed", "skipped"]
AGE: Final = b"age-encryption.org/v1\n"


@dataclass(frozen=True, slots=True)
class Found:
    """One measure in words, the article it answers to, and what its check found."""

    measure: str
    article: str
    outcome: Outcome
    found: str


_Checked = tuple[Outcome, int, int]
"""How it ended, how many were looked at, how many were not as they must be."""


def measures(served: Exchange, chamber: Chamber, *, language: str) -> Iterator[Found]:
    """Every measure, checked for one chamber. What is shared by all chambers (accounts, certificate) is checked whole."""
    for key, (article, check) in _MEASURES.items():
        outcome, seen, wrong = check(served, chamber)
        yield Found(
            measure=say(f"console.measure_{key}", language),
            article=article,
            outcome=outcome,
            found=say(f"console.found_{outcome}", language, seen=seen, wrong=wrong),
        )


def _start(served: Exchange, _chamber: Chamber) -> _Checked:
    """Certificate, keys' rights, clock, no key that opens a parcel within reach."""
    wrong = len(list(unsafe(served, at=served.clock())))
    return _ended(seen=1 + len(served.chambers()), wrong=wrong)


def _second_factor(_served: Exchange, chamber: Chamber) -> _Checked:
    """Every living account that was ever used has a passkey or a one-time code."""
    living = Account.objects.filter(admissions__chamber=chamber.name, ended_at=None, last_login__isnull=False)
    strong = Authenticator.objects.exclude(type=Authenticator.Type.RECOVERY_CODES).values("user")
    return _ended(seen=living.count(), wrong=living.exclude(pk__in=strong).count())


def _named(_served: Exchange, chamber: Chamber) -> _Checked:
    """Every account is a human with a name and a professional id, and no two are the same human."""
    people = list(
        Account.objects.filter(admissions__chamber=chamber.name, ended_at=None).values_list(
            "name", "professional_id", "organisation"
        )
    )
    wrong = sum(not (name.strip() and known.strip()) for name, known, _ in people)
    return _ended(seen=len(people), wrong=wrong + len(people) - len(set(people)))


def _ends(_served: Exchange, chamber: Chamber) -> _Checked:
    """No account that ended is still admitted as a living one; no outside admission without an end."""
    rows = Admission.objects.filter(chamber=chamber.name, account__role="inspector")
    return _ended(seen=rows.count(), wrong=rows.filter(until=None).count())


def _sealed(_served: Exchange, chamber: Chamber) -> _Checked:
    """Every file in custody is sealed (age v1), or a signed manifest."""
    seen = wrong = 0
    for folder in chamber.custody.folders():
        for name in chamber.custody.names(folder):
            seen += 1
            with chamber.custody.open(folder, name) as file:
                start = file.read(len(AGE))
            wrong += not (start == AGE or (name == MANIFEST and start.startswith(b"{")))
    return _ended(seen=seen, wrong=wrong)


def _kept(_served: Exchange, chamber: Chamber) -> _Checked:
    """Nothing is kept of a migration that is over, and nothing that the ledger does not know."""
    known = chamber.migrations()
    folders = chamber.custody.folders()
    over = [name for name in folders if name not in known or known[name].state in ENDED]
    return _ended(seen=len(known), wrong=len(over))


def _ledger(_served: Exchange, chamber: Chamber) -> _Checked:
    """The ledger's head is signed, and every entry's body is the one it committed to."""
    if not chamber.ledger.size:
        return "skipped", 0, 0
    try:
        head = verify_checkpoint(chamber.ledger.checkpoint(), log=chamber.ledger.log)
        seen = sum(1 for _ in chamber.ledger.history())
    except Refusal:
        return "failed", chamber.ledger.size, 1
    return _ended(seen=seen, wrong=abs(head.size - seen))


def _witnessed(_served: Exchange, chamber: Chamber) -> _Checked:
    """A laboratory's machine has cosigned the ledger's newest head: a line more than the exchange's own signature."""
    if not chamber.ledger.size:
        return "skipped", 0, 0
    note = next(iter(chamber.ledger.checkpoints()), b"")
    with contextlib.suppress(UnicodeDecodeError):
        lines = [line for line in note.decode().splitlines() if line.startswith("— ")]
        return _ended(seen=len(lines), wrong=0 if len(lines) > 1 else 1)
    return "failed", 1, 1


def _glass(_served: Exchange, chamber: Chamber) -> _Checked:
    """Every break of the glass has been reviewed by the laboratory."""
    breaks = broken(chamber.events()).values()
    return _ended(seen=len(breaks), wrong=sum(not it.reviewed_by for it in breaks))


def _ended(*, seen: int, wrong: int) -> _Checked:
    if wrong:
        return "failed", seen, wrong
    return ("holds" if seen else "skipped"), seen, 0


_MEASURES: Final[dict[str, tuple[str, Callable[[Exchange, Chamber], _Checked]]]] = {
    "start": ("Art. 32(1)(b)", _start),
    "second_factor": ("Art. 32(1)(b)", _second_factor),
    "named": ("Art. 32(4)", _named),
    "ends": ("Art. 32(4)", _ends),
    "sealed": ("Art. 32(1)(a)", _sealed),
    "kept": ("Art. 28(3)(g)", _kept),
    "ledger": ("Art. 5(2), 32(1)(d)", _ledger),
    "witnessed": ("Art. 32(1)(d)", _witnessed),
    "glass": ("Art. 32(4)", _glass),
}
"""The list: a key of the catalogue `console`, the article, the check."""
