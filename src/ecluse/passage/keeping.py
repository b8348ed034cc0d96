"""Keeping (« conservation »): what an exchange may still keep, and what it erases by itself, at every start and from then on.

A laboratory erases what it holds; the host does not wait for it. A parcel past its instruction's time is expired, and a parcel that nobody may read any
more (accepted, revoked, expired, withdrawn) is erased with the leftovers of its uploads, looked for again, and noted in the chamber's ledger. The ledger
decides, never the folder: what a restored backup brought back is erased again, and what the ledger does not know is not kept. Decides too in which country
a parcel may be kept. It cannot open one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any, Final, Protocol

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.acts import CUSTODY_ERASED
from ecluse.passage.chamber import Chamber
from ecluse.passage.erase import NOTHING_THERE, Place, PlaceErased, erase
from ecluse.passage.migration import STOPPED, Act, Migration, MigrationState
from ecluse.proof.sign import digest as digest_of
from ecluse.proof.sign import payload_of
from ecluse.terms import instruction as instructions
from ecluse.terms.instruction import Instruction
from ecluse.terms.instruction.grammar import MOST_DAYS
from ecluse.terms.instruction.naming import EEA
from ecluse.terms.vocabulary import vocabulary

__all__ = ["ENDED", "Keeps", "check_country", "countries_named", "expire", "keep", "sweep"]

ENDED: Final = frozenset({MigrationState.RECONCILED, MigrationState.ERASED, *STOPPED})
"""In these states nobody may read the parcel any more."""
NOT_LISTED: Final = "they were listed again and none was there"
_TRIES: Final = 10


class Keeps(Protocol):
    """What keeps unfinished uploads by migration."""

    def names(self, folder: str) -> list[str]:
        """The files of a folder; none if it is not there."""
        ...

    def folders(self) -> list[str]:
        """The folders, sorted."""
        ...

    def erase(self, folder: str) -> int:
        """Remove a folder whole; how many files went."""
        ...


def keep(chamber: Chamber, *, uploads: Keeps | None, by: str) -> list[str]:
    """Expire what is due, then erase what may no longer be kept; the migrations erased. Called again, it does what is left to do.

    Raises Refusal `erase/survived`, Fault `ledger/...`, `vault/...` (retry).
    """
    expire(chamber, by=by)
    return sweep(chamber, uploads=uploads, by=by)


def expire(chamber: Chamber, *, by: str) -> list[str]:
    """Mark as expired every migration whose time to live is over, as the instruction that the ledger names by its digest says; which.

    Where that document is not here or cannot be read, as the longest time that an instruction may give: nothing is kept for ever for want of a paper.
    """
    events, known = chamber.events(), chamber.migrations()
    read: dict[str, str] = {}
    for event in events:
        if event.act == Act.OPEN_SOURCE.value:
            read.setdefault(event.subject, event.time)
    ordered = cache(partial(_instruction, chamber))  # many runs under one instruction
    due = []
    for event in events:
        if event.act != Act.DRAFT.value or known[event.subject].state in ENDED:
            continue
        named = str(event.body.get("instruction", ""))
        end = _end(ordered(named), drafted=event.time, read=read.get(event.subject))
        if end <= chamber.clock():
            _record(chamber, Act.EXPIRE.value, by=by, subject=event.subject, body={"due": end.isoformat()})
            due.append(event.subject)
    return due


def sweep(chamber: Chamber, *, uploads: Keeps | None, by: str) -> list[str]:
    """Erase the parcels and uploads that the ledger no longer lets be kept; which. One entry for each says what went and what was seen after."""
    present = {*chamber.custody.folders(), *(uploads.folders() if uploads else ())}
    known = chamber.migrations()  # after the folders: whoever makes one was drafted before
    noted = {event.subject for event in chamber.events() if event.act == CUSTODY_ERASED}
    ended = {name for name, migration in known.items() if migration.state in ENDED}
    swept = sorted((present - set(known)) | (ended & present) | (ended - noted))
    for name in swept:
        at = chamber.clock()
        gone = [*erase([Place("exchange", "parcel", vault=chamber.custody, folder=name)], at=at)]
        gone += [_erased(uploads, name, at=at)] if uploads else []
        body = {"why": _why(known, name), "again": name in noted, "places": [asdict(it) for it in gone]}
        # A name that the ledger does not know was made by nobody here: it is not written into it.
        _record(chamber, CUSTODY_ERASED, by=by, subject=name if name in known else chamber.name, body=body)
    return swept


def check_country(country: str, *, named: Collection[str] = ()) -> None:
    """Sealed parcels may be kept there: in the European Economic Area, or where an instruction names. Raises Refusal `chamber/outside-eea`."""
    if country not in EEA and country not in named:
        raise Refusal("chamber/outside-eea", got=country)


def countries_named(chamber: Chamber) -> frozenset[str]:
    """The countries outside the Area that every instruction under which the chamber still keeps something names as its processor's, with a reason.

    One instruction that does not name a country is enough for nothing to be kept there (GDPR Art. 28(3)(a), 44).
    """
    drafted = {
        event.subject: str(event.body.get("instruction", ""))
        for event in chamber.events()
        if event.act == Act.DRAFT.value
    }
    open_now = {drafted[name] for name, it in chamber.migrations().items() if it.state not in ENDED}
    told = [_instruction(chamber, digest) for digest in sorted(open_now)]
    named = [
        {it.processor.country} if it is not None and it.processor.third_country_reason else set()
        for it in told
    ]
    return frozenset(set.intersection(*named)) if named else frozenset()


def _end(ordered: Instruction | None, *, drafted: str, read: str | None) -> datetime:
    """When nothing of a migration may be kept any more."""
    if ordered is None:
        return datetime.fromisoformat(read or drafted) + timedelta(days=MOST_DAYS)
    return ordered.limits.end(read=datetime.fromisoformat(read) if read else None)


def _instruction(chamber: Chamber, digest: str) -> Instruction | None:
    """The instruction of this digest, which the laboratory's own entry holds: who signed it is judged by the laboratories."""
    with suppress(Refusal):
        payload = payload_of(chamber.documents.get(digest))
        if digest_of(payload) == digest:
            return instructions.parse(payload, vocabulary=vocabulary())
    return None


def _erased(uploads: Keeps, folder: str, *, at: datetime) -> PlaceErased:
    """Unfinished uploads are given to nobody, so that none can be tried: they are listed again."""
    count = uploads.erase(folder)
    if uploads.names(folder) or folder in uploads.folders():
        raise Refusal("erase/survived", where=folder, what="uploads")
    seen = NOT_LISTED if count else NOTHING_THERE
    return PlaceErased("exchange", "uploads", "files-deleted", count, at.isoformat(), seen)


def _why(known: Mapping[str, Migration], name: str) -> str:
    return known[name].state.value if name in known else "unknown"


def _record(
    chamber: Chamber, act: str, *, by: str, subject: str, body: Mapping[str, Any], tries: int = _TRIES
) -> None:
    """Append, again if another process was first: what was erased was erased, whatever the ledger's size."""
    try:
        chamber.record(act, by=by, subject=subject, body=body)
    except Fault as fault:
        if fault.code != "ledger/concurrent" or tries == 1:
            raise
        _record(chamber, act, by=by, subject=subject, body=body, tries=tries - 1)
