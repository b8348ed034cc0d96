"""What takes two persons, carried out: asked in one entry of the chamber's ledger, and done in the same act as the entry that confirms it.

Decides how the tables change. What waits, and for whom, is `passage.requests`'s: nothing of it is kept here but the name and address of whoever would be
invited, which no ledger may hold; they lie as an invitation that no link opens, and go when the request is refused, withdrawn or over.
"""

from __future__ import annotations

import secrets
from typing import Final

from ecluse.adapters.accounts.chambers import Chambers
from ecluse.adapters.accounts.models import Account, Invitation, Organisation
from ecluse.adapters.accounts.people import check_new, end_account, send_invitation
from ecluse.base.refusal import Refusal
from ecluse.passage.acts import REQUEST_CONFIRMED, REQUEST_MADE
from ecluse.passage.requests import WITHIN, Request, check_settles, requests
from ecluse.people.role import Role

__all__ = ["ask_end", "ask_invitation", "settle"]

ID: Final = "r-"
"""How a request's id begins: no digest of a link does."""


def ask_invitation(
    served: Chambers,
    chamber: str,
    *,
    by: Account,
    email: str,
    name: str,
    professional_id: str,
    role: Role,
    organisation: Organisation,
) -> str:
    """Ask that one human be invited; the request's id. Raises Refusal `account/exists`, `chamber/unknown`."""
    check_new(email)
    at = served.clock()
    Invitation.objects.filter(digest__startswith=ID, until__lte=at).delete()
    request = _ask(served, chamber, by=by, what=f"invite-{role.value}", organisation=organisation.kind)
    Invitation.objects.create(
        digest=request,
        email=email,
        name=name,
        professional_id=professional_id,
        role=role.value,
        organisation=organisation,
        chambers=[chamber],
        invited_by=by,
        until=at + WITHIN,
    )
    return request


def ask_end(served: Chambers, chamber: str, account: Account, *, by: Account, reason: str) -> str:
    """Ask that another side's account be ended; the request's id. Raises Refusal `account/ended`."""
    if account.ended_at is not None:
        raise Refusal("account/ended", who=account.person)
    return _ask(served, chamber, by=by, what="end-account", account=account.person, reason=reason)


def settle(served: Chambers, chamber: str, request: str, act: str, *, by: Account) -> str:
    """Confirm, refuse or withdraw a request; what a confirmed one asks is done at once. The token of the invited human's link, or "".

    Raises Refusal `request/unknown`, `request/settled`, `request/not-yours`, `account/...`, Fault `ledger/concurrent` (retry).
    """
    inside, at = served.chamber(chamber), served.clock()
    events = inside.events()
    asked = requests(events, at=at).get(request)
    asker = Account.objects.filter(person=asked.by, ended_at=None).first() if asked else None
    if asked is None or asker is None:
        raise Refusal("request/unknown", where=request)
    check_settles(asked, act, asker=asker.as_person(), by=by.as_person())
    invitation = Invitation.objects.filter(digest=request).first()
    ended = Account.objects.filter(person=asked.body.get("account", "")).first()
    if act == REQUEST_CONFIRMED:
        _check_possible(asked, invitation, ended)
    inside.record(act, by=by.person, subject=request, body={"what": asked.what}, expected=len(events))
    if act != REQUEST_CONFIRMED:
        Invitation.objects.filter(digest=request).delete()
    elif invitation is not None:
        return send_invitation(served, invitation, by=by.person)
    elif ended is not None:
        end_account(served, ended, by=by, reason=str(asked.body.get("reason", "")))
    return ""


def _check_possible(asked: Request, invitation: Invitation | None, ended: Account | None) -> None:
    """What is asked can still be done, so that no entry confirms what then does not happen."""
    if invitation is not None:
        check_new(invitation.email)
    elif ended is None:
        raise Refusal("request/unknown", where=asked.id)
    elif ended.ended_at is not None:
        raise Refusal("account/ended", who=ended.person)


def _ask(served: Chambers, chamber: str, *, by: Account, **body: str) -> str:
    request = f"{ID}{secrets.token_hex(6)}"
    served.chamber(chamber).record(REQUEST_MADE, by=by.person, subject=request, body=body)
    return request
