"""People of an exchange: invited, joined, admitted to chambers, ended. Each act stands in the ledgers of the chambers it concerns.

Decides how the tables change, and with which entry; the entry is appended first, so that no change is without a trace (a change that then fails shows
as an act without effect, and is simply done again). What a role allows is `people.role`'s.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.contrib.sessions.models import Session
from django.db import transaction

from ecluse.adapters.accounts.chambers import Chambers
from ecluse.adapters.accounts.models import (
    Account,
    Admission,
    Invitation,
    Machine,
    Organisation,
    SshCertificate,
)
from ecluse.base.refusal import Refusal
from ecluse.people.role import Role

__all__ = [
    "INVITATION",
    "Chambers",
    "accept_invitation",
    "admitted",
    "check_new",
    "end_account",
    "find_invitation",
    "invite",
    "note_two_networks",
    "send_invitation",
]

INVITATION: Final = timedelta(days=7)
INVITED: Final = "account.invited"
JOINED: Final = "account.joined"
ENDED: Final = "account.ended"
TWO_NETWORKS: Final = "account.two-networks"
INSPECTION: Final = timedelta(days=30)
"""How long an inspector is admitted."""


def invite(
    served: Chambers,
    *,
    by: Account | None,
    email: str,
    name: str,
    professional_id: str,
    role: Role,
    organisation: Organisation,
    chambers: Sequence[str] = (),
) -> str:
    """Invite one human; the token of their one-time link, of which only the digest is kept. `by` is None for the first person alone.

    Raises Refusal `account/exists`, `chamber/unknown`.
    """
    check_new(email)
    invitation = Invitation(
        email=email,
        name=name,
        professional_id=professional_id,
        role=role.value,
        organisation=organisation,
        chambers=list(chambers),
        invited_by=by,
    )
    return send_invitation(served, invitation, by=by.person if by else "exchange")


def check_new(email: str) -> None:
    """Nobody has, or had, an account with this address. Raises Refusal `account/exists`."""
    if Account.objects.filter(email__iexact=email).exists():
        raise Refusal("account/exists")


def send_invitation(served: Chambers, invitation: Invitation, *, by: str) -> str:
    """The invitation stands in its chambers' ledgers, in the name of `by`, and has a link from now on: the link's token. Raises Refusal `chamber/unknown`."""
    body = {"role": invitation.role, "organisation": invitation.organisation.kind}
    for chamber in invitation.chambers:
        served.chamber(chamber).record(INVITED, by=by, subject=chamber, body=body)
    token = secrets.token_urlsafe(32)
    invitation.digest, invitation.until = _digest(token), served.clock() + INVITATION
    invitation.save()
    return token


def find_invitation(token: str, *, at: datetime) -> Invitation:
    """The invitation behind a link. Raises Refusal `account/no-invitation` when it is unknown, used or over."""
    found = Invitation.objects.filter(digest=_digest(token), used_at=None, until__gt=at).first()
    if found is None:
        raise Refusal("account/no-invitation")
    return found


def accept_invitation(served: Chambers, token: str, *, password: str) -> Account:
    """The invited human's account, admitted where the invitation says. Raises Refusal `account/no-invitation`."""
    at = served.clock()
    with transaction.atomic():
        invitation = find_invitation(token, at=at)
        account = Account(
            person=f"p-{secrets.token_hex(4)}",
            email=invitation.email,
            name=invitation.name,
            professional_id=invitation.professional_id,
            role=invitation.role,
            organisation=invitation.organisation,
            joined_at=at,
        )
        account.set_password(password)
        account.save()
        invitation.used_at = at
        invitation.save()
        for chamber in invitation.chambers:
            until = at + INSPECTION if account.role == Role.INSPECTOR.value else None
            Admission.objects.create(account=account, chamber=chamber, since=at, until=until)
            served.chamber(chamber).record(
                JOINED, by=account.person, subject=account.person, body={"role": account.role}
            )
    return account


def admitted(account: Account, *, at: datetime) -> list[str]:
    """The chambers that a living account may enter now, sorted."""
    if account.ended_at is not None:
        return []
    rows = Admission.objects.filter(account=account)
    return sorted(row.chamber for row in rows if row.until is None or row.until > at)


def end_account(served: Chambers, account: Account, *, by: Account, reason: str) -> None:
    """One act that ends an account with its sessions, its SSH certificates and the machines it enrolled. It is never begun again.

    Raises Refusal `account/ended` when it is over already.
    """
    at = served.clock()
    if account.ended_at is not None:
        raise Refusal("account/ended", who=account.person)
    for chamber in admitted(account, at=at):
        served.chamber(chamber).record(ENDED, by=by.person, subject=account.person, body={"reason": reason})
    with transaction.atomic():
        account.ended_at = at
        account.set_unusable_password()
        account.save()
        SshCertificate.objects.filter(account=account, ended_at=None).update(ended_at=at)
        Machine.objects.filter(enrolled_by=account, ended_at=None).update(ended_at=at)
        for session in Session.objects.all():
            if session.get_decoded().get("_auth_user_id") == str(account.pk):
                session.delete()


def note_two_networks(served: Chambers, account: Account) -> None:
    """An account was open from two networks at once: the ledgers of its chambers tell of it, without the addresses."""
    for chamber in admitted(account, at=served.clock()):
        served.chamber(chamber).record(TWO_NETWORKS, by="exchange", subject=account.person, body={})


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
