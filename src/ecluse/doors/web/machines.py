"""Machines of a chamber in the console: a site's agent is enrolled by a person who compared its key's fingerprint, and ended by one act."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods, require_POST

from ecluse.adapters.accounts.machines import end_machine, enrol_machine
from ecluse.adapters.accounts.models import Machine
from ecluse.base.refusal import Refusal
from ecluse.base.words import say
from ecluse.doors.web.access import entered, may, sure
from ecluse.people.role import Permission
from ecluse.wiring.console import exchange

__all__ = ["Enrol", "end", "machines"]


class Enrol(forms.Form):
    """A machine's public key, and its fingerprint as it was read at the machine: typed, not copied from here."""

    site = forms.RegexField(r"^[a-z0-9][a-z0-9-]{0,79}$", max_length=80)
    key = forms.CharField(max_length=120)
    fingerprint = forms.CharField(max_length=60)

    def __init__(self, *args: Any, language: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for key, each in self.fields.items():
            each.label = say(f"console.field_{key}", language)
        self.fields["fingerprint"].help_text = say("console.fingerprint_help", language)


@entered
@require_http_methods(["GET", "POST"])
def machines(request: HttpRequest) -> HttpResponse:
    """The machines, and for whoever may, the form that enrols one."""
    if request.method == "POST":
        return _enrol(request)
    return _page(request, Enrol(language=get_language() or "fr"))


@sure(Permission.ENROL_MACHINE)
def _enrol(request: HttpRequest) -> HttpResponse:
    language = get_language() or "fr"
    form = Enrol(request.POST, language=language)
    if form.is_valid():
        try:
            enrol_machine(exchange(), chamber=request.chamber.name, by=request.user, **form.cleaned_data)
        except Refusal as refusal:
            form.add_error(None, f"{refusal.message(language)} {refusal.hint(language)}")
        else:
            return redirect("machines", chamber=request.chamber.name)
    return _page(request, form)


@entered
@sure(Permission.ENROL_MACHINE)
@require_POST
def end(request: HttpRequest, machine: int) -> HttpResponse:
    """End a machine: its sessions die with it."""
    found = Machine.objects.filter(pk=machine, chamber=request.chamber.name, ended_at=None).first()
    if found is None:
        raise Http404
    if not request.POST.get("sure"):
        raise PermissionDenied
    end_machine(exchange(), found, by=request.user)
    return redirect("machines", chamber=request.chamber.name)


def _page(request: HttpRequest, form: Enrol) -> HttpResponse:
    rows = Machine.objects.filter(chamber=request.chamber.name).select_related("enrolled_by").order_by("-pk")
    return render(
        request,
        "console/machines.html",
        {
            "chamber": request.chamber.name,
            "rows": rows,
            "form": form,
            "may": may(request, Permission.ENROL_MACHINE),
        },
    )
