"""What each step of a passage does, and the one line that it tells when it is done.

Decides nothing: a step is one verb of the course, its figures are what that verb returned. Counts and names only, never a row.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ecluse.base.words import duration, size
from ecluse.doors.cli.place import Here

if TYPE_CHECKING:
    from ecluse.passage.reconcile import Reconciliation

__all__ = ["TAKE", "compared_table"]


def _extract(place: Here, name: str, author: str) -> dict[str, Any]:
    begun = time.monotonic()
    with place.opened_dump() as dump, place.voice.progress(place.voice.phrase("step_extract")) as tell:
        statement = place.workspace.course().extract(name, by=author, progress=tell, dump=dump)
    moved = {kind: it.moved for kind, it in statement.kinds.items()}
    excluded = {kind: it.by_rule for kind, it in statement.kinds.items()}
    rejected = sum(it.rejected.total() for it in statement.kinds.values())
    _told(
        place,
        "extract",
        begun,
        moved=place.voice.number(sum(moved.values())),
        stayed=place.voice.number(sum(sum(rules.values()) for rules in excluded.values())),
        rejected=place.voice.number(rejected),
    )
    opened = statement.kinds["document"].opened if "document" in statement.kinds else Counter[str]()
    if opened:
        told = ", ".join(f"{fate} {place.voice.number(count)}" for fate, count in sorted(opened.items()))
        place.voice.line(f"    {place.voice.phrase('opened_documents', told=told)}")
    return {"moved": moved, "excluded": excluded, "rejected": rejected, "opened": dict(opened)}


def _deposit(place: Here, name: str, author: str) -> dict[str, Any]:
    from ecluse.passage.outbound import deposit as deposit_parcel

    begun = time.monotonic()
    octets = deposit_parcel(place.workspace.site("source"), name, by=author)
    _told(place, "deposit", begun, size=size(octets, place.voice.language))
    return {"octets": octets}


def _hand_over(place: Here, name: str, author: str) -> dict[str, Any]:
    begun = time.monotonic()
    manifest = place.workspace.course().hand_over(name, by=author)
    _told(place, "hand_over", begun, parts=len(manifest.parts))
    return {"parts": len(manifest.parts), "manifest": manifest.digest}


def _load(place: Here, name: str, author: str) -> dict[str, Any]:
    begun = time.monotonic()
    with place.voice.progress(place.voice.phrase("step_load")) as tell:
        written = place.workspace.course().load(name, by=author, progress=tell)
    counted = place.workspace.site("target").bodies("migration.loaded", subject=name)[-1].get("rejected", {})
    rejected = sum(counted.values())
    _told(place, "load", begun, written=place.voice.number(written), rejected=place.voice.number(rejected))
    return {"written": written, "rejected": rejected}


def _reconcile(place: Here, name: str, author: str) -> dict[str, Any]:
    from ecluse.passage.reconcile import check_reconciled

    begun = time.monotonic()
    found = place.workspace.course().reconcile(name, by=author)
    _told(
        place, "reconcile", begun, unexplained=place.voice.number(found.unexplained), checks=len(found.failed)
    )
    compared_table(place, found)
    check_reconciled(found)
    rejected = sum(
        sum(kind.rejected_at_source.values()) + sum(kind.rejected_at_target.values()) for kind in found.kinds
    )
    return {
        "unexplained": found.unexplained,
        "failed": list(found.failed),
        "rejected": rejected,
        "kinds": {
            kind.kind: {
                "seen": kind.seen,
                "excluded": kind.excluded,
                "sent": kind.sent,
                "loaded": kind.loaded,
                "unexplained": kind.unexplained,
                "checks": {check.name: check.outcome.value for check in kind.checks},
            }
            for kind in found.kinds
        },
    }


def _erase(place: Here, name: str, author: str, *, leave_rows: bool = False) -> dict[str, Any]:
    from ecluse.passage.erase import IN_TARGET

    begun = time.monotonic()
    certificate = place.workspace.course().erase(name, by=author, leave_rows=leave_rows)
    _told(place, "erase", begun, places=len(certificate.places))
    for erased in certificate.places:
        place.voice.line(
            f"    {erased.site}: {erased.what}, {erased.method} ({erased.count}), {erased.verification}"
        )
    if certificate.in_target == "unaccepted":
        place.voice.line(f"  ! {IN_TARGET[certificate.in_target][place.voice.language]}", style="red")
    return {
        "why": certificate.why,
        "in_target": certificate.in_target,
        "places": [
            {"site": it.site, "what": it.what, "method": it.method, "count": it.count}
            for it in certificate.places
        ],
    }


TAKE: Final[dict[str, Callable[..., dict[str, Any]]]] = {
    "extract": _extract,
    "deposit": _deposit,
    "hand-over": _hand_over,
    "load": _load,
    "reconcile": _reconcile,
    "erase": _erase,
}
"""Every step by its word: takes the place, the migration and the person; gives what `--json` shows under `result`."""


def _told(place: Here, step: str, begun: float, **figures: object) -> None:
    """One line for a step that was done."""
    took = duration(time.monotonic() - begun, place.voice.language)
    place.voice.line(f"✓ {place.voice.phrase(f'done_{step}', **figures)} ({took})", style="green")


def compared_table(place: Here, found: Reconciliation) -> None:
    """Both sides, kind by kind; then the checks that failed, and how many had nothing to examine."""
    from ecluse.terms.vocabulary import vocabulary

    voice, kinds = place.voice, vocabulary().kinds
    head = tuple(
        voice.phrase(key) for key in ("kind", "seen", "stays", "sent", "rejects", "loaded", "unexplained")
    )
    rows = [
        (
            kinds[kind.kind].label[voice.language],
            voice.number(kind.seen),
            voice.number(sum(kind.excluded.values())),
            voice.number(kind.sent),
            voice.number(sum(kind.rejected_at_source.values()) + sum(kind.rejected_at_target.values())),
            voice.number(kind.loaded),
            voice.number(kind.unexplained),
        )
        for kind in found.kinds
    ]
    voice.table([head, *rows], right=frozenset(range(1, 7)), indent="    ")
    checks = [(kind.kind, check) for kind in found.kinds for check in kind.checks]
    for name, check in checks:
        if check.outcome.value == "failed":
            voice.line(
                f"    {voice.sign(good=False)} {kinds[name].label[voice.language]}: {check.name} {', '.join(check.differs[:5])}",
                style="red",
            )
    skipped = sum(check.outcome.value == "skipped" for _, check in checks)
    voice.line(
        f"    {voice.phrase('checks', passed=sum(check.outcome.value == 'passed' for _, check in checks), skipped=skipped)}"
    )
