"""A CDA document filtered: what it holds of fields that the instruction does not name is taken out or blanked, by a table (`cda.toml`).

Decides what each element is (`label`), which row of the table judges it, and how what was taken out is found again elsewhere: a value that left
its element must not stand in a narrative, so the narrative that repeats it is blanked too. A filtered copy is no longer the signed original:
it is made a transformation of it, with an identifier of its own (HL7 CDA R2, 4.2.3.1, relatedDocument XFRM), signed by nobody, and says so.
"""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from ecluse.adapters.containers.cda_rules import V3, XSI, FieldRow, label, table
from ecluse.adapters.xml import Element, local
from ecluse.passage.containers import Allowed, Found
from ecluse.terms.shown import shown

__all__ = ["REPEATS", "Filtered", "filter_cda", "remarks", "said", "test_codes"]

NOTE: Final = (
    " Copie filtrée par Écluse, à partir de l'original signé désigné par relatedDocument : ce que l'instruction du laboratoire ne nomme pas a été "
    "retiré. Elle n'est signée par personne. / Filtered copy of the signed original that relatedDocument names: what the laboratory's instruction "
    "does not name was taken out. Nobody signed it. "
)
SHORTEST: Final = 4
"""Letters of a word that is looked for where it was not: shorter ones are everywhere."""
REPEATS: Final = "repeats what was taken out"
PEOPLE: Final = frozenset(
    {"recordTarget", "associatedPerson", "assignedPerson", "associatedEntity", "guardian", "subject"}
)
"""Below these stands what is somebody's."""
_TELLING: Final = tuple(
    f"{{{V3}}}{name}"
    for name in (
        "given",
        "family",
        "name",
        "streetAddressLine",
        "streetName",
        "city",
        "postalCode",
        "county",
        "telecom",
        "id",
    )
)
ADDRESSES: Final = frozenset({"patient.address", "patient.birth_place", "prescriber.address"})
TELEPHONES: Final = frozenset({"prescriber.phone"})
_TOKEN: Final = re.compile(r"[^\W_](?:[\w'’@.+-]*[^\W_])?")

Inner = Callable[[bytes], tuple[Found, str]]
"""What was found in a file inside the document, and why it may not leave ("" when it may)."""


@dataclass(slots=True)
class Filtered:
    """What filtering did: elements taken out or blanked, and the words that went with those of a person. `lost`: why the one file that is the
    whole body (nonXMLBody) may not leave; without it there is no document.
    """

    removed: int = 0
    known: set[Element] = field(default_factory=set)
    """Elements that left under a field that is named: what they show has its owner."""
    words: set[str] = field(default_factory=set)
    dates: set[str] = field(default_factory=set)
    inside: list[str] = field(default_factory=list)
    lost: str = ""

    def repeated(self, text: str) -> bool:
        """Whether `text` holds a word that was taken out with a person, or the birth date as a report may write it."""
        if any(date in text for date in self.dates):
            return True
        return not self.words.isdisjoint(token.lower() for token in _TOKEN.findall(text))


def filter_cda(root: Element, *, allowed: Allowed, inner: Inner) -> Filtered:
    """Filter in place. `inner` judges the files inside. Afterwards `root` holds what may leave, and its note if anything was taken out."""
    done = Filtered()
    bodies = root.findall(f"{{{V3}}}component")
    if not allowed.everything:
        etree.strip_tags(root, etree.Comment, etree.PI)
        _header(root, (), allowed, done)
        for body in bodies:
            _body(body, allowed, done)
        done.words -= {
            token for each in done.known for token in _words(each)
        }  # named elsewhere, it leaves anyway
        _narratives(root, allowed, done)
    for body in bodies:
        _files(body, inner, done)
    if done.removed:
        _as_transformation(root)
    return done


def test_codes(root: Element) -> frozenset[str]:
    """Every code and translation in the body: LOINC, NABM and local ones."""
    return frozenset(
        each.get("code")
        for body in root.findall(f"{{{V3}}}component")
        for each in body.iter(f"{{{V3}}}code", f"{{{V3}}}translation", f"{{{V3}}}value")
        if each.get("code")
    )


# --- the walk -------------------------------------------------------------------------------------------------------------------------


