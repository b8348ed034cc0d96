"""An empty agreement to fill in: every mention in its place, under a line that says what is expected and which article asks for it.

Decides how the document is laid out. An empty one is refused by every check, and says why line by line.
"""

from __future__ import annotations

from ecluse.base.words import say
from ecluse.terms.agreement.mentions import MENTIONS, Mention

__all__ = ["template"]


def template(language: str) -> str:
    """The text of an empty agreement, its comments in `language` ("fr" or "en"). Tables stand after the keys that belong to none."""
    lines = [f"# {line}".rstrip() for line in say("agreement.template_head", language).splitlines()]
    outer = [mention for mention in MENTIONS.values() if "." not in mention.key]
    inner = [mention for mention in MENTIONS.values() if "." in mention.key]
    for mention in outer:
        lines += ["", *_entry(mention, language)]
    table = ""
    for mention in inner:
        owner = mention.key.rpartition(".")[0]
        mark = "# " if mention.needed_if == "hosted" else ""
        if owner != table:
            lines += ["", *_hosting(mention, language), f"{mark}[{owner}]"]
            table = owner
        lines += [line if line.startswith("#") else mark + line for line in _entry(mention, language)]
    return "\n".join(lines) + "\n"


def _hosting(mention: Mention, language: str) -> list[str]:
    return [f"# {say('agreement.template_hosting', language)}"] if mention.needed_if == "hosted" else []


def _entry(mention: Mention, language: str) -> list[str]:
    """The comment and the empty line of one mention."""
    empty = "[]" if mention.form in ("texts", "categories", "safeguards", "processors") else '""'
    reference = mention.citation.reference(language)
    return [
        f"# {mention.label[language]} ({reference}) : {mention.expects[language]}"
        if language == "fr"
        else f"# {mention.label[language]} ({reference}): {mention.expects[language]}",
        f"{mention.key.rpartition('.')[2]} = {empty}",
    ]
