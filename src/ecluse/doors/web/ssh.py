"""A person's SSH certificates in the console: one is given for eight hours after a second factor, for a key that stays on their own machine."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods, require_POST

from ecluse.adapters.accounts.models import SshCertificate
from ecluse.adapters.accounts.people import admitted
from ecluse.adapters.accounts.ssh import SerialRegister, end_certificate, living_certificates
from ecluse.adapters.ssh_keys import LONGEST, Issued, SshAuthority, SshKeys
from ecluse.base.refusal import Refusal
from ecluse.base.words import say
from ecluse.doors.web.access import may, sure
from ecluse.people.role import Permission
from ecluse.wiring.console import exchange

__all__ = ["certificates", "end"]


class Key(forms.Form):
    """A public key, as `ssh-keygen` writes it."""

    key = forms.CharField(max_length=4096, widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}))

    def __init__(self, *args: Any, language: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["key"].label = say("console.ssh_key", language)


@login_required
@require_http_methods(["GET", "POST"])
def certificates(request: HttpRequest) -> HttpResponse:
    """The living certificates, and the form that gives one."""
    if not (may(request, Permission.DEPOSIT) or may(request, Permission.LOAD)):
        raise PermissionDenied
    if request.method == "POST":
        return _issue(request)
    return _page(request, Key(language=get_language() or "fr"))


@sure(Permission.READ_LEDGER)
def _issue(request: HttpRequest) -> HttpResponse:
    language, served = get_language() or "fr", exchange()
    form = Key(request.POST, language=language)
    given: Issued | None = None
    if form.is_valid():
        at, person = served.clock(), request.user.person
        authority = SshAuthority(SshKeys(served.settings.home / "ssh").authority(), SerialRegister(served))
        try:
            given = authority.issue(
                person,
                form.cleaned_data["key"],
                chambers=admitted(request.user, at=at),
                at=at,
                until=at + LONGEST,
            )
        except Refusal as refusal:
            form.add_error("key", f"{refusal.message(language)} {refusal.hint(language)}")
    return _page(request, form, given)


@login_required
@sure(Permission.READ_LEDGER)
@require_POST
def end(request: HttpRequest, serial: int) -> HttpResponse:
    """End one's own certificate."""
    found = SshCertificate.objects.filter(pk=serial, account=request.user, ended_at=None).first()
    if found is None:
        raise Http404
    end_certificate(exchange(), found, by=request.user)
    return redirect("certificates")


def _page(request: HttpRequest, form: Key, given: Issued | None = None) -> HttpResponse:
    served = exchange()
    return render(
        request,
        "console/ssh.html",
        {
            "form": form,
            "given": given,
            "living": living_certificates(request.user, at=served.clock()),
            "door": served.settings.sftp,
            "host": SshKeys(served.settings.home / "ssh")
            .host()
            .export_public_key("openssh")
            .decode()
            .strip(),
        },
    )
