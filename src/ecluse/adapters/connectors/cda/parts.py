"""The smallest parts of a CDA document: identifiers, instants, coded and measured values, texts that stand elsewhere; and what was read of it.

Decides how each becomes a text, and remembers every element that gave one, so that the rest can be counted as said or unsaid.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ecluse.adapters.connectors.cda.names import KNOWN, OURS, V3, XSI, q
from ecluse.adapters.connectors.files.format import CARRIED, IGNORED, UNKNOWN, Seen
from ecluse.adapters.xml import Element, local, namespace

__all__ = ["Page", "instant", "telling", "whole"]

_INSTANT: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(?:(\d\d)(\.\d{1,6})?\d*)?)?(?:[+-]\d{4})?")
_FORM: Final = frozenset({
    "templateId", "typeId", "realmCode", "languageCode", "title", "statusCode", "signatureCode", "functionCode", "standardIndustryClassCode",
    "methodCode", "content", "renderMultiMedia",
})  # fmt: skip
"""Elements that say what the document is made of, and nothing of a record."""
_FORM_ATTRIBUTES: Final = frozenset({
    "classCode", "moodCode", "typeCode", "determinerCode", "nullFlavor", "ID", "use", "contextConductionInd", "contextControlCode", "border",
    "align", "styleCode", "width", "colspan", "rowspan", "independentInd", f"{{{XSI}}}type", f"{{{XSI}}}schemaLocation",
})  # fmt: skip


@dataclass(slots=True)
class Page:
    """One document under way: what narratives say by their ID, and which elements gave a field."""

    root: Element
    texts: dict[str, Element] = field(default_factory=dict)
    taken: set[Element] = field(default_factory=set)

    def __post_init__(self) -> None:
        for element in self.root.iter():
            if name := element.get("ID"):
                self.texts.setdefault(name, element)

    # --- parts, each remembered --------------------------------------------------------------------------------------------------------

    def at(self, element: Element | None, path: str) -> Element | None:
        """The first element at a path of names ("patient/name"), in the namespace of CDA."""
        return None if element is None else element.find("/".join(q(name) for name in path.split("/")))

    def all(self, element: Element | None, path: str) -> list[Element]:
        """Every element at a path."""
        return [] if element is None else element.findall("/".join(q(name) for name in path.split("/")))

    def attribute(self, element: Element | None, name: str) -> str | None:
        """An attribute, None where it is absent or empty."""
        value = None if element is None else element.get(name)
        if value:
            self.taken.add(element)
        return value or None

    def text(self, element: Element | None) -> str | None:
        """All the text below an element, None where there is none."""
        said = None if element is None else whole(element)
        if said and element is not None:
            self.taken.update(element.iter())
        return said or None

    def referred(self, element: Element | None) -> str | None:
        """A text, or what the narrative says where a reference leads."""
        reference = self.at(element, "reference")
        if reference is None:
            said = self.text(element)
            return said.strip() or None if said and len(element) else said  # type: ignore[arg-type]
        there = self.texts.get((reference.get("value") or "").removeprefix("#"))
        said = self.text(there)
        if said:
            self.taken.add(reference)
        return " ".join(said.split()) if said else None

    def id(self, element: Element | None) -> str | None:
        """An identifier: its extension, or its root where it has none."""
        if element is None:
            return None
        return self.attribute(element, "extension") or self.attribute(element, "root")

    def when(self, element: Element | None) -> str | None:
        """An instant as ISO text: of the element, else where its interval ends, else where it begins."""
        if element is None:
            return None
        for place in (element, self.at(element, "high"), self.at(element, "low")):
            if value := self.attribute(place, "value"):
                return instant(value)
        return None

    def label(self, code: Element | None) -> str | None:
        """What a coded element is called: its display name, else its original text."""
        if code is None:
            return None
        return self.attribute(code, "displayName") or self.referred(self.at(code, "originalText"))

    def code(self, code: Element | None) -> str | None:
        """A code, else that of its first translation."""
        return self.attribute(code, "code") or self.attribute(self.at(code, "translation"), "code")

    # --- the account -------------------------------------------------------------------------------------------------------------------

    def fates(self) -> Iterator[Seen]:
        """Every element of the document under one fate."""
        counts: Counter[tuple[str, str]] = Counter()
        for element in self.root.iter():
            if isinstance(element.tag, str):
                name = local(element)
                counts[name if name in KNOWN else "element", self._fate(element)] += 1
        for (name, fate), times in sorted(counts.items()):
            yield Seen(name, fate, times)

    def _fate(self, element: Element) -> str:
        if element in self.taken or namespace(element) == OURS:
            return CARRIED
        if local(element) in _FORM and namespace(element) == V3:
            return IGNORED
        return UNKNOWN if telling(element) else IGNORED


def telling(element: Element) -> bool:
    """Whether an element says anything of its own: an attribute that is no form, or a text."""
    own = [element.text or "", *(child.tail or "" for child in element)]
    return bool("".join(own).strip()) or any(name not in _FORM_ATTRIBUTES for name in element.attrib)


def whole(element: Element) -> str:
    """All the text below an element, comments left out."""
    return (
        "".join(
            piece
            for each in element.iter()
            for piece in (
                (each.text or "") if isinstance(each.tag, str) else "",
                (each.tail or "") if each is not element else "",
            )
        )
        if len(element)
        else (element.text or "")
    )


def instant(value: str) -> str:
    """An HL7 instant (TS) as ISO text without its offset; another text as it stands, for the mapping to refuse."""
    said = _INSTANT.fullmatch(value)
    if said is None:
        return value
    year, month, day, hour, minute, second, decimals = said.groups()
    date = f"{year}-{month}-{day}"
    if hour is None:
        return date
    return f"{date} {hour}:{minute}" + (f":{second}{decimals or ''}" if second else "")
