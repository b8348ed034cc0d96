"""A contract in prose, given to the console as a file and shown as a card of sixteen mentions: found or lacking, in which words, on which page. It is not kept."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods

from ecluse.adapters.contracts import LARGEST, pages_of
from ecluse.base.refusal import Refusal
from ecluse.base.words import say
from ecluse.doors.web.access import entered
from ecluse.terms.agreement.prose import ProseFinding, read_prose

__all__ = ["contract"]


class Contract(forms.Form):
    """One file."""

    file = forms.FileField()

    def __init__(self, *args: Any, language: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].label = say("console.contract_file", language)


@entered
@require_http_methods(["GET", "POST"])
def contract(request: HttpRequest) -> HttpResponse:
    """The form, and once a file is given, the card."""
    language = get_language() or "fr"
    form = Contract(request.POST or None, request.FILES or None, language=language)
    found: tuple[ProseFinding, ...] = ()
    if request.method == "POST" and form.is_valid():
        try:
            found = read_prose(pages_of(form.cleaned_data["file"].read(LARGEST + 1)))
        except Refusal as refusal:
            form.add_error("file", f"{refusal.message(language)} {refusal.hint(language)}")
    rows = [
        (
            it,
            it.group.label[language],
            []
            if it.verdict == "found"
            else [(one.label[language], one.expects[language]) for one in it.mentions],
        )
        for it in found
    ]
    return render(
        request,
        "console/contract.html",
        {
            "chamber": request.chamber.name,
            "form": form,
            "rows": rows,
            "good": sum(it.verdict == "found" for it in found),
        },
    )
