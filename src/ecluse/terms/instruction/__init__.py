"""The instruction (« instruction documentée », GDPR Art. 28(3)(a) and 29): what may leave, named field by field, and until when.

`content` holds its frozen values, `grammar` reads its exact bytes, `naming` says what may be named and what must be named together, `writing` drafts
its text, `coverage` holds it to the agreement, `authority` decides whether it may be used now, `sheet` is the page that a biologist reads.
"""

from ecluse.terms.instruction.authority import authorise
from ecluse.terms.instruction.content import (
    AcceptedExcess,
    Controller,
    Instruction,
    Limits,
    NamedField,
    Period,
    Processor,
    Recipient,
    Sample,
    SourceAfter,
    SpecialCategory,
    System,
)
from ecluse.terms.instruction.coverage import check_covered
from ecluse.terms.instruction.grammar import parse
from ecluse.terms.instruction.naming import without_lone_ins
from ecluse.terms.instruction.revocation import Revocation, draft_revocation, parse_revocation
from ecluse.terms.instruction.sheet import Line, Preview, Section, page
from ecluse.terms.instruction.writing import draft

__all__ = [
    "AcceptedExcess",
    "Controller",
    "Instruction",
    "Limits",
    "Line",
    "NamedField",
    "Period",
    "Preview",
    "Processor",
    "Recipient",
    "Revocation",
    "Sample",
    "Section",
    "SourceAfter",
    "SpecialCategory",
    "System",
    "authorise",
    "check_covered",
    "draft",
    "draft_revocation",
    "page",
    "parse",
    "parse_revocation",
    "without_lone_ins",
]
