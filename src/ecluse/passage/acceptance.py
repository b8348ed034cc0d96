"""Acceptance (« accepter »): a biologist signs the comparison of both sides, and the copies on the way may be erased.

Decides which comparison may be accepted, and which runs it accepts. What was compared is decided by `reconcile`; what is erased, by `closing`.
"""

from __future__ import annotations

from ecluse.base.refusal import Refusal
from ecluse.passage.acts import RECONCILIATION_SIGNED
from ecluse.passage.migration import Act, MigrationState
from ecluse.passage.site import Site
from ecluse.people.person import check_may
from ecluse.people.role import Permission
from ecluse.proof.sign import Signer, add_signature, verify_document

__all__ = ["accept", "earlier_runs", "to_accept"]


def accept(site: Site, name: str, *, by: str, key: Signer) -> str:
    """A biologist signs the last reconciliation, in which nothing is unexplained; the document's digest. Both copies may now be erased.

    Raises Refusal `people/may-not`, `people/another-key`, and those of `to_accept`.
    """
    check_may(site.known(by).person, Permission.ACCEPT)
    digest = to_accept(site, name)
    site.known(by).check_theirs(key.public)
    envelope = site.documents.get(digest)
    try:
        site.documents.put(add_signature(envelope, key), digest=digest)
    except Refusal as refusal:  # signed already, by a run that was killed before it could note it
        if refusal.code != "sign/already-signed":
            raise
    verify_document(site.documents.get(digest), type="reconciliation", keys={by: key.public})
    for run in (
        *earlier_runs(site, name),
        name,
    ):  # the sums of a cut-over run cover what the runs before it carried
        if site.migration(run).state is MigrationState.LOADED:
            site.record(Act.RECONCILE.value, by=by, subject=run, body={"document": digest})
    return digest


def to_accept(site: Site, name: str) -> str:
    """The digest of the last reconciliation, if it may be accepted: made since the last loading, and with nothing unexplained in it.

    Raises Refusal `migration/not-now`, `reconcile/unexplained`, `reconcile/nothing-to-accept`.
    """
    state = site.migration(name).state
    if state is not MigrationState.LOADED:
        raise Refusal("migration/not-now", where=name, act=Act.RECONCILE.value, got=state.value)
    acts = [event for event in site.journal.events() if event.subject == name]
    loaded = max(event.seq for event in acts if event.act == Act.LOAD.value)
    found = [event.body for event in acts if event.act == RECONCILIATION_SIGNED and event.seq > loaded]
    if not found:  # what was found before the last loading says nothing of what the target holds now
        raise Refusal("reconcile/nothing-to-accept", where=name)
    last = found[-1]
    if last["unexplained"] or last["failed"]:
        raise Refusal(
            "reconcile/unexplained", got=last["unexplained"], checks=", ".join(last["failed"]) or "-"
        )
    return str(last["document"])


def earlier_runs(site: Site, name: str) -> list[str]:
    """For a cut-over run, the migrations under the same instruction that were extracted before it, oldest first; else none.

    A rehearsal is none of them: a cut-over run completes whole runs.
    """
    events = site.journal.events()
    drafted = {event.subject: event.body for event in events if event.act == Act.DRAFT.value}
    if drafted[name]["run"] != "delta":
        return []
    same = [
        run
        for run, body in drafted.items()
        if body["instruction"] == drafted[name]["instruction"] and not body["rehearse"]
    ]
    extracted = [
        event.subject for event in events if event.act == Act.EXTRACT.value and event.subject in same
    ]
    return extracted[: extracted.index(name)] if name in extracted else extracted
