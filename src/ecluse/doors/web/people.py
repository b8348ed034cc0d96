"""People of a chamber in the console: who is admitted, an invitation, the end of an account. Each side answers for its own people."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ecluse.adapters.accounts.models import Account, Organisation
from ecluse.adapters.accounts.people import end_account, invite
from ecluse.adapters.accounts.two_persons import ask_end, ask_invitation
from ecluse.base.refusal import Refusal
from ecluse.base.words import say
from ecluse.doors.web.access import entered, sure
from ecluse.passage.requests import takes_two
from ecluse.people.role import ROLES, Permission, Role, invites
from ecluse.wiring.console import exchange

__all__ = ["Invite", "end", "new", "people"]


class Invite(forms.Form):
    """Who is invited: a human by name, with a professional id, in a role that the inviter may give."""

    name = forms.CharField(max_length=200)
    professional_id = forms.CharField(max_length=40)
    email = forms.EmailField()
    role = forms.ChoiceField()
    organisation = forms.CharField(max_length=200)

    def __init__(
        self, *args: Any, roles: frozenset[Role], language: str, organisation: str = "", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        for key, each in self.fields.items():
            each.label = say(f"console.field_{key}", language)
        self.fields["role"].choices = [
            (role.value, ROLES[role].label[language]) for role in Role if role in roles
        ]
        self.fields["organisation"].initial = organisation


@entered
@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """Who is admitted, and what each may do."""
    language = get_language() or "fr"
    accounts = Account.objects.filter(admissions__chamber=request.chamber.name).order_by(
        "organisation__name", "name"
    )
    rows = [
        (it, it.role_label(language), ROLES[Role(it.role)].does[language], _may_end(request, it))
        for it in accounts
    ]
    return render(
        request,
        "console/people.html",
        {"chamber": request.chamber.name, "rows": rows, "invites": bool(invites(Role(request.user.role)))},
    )


@entered
@sure(Permission.READ_LEDGER)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Invite one human; their link is shown once, to be given by another way than this site."""
    roles = invites(Role(request.user.role))
    if not roles:
        raise PermissionDenied
    language = get_language() or "fr"
    form = Invite(
        request.POST or None, roles=roles, language=language, organisation=request.user.organisation.name
    )
    link = ""
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        role = Role(given["role"])
        kind = {"controller": "laboratory", "processor": "vendor", "outside": "authority"}[ROLES[role].side]
        of, _ = Organisation.objects.get_or_create(name=given["organisation"], defaults={"kind": kind})
        who = {
            "by": request.user,
            "email": given["email"],
            "name": given["name"],
            "professional_id": given["professional_id"],
            "role": role,
            "organisation": of,
        }
        try:
            if takes_two(role, by=Role(request.user.role)):
                ask_invitation(exchange(), request.chamber.name, **who)
                return redirect("requests", chamber=request.chamber.name)
            token = invite(exchange(), chambers=[request.chamber.name], **who)
        except Refusal as refusal:
            form.add_error(None, f"{refusal.message(language)} {refusal.hint(language)}")
        else:
            link = request.build_absolute_uri(reverse("join", args=[token]))
    return render(
        request, "console/invite.html", {"chamber": request.chamber.name, "form": form, "link": link}
    )


@entered
@sure(Permission.END_ACCOUNT)
@require_POST
def end(request: HttpRequest, person: str) -> HttpResponse:
    """End an account: its sessions, certificates and machines with it, at once; another side's once a second person confirms. A reason is asked for."""
    account = Account.objects.filter(person=person, admissions__chamber=request.chamber.name).first()
    if account is None:
        raise Http404
    reason = request.POST.get("reason", "").strip()
    if not _may_end(request, account) or not reason:
        raise PermissionDenied
    if ROLES[Role(request.user.role)].side != ROLES[Role(account.role)].side:
        ask_end(exchange(), request.chamber.name, account, by=request.user, reason=reason[:200])
        return redirect("requests", chamber=request.chamber.name)
    end_account(exchange(), account, by=request.user, reason=reason[:200])
    return redirect("people", chamber=request.chamber.name)


def _may_end(request: HttpRequest, account: Account) -> bool:
    """One's own side's accounts, never one's own account; the host asks for the end of another side's, which somebody else confirms."""
    role = Role(request.user.role)
    same_side = ROLES[role].side == ROLES[Role(account.role)].side
    return (
        account.ended_at is None
        and account.pk != request.user.pk
        and Permission.END_ACCOUNT in ROLES[role].permissions
        and (same_side or role is Role.HOST)
    )
