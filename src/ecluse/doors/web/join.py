"""The one-time link by which an invited person joins: they choose a password, then set a second factor before anything else."""

from __future__ import annotations

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django import forms
from django.contrib.auth.password_validation import validate_password
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from ecluse.adapters.accounts.people import accept_invitation, find_invitation
from ecluse.base.refusal import Refusal
from ecluse.base.words import say
from ecluse.wiring.console import exchange

__all__ = ["Password", "join"]


class Password(forms.Form):
    """A new password, typed twice."""

    password = forms.CharField(
        strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )
    again = forms.CharField(strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}))

    def __init__(self, *args: object, language: str, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._language = language
        self.fields["password"].label = say("console.password", language)
        self.fields["again"].label = say("console.password_again", language)

    def clean(self) -> dict[str, str]:
        """Both are the same, and long enough."""
        given: dict[str, str] = super().clean() or {}
        if given.get("password") != given.get("again"):
            self.add_error("again", say("console.passwords_differ", self._language))
        elif given.get("password"):
            try:
                validate_password(given["password"])
            except forms.ValidationError as error:
                self.add_error("password", error)
        return given


@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """The page of one invitation; a used, expired or unknown one is answered alike."""
    served = exchange()
    language = request.session.get("language", served.settings.language)
    try:
        invitation = find_invitation(token, at=served.clock())
    except Refusal:
        return render(request, "console/join_over.html", status=404)
    form = Password(request.POST or None, language=language)
    if request.method == "POST" and form.is_valid():
        account = accept_invitation(served, token, password=form.cleaned_data["password"])
        perform_password_login(request, {"email": account.email}, Login(user=account, email=account.email))
        return redirect("mfa_index")
    return render(request, "console/join.html", {"form": form, "invitation": invitation})