def _header(element: Element, path: tuple[str, ...], allowed: Allowed, done: Filtered) -> None:
    """Judge each child: kept, opened, field by field, or taken out because no row names it."""
    rows = table()
    for child in list(element):
        where = "/".join((*path, label(child)))
        row = rows.fields.get(where)
        if where == "component":
            continue
        if row is not None:
            _field_row(child, row, allowed, done)
        elif where in rows.opened:
            had = _drop_text(child, done) or len(child)
            _header(child, (*path, label(child)), allowed, done)
            if had and not any(map(local, child)):
                _mask(child, done)
        elif where not in rows.keep:
            _take_out(child, done)


def _body(element: Element, allowed: Allowed, done: Filtered) -> None:
    """Taken out of the body, wherever they stand: who no field holds, and whom no field named."""
    rows = table()
    for child in list(element):
        names = (f"**/{label(child)}", f"**/{label(element)}/{label(child)}")
        row = next((rows.fields[name] for name in names if name in rows.fields), None)
        if any(name in rows.gone for name in names):
            _take_out(child, done)
        elif row is None:
            _body(child, allowed, done)
        else:
            if row.speech and not row.fields <= allowed.named:
                _blank_narrative(child, done)
            _field_row(child, row, allowed, done)


def _field_row(child: Element, row: FieldRow, allowed: Allowed, done: Filtered) -> None:
    if row.fields <= allowed.named:
        _without_reach(child, row, done)
        done.known.update(child.iter())
    elif row.mask:
        _remember(child, done)
        _mask(child, done)
    else:
        _take_out(child, done)


def _without_reach(element: Element, row: FieldRow, done: Filtered) -> None:
    """Somebody's name is named, where to find them is not: addresses and telephones go from inside what stays, unless the row holds them."""
    names = [
        name for name, fields in (("addr", ADDRESSES), ("telecom", TELEPHONES)) if not row.fields & fields
    ]
    for each in list(element.iter(*(f"{{{V3}}}{name}" for name in names))) if names else []:
        if each is not element:
            _take_out(each, done)


def _take_out(element: Element, done: Filtered) -> None:
    _remember(element, done)
    done.removed += 1
    parent = element.getparent()
    tail = element.tail or ""
    if tail.strip() and parent is not None:  # mixed text goes on without what stood in it
        before = element.getprevious()
        if before is None:
            parent.text = (parent.text or "") + tail
        else:
            before.tail = (before.tail or "") + tail
    parent.remove(element)


def _mask(element: Element, done: Filtered) -> None:
    """Blank an element that must stand: nothing below it, and nullFlavor MSK."""
    tail = element.tail
    for name in list(element.attrib):
        if name not in (f"{{{XSI}}}type", "use", "classCode", "typeCode", "determinerCode"):
            del element.attrib[name]
    for child in list(element):
        element.remove(child)
    element.text, element.tail = None, tail
    element.set("nullFlavor", "MSK")
    done.removed += 1


def _drop_text(element: Element, done: Filtered) -> bool:
    """The own text of an element that holds others: an address may be written so (CDA R2, mixed content). Whether there was any."""
    own = [element.text or "", *(child.tail or "" for child in element)]
    if not "".join(own).strip():
        return False
    done.words.update(
        token.lower() for text in own for token in _TOKEN.findall(text) if len(token) >= SHORTEST
    )
    done.removed += 1
    element.text = None
    for child in element:
        child.tail = None
    return True


def _remember(element: Element, done: Filtered) -> None:
    """The words of a person that leave their element; those of an organisation say nothing of anybody."""
    for each in element.iter(*_TELLING):
        above = {local(it) for it in each.iterancestors()}
        if above & PEOPLE and not any(name.endswith("Organization") for name in above):
            done.words |= _words(each)
    for born in element.iter(f"{{{V3}}}birthTime"):
        done.dates |= _dates(born.get("value", ""))


def _words(element: Element) -> set[str]:
    """The words of an element's text, address or identifier that are long enough to be looked for."""
    texts = (element.text or "", re.sub(r"^\w+:", "", element.get("value", "")), element.get("extension", ""))
    return {token.lower() for text in texts for token in _TOKEN.findall(text) if len(token) >= SHORTEST}


