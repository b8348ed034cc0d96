"""The instruction as one page that a biologist reads before signing: what will leave, and beside it what will not.

Decides where each section stands; the sentences are `terms.instruction.sheet`'s, read off the value that is signed.
"""

from __future__ import annotations

from collections.abc import Sequence

from ecluse.doors.pages.lock import lock_drawing
from ecluse.doors.pages.markup import Body, Markup, element, joined, page_of
from ecluse.doors.pages.tongue import Tongue
from ecluse.terms.instruction import Section

__all__ = ["instruction_body", "instruction_page"]

_BESIDE = ("stays", "special")
"""What stands in the right column: what will not leave, and what is special."""


def instruction_page(
    sections: Sequence[Section],
    *,
    language: str,
    id: str,
    version: int,
    digest: str,
    signers: Sequence[str] = (),
) -> str:
    """The page. `sections`: `terms.instruction.page(...)` in the same language; `digest`: of the exact bytes; `signers`: who signed already."""
    return page_of(
        instruction_body(sections, language=language, id=id, version=version, digest=digest, signers=signers),
        language=language,
    )


def instruction_body(
    sections: Sequence[Section],
    *,
    language: str,
    id: str,
    version: int,
    digest: str,
    signers: Sequence[str] = (),
) -> Body:
    """What `instruction_page` says, without the file around it."""
    tongue = Tongue(language)
    title = tongue.say("pages.instruction_title", id=id, version=version)
    by_key = {section.key: section for section in sections}
    who = by_key.get("who")
    head = tongue.masthead(title, tongue.say("pages.instruction_under"), lock_drawing(None, tongue))
    what = _section(by_key["what"], "s") if "what" in by_key else None
    rest = [_section(section, "s") for section in sections if section.key not in ("who", "what", *_BESIDE)]
    aside = [_section(by_key[key], "b") for key in _BESIDE if key in by_key]
    orders = element("div", [element("p", line.text) for line in who.lines]) if who else None
    body = joined(
        head,
        element(
            "main",
            orders,
            element("div", element("div", what), element("aside", aside, class_="aside"), class_="cols"),
            element("div", rest, class_="rest"),
            _signing(digest, signers, tongue),
        ),
    )
    return Body(title, body)


def _section(section: Section, prefix: str) -> Markup:
    """A title and its lines; what a line opens on is written under it, so that paper shows it too."""
    lines = [
        element("li", line.text, element("small", ", ".join(line.details)) if line.details else None)
        for line in section.lines
    ]
    name = f"{prefix}-{section.key}"
    return element(
        "section",
        element("h2", section.title, id=name),
        element("ul", lines, class_="inline" if section.key == "sites" else "lines"),
        aria_labelledby=name,
    )


def _signing(digest: str, signers: Sequence[str], tongue: Tongue) -> Markup:
    """Who signed what: the digest is the thing signed."""
    signed = [
        element("div", element("dt", tongue.say("pages.signed_by")), element("dd", name)) for name in signers
    ]
    unsigned = None if signers else element("p", tongue.tag("warn", tongue.say("pages.not_signed")))
    return element(
        "section",
        element("h2", tongue.say("pages.signatures_title"), id="signatures"),
        element("p", tongue.say("pages.signing_intro")),
        element("pre", element("code", digest)),
        unsigned,
        element("dl", signed, class_="sign") if signed else None,
        aria_labelledby="signatures",
    )
