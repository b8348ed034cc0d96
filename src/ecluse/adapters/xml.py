"""XML from anybody, read within bounds: no DTD, no entity, no network, no bomb; or `Malformed` with a short stable reason.

Decides what is refused before a tree is believed. libxml2 bounds depth (256) and the length of one text (10 MB); this adds the size of the whole
and the number of elements, and refuses every document type declaration, so that no entity is ever declared, expanded or fetched (CWE-611,
CWE-776). lxml rather than the standard library: it keeps prefixes, order, comments and instructions as they stood, which a document that is
filtered and written again needs; `defusedxml` guards only parsers that lose them.
"""

from __future__ import annotations

from typing import Any, Final

from lxml import etree

__all__ = [
    "MOST_ELEMENTS",
    "MOST_OCTETS",
    "Element",
    "Malformed",
    "local",
    "namespace",
    "parse_xml",
    "written",
]

Element = Any
"""An lxml element; the library gives no types."""

MOST_OCTETS: Final = 64 << 20
MOST_ELEMENTS: Final = 400_000


class Malformed(ValueError):
    """`reason`: "too-large", "doctype", "not-well-formed". Never a word of the document."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_xml(octets: bytes) -> Element:
    """The root element, comments and instructions in their places. Raises `Malformed`."""
    if len(octets) > MOST_OCTETS:
        raise Malformed("too-large")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        recover=False,
        strip_cdata=False,
    )
    try:
        root = etree.fromstring(octets, parser)
    except (etree.XMLSyntaxError, ValueError):
        # A declared entity can be what made it malformed: both are refused, and which of the two it was helps nobody.
        raise Malformed("not-well-formed") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Malformed("doctype")
    if sum(1 for _ in root.iter()) > MOST_ELEMENTS:
        raise Malformed("too-large")
    return root


def local(element: Element) -> str:
    """The name without its namespace; "" for a comment or an instruction."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def namespace(element: Element) -> str:
    """The namespace of an element, "" for none."""
    return etree.QName(element).namespace or "" if isinstance(element.tag, str) else ""


def written(root: Element) -> bytes:
    """The element as a document, UTF-8 with its declaration, without what stood before or after it. The same tree gives the same octets."""
    octets: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True, with_tail=False)
    return octets