def _dates(stamp: str) -> set[str]:
    """A birth date as reports write it."""
    year, month, day = stamp[:4], stamp[4:6], stamp[6:8]
    if len(day) < 2:
        return set()
    return {f"{day}{sign}{month}{sign}{year}" for sign in "/-. "} | {
        f"{year}-{month}-{day}",
        f"{year}{month}{day}",
    }


# --- narratives and files -------------------------------------------------------------------------------------------------------------


def _narratives(root: Element, allowed: Allowed, done: Filtered) -> None:
    for text in list(root.iter(f"{{{V3}}}text")):
        if local(text.getparent()) != "section" or text.get("nullFlavor"):
            continue
        narrative = " ".join(text.itertext())
        if done.repeated(narrative) or not shown(narrative) <= allowed.named:
            _mask(text, done)


def _blank_narrative(element: Element, done: Filtered) -> None:
    """A comment's words stand in the narrative of its section, which refers to them."""
    section = next((each for each in element.iterancestors() if local(each) == "section"), None)
    text = None if section is None else section.find(f"{{{V3}}}text")
    if text is not None and not text.get("nullFlavor"):
        _mask(text, done)


def _files(body: Element, inner: Inner, done: Filtered) -> None:
    """Files in base64: what `inner` lets pass stays, the rest is blanked."""
    for each in list(body.iter()):
        if each.get("representation") != "B64":
            continue
        packed = re.sub(r"\s", "", each.text or "")
        try:
            content = base64.b64decode(packed, validate=True)
        except ValueError:
            content = b""
        found, why = inner(content)
        why = why or (REPEATS if done.repeated(found.text or "") else "")
        done.inside.append(f"{found.form} in cda: {'refused' if why else 'left'}")
        if why:
            done.lost = why if local(each.getparent()) == "nonXMLBody" else done.lost
            _mask(each, done)
            continue
        if found.content != content:
            each.text = base64.b64encode(found.content).decode()
            done.removed += 1
        done.known.add(each)


# --- a copy, not the original ---------------------------------------------------------------------------------------------------------

_AFTER: Final = frozenset({"component", "authorization", "componentOf"})
"""What stands after relatedDocument in a ClinicalDocument (CDA R2 schema, POCD_MT000040)."""


def _as_transformation(root: Element) -> None:
    """A new identifier, a relatedDocument XFRM to the original, no signature, and a note for whoever reads the file."""
    for code in root.iter(f"{{{V3}}}signatureCode"):
        code.attrib.clear()
        code.set("nullFlavor", "NI")
    original = root.find(f"{{{V3}}}id")
    if original is not None:
        related = etree.Element(f"{{{V3}}}relatedDocument", typeCode="XFRM")
        parent = etree.SubElement(related, f"{{{V3}}}parentDocument")
        etree.SubElement(parent, f"{{{V3}}}id", dict(original.attrib))
        place = next((rank for rank, child in enumerate(root) if local(child) in _AFTER), len(root))
        root.insert(place, related)
        state = hashlib.sha256(etree.tostring(root, method="c14n")).hexdigest()
        original.attrib.clear()
        original.set("root", f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, state).int}")
    root.insert(0, etree.Comment(NOTE))


def remarks(root: Element) -> str:
    """What comments and instructions say, in the document and around it."""
    around = [*root.itersiblings(preceding=True), *root.itersiblings()]
    return "\n".join(each.text or "" for each in (*around, *root.iter(etree.Comment, etree.PI)))


def said(root: Element, done: Filtered) -> Iterator[str]:
    """Every text and every telling attribute that no named field accounts for."""
    for each in root.iter():
        if each in done.known:
            continue
        for name, value in each.attrib.items():
            if name not in _SILENT:
                yield value
        if local(each):
            yield each.text or ""
        yield each.tail or ""


_SILENT: Final = frozenset(
    {
        "root",
        "codeSystem",
        "codeSystemVersion",
        "ID",
        "moodCode",
        "classCode",
        "nullFlavor",
        f"{{{XSI}}}type",
        "unit",
    }
)
"""Attributes that hold identifiers of tables or the form of the document."""
