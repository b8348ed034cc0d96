"""Codes chosen for the laboratory's own: what a signed code map adds beside each local code.

Decides which rows have one: those of a classified field whose code, in their unit, a biologist mapped. The local code stays first, and is what is read back.
"""

from __future__ import annotations

from collections.abc import Sequence

from ecluse.adapters.connectors.fhir.elements import Row
from ecluse.terms.code_map import CodeMap
from ecluse.terms.codes import SYSTEMS

__all__ = ["tell_codings"]


def tell_codings(kind: str, rows: Sequence[Row], known: CodeMap) -> None:
    """Put the mapped code beside each row, as its context `_coding`; a map that maps nothing adds nothing."""
    if not known.targets:
        return
    for path, system in SYSTEMS.items():
        classified, _, name = path.partition(".")
        for row in rows if kind == classified else ():
            chosen = known.coding(system, row.get(name) or "", row.get("unit"))
            row["_coding"] = chosen[1] if chosen else None
