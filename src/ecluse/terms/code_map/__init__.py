"""The code map (« correspondance des codes »): from a laboratory's own codes to LOINC and the NABM, by proposals and a person's signed decision.

units.py    what a unit measures             words.py     what a label names
targets.py  the codes one may choose among   propose.py   which one it probably is, and why
document.py the decisions, as a person reads and signs them
"""

from __future__ import annotations

from ecluse.terms.code_map.document import (
    NONE,
    CodeMap,
    Decision,
    Draft,
    Line,
    Offered,
    drafted,
    is_code_map,
    parse,
    read_draft,
    reason,
    render,
)
from ecluse.terms.code_map.locals import read_locals
from ecluse.terms.code_map.propose import LISTS, Likelihood, LocalTest, Proposal, Proposer, Reason, proposed
from ecluse.terms.code_map.targets import NOTICE, Catalogue, Target, catalogue

__all__ = [
    "LISTS",
    "NONE",
    "NOTICE",
    "Catalogue",
    "CodeMap",
    "Decision",
    "Draft",
    "Likelihood",
    "Line",
    "LocalTest",
    "Offered",
    "Proposal",
    "Proposer",
    "Reason",
    "Target",
    "catalogue",
    "drafted",
    "is_code_map",
    "parse",
    "proposed",
    "read_draft",
    "read_locals",
    "reason",
    "render",
]
