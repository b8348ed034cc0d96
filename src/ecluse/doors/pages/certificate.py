"""The certificate of erasure (« attestation d'effacement ») as a page for the quality binder: what, where, how, what is not covered, who signs.

Decides how the signed certificate reads. Every line of it stands in the signed bytes; its digest says which.
Source: the fields of users-and-products 6.10 (NIST SP 800-88 rev. 2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ecluse.doors.pages.lock import lock_drawing
from ecluse.doors.pages.markup import Body, Content, Markup, element, joined, page_of
from ecluse.doors.pages.tongue import Column, Tongue, sections
from ecluse.passage.migration import Migration, MigrationState

__all__ = ["certificate_body", "certificate_page", "not_covered", "places_table"]

_DIGESTS = ("agreement", "instruction", "manifest")


def certificate_page(
    certificate: Mapping[str, Any],
    *,
    language: str,
    digest: str = "",
    signers: Sequence[str] = (),
    people: Mapping[str, str] | None = None,
) -> str:
    """The page. `certificate`: the JSON object of the signed bytes; `digest`: theirs; `signers`: whose signatures were verified."""
    return page_of(
        certificate_body(certificate, language=language, digest=digest, signers=signers, people=people),
        language=language,
    )


def certificate_body(
    certificate: Mapping[str, Any],
    *,
    language: str,
    digest: str = "",
    signers: Sequence[str] = (),
    people: Mapping[str, str] | None = None,
) -> Body:
    """What `certificate_page` says, without the file around it."""
    tongue = Tongue(language, people or {})
    name = str(certificate["migration"])
    title = tongue.say("pages.certificate_title")
    head = tongue.masthead(
        title,
        tongue.say("pages.certificate_under", name=name),
        lock_drawing(Migration(name, MigrationState.ERASED), tongue),
    )
    why = tongue.either(f"pages.why_{certificate['why']}", str(certificate["why"]))
    count = sum(int(place["count"]) for place in certificate["places"])
    card: list[tuple[str, Content]] = [
        (tongue.say("pages.card_migration"), name),
        (tongue.say("pages.card_why"), why),
        (tongue.say("pages.card_person"), tongue.person(str(certificate["person"]))),
        (tongue.say("pages.card_started"), tongue.instant(str(certificate["started"]))),
        (tongue.say("pages.card_ended"), tongue.instant(str(certificate["ended"]))),
        (tongue.say("pages.card_tool"), str(certificate["tool"])),
        (tongue.say("pages.card_standard"), str(certificate["standard"])),
    ]
    number = tongue.figure(
        "good",
        tongue.number(count),
        tongue.say("pages.certificate_count", places=tongue.number(len(certificate["places"]))),
        tongue.say("pages.certificate_seen"),
    )
    parts = [
        (tongue.say("pages.places_title"), places_table(certificate, tongue)),
        (tongue.say("pages.not_covered_title"), not_covered(certificate, tongue)),
        (tongue.say("pages.evidence_title"), _documents(certificate, digest, tongue)),
        (tongue.say("pages.signatures_title"), _signatures(signers, tongue)),
    ]
    body = joined(
        head,
        element("main", tongue.card(card), number, sections(parts)),
        element("footer", element("p", tongue.say("pages.certificate_foot"))),
    )
    return Body(f"{title}, {name}", body)


def places_table(certificate: Mapping[str, Any], tongue: Tongue) -> Markup:
    """Each place: what was there, what was done, and what was seen after."""
    columns = [
        Column(tongue.say("pages.column_site_of")),
        Column(tongue.say("pages.column_erased")),
        Column(tongue.say("pages.column_method")),
        Column(tongue.say("pages.column_count"), right=True),
        Column(tongue.say("pages.column_verification")),
    ]
    rows = [
        (
            tongue.either(f"pages.place_{place['site']}", str(place["site"])),
            tongue.either(f"pages.erased_{str(place['what']).replace(' ', '_')}", str(place["what"])),
            tongue.either(f"pages.method_{str(place['method']).replace('-', '_')}", str(place["method"])),
            tongue.number(int(place["count"])),
            _seen(place, tongue),
        )
        for place in certificate["places"]
    ]
    return tongue.table(tongue.say("pages.places_caption"), columns, rows)


def not_covered(certificate: Mapping[str, Any], tongue: Tongue) -> Markup:
    """What the certificate says is not erased, and why."""
    lines = [element("li", str(line[tongue.language])) for line in certificate["not_covered"]]
    return joined(element("p", tongue.say("pages.not_covered_intro")), element("ul", lines))


def _seen(place: Mapping[str, Any], tongue: Tongue) -> Markup:
    """Which attempt was made after, reading or decrypting, and that it failed; or that there was nothing to attempt it on."""
    said = str(place["verification"])
    if not int(place["count"]):
        return tongue.tag("soft", tongue.either("pages.seen_nothing", said))
    attempt = {"key-destroyed": "decryption", "files-deleted": "read"}.get(str(place["method"]), "other")
    return tongue.tag("good", tongue.either(f"pages.seen_{attempt}", said))


def _documents(certificate: Mapping[str, Any], digest: str, tongue: Tongue) -> Markup:
    named = [(name, str(certificate[name])) for name in _DIGESTS if certificate[name]]
    named += [("erasure", digest)] if digest else []
    rows = [(tongue.say(f"pages.document_{name}"), element("code", text)) for name, text in named]
    columns = [Column(tongue.say("pages.column_document")), Column(tongue.say("pages.column_digest"))]
    return tongue.table(tongue.say("pages.evidence_caption"), columns, rows)


def _signatures(signers: Sequence[str], tongue: Tongue) -> Markup:
    """The electronic signatures that were verified, and room for the binder's own visa."""
    signed = [
        element("div", element("dt", tongue.say("pages.signed_by")), element("dd", name)) for name in signers
    ]
    visa = element("div", element("dt", tongue.say("pages.visa")))
    return element("dl", signed, visa, class_="sign")
