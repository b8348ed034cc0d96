"""Codes chosen for the laboratory's own: what a signed code map adds beside each local code.

Decides which rows have one: those of a classified field whose code, in their unit, a biologist mapped. The local code stays first, and is what is read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ecluse.adapters.connectors.fhir.elements import Row
from ecluse.terms.code_map import CodeMap
from ecluse.terms.codes import SYSTEMS

__all__ = ["tell_codings"]

_KINDS: Final = frozenset(path.partition(".")[0] for path in SYSTEMS)


def tell_codings(kind: str, rows: Sequence[Row], known: CodeMap) -> None:
    """Put the mapped code beside each row, as its context `_coding`; a map that maps nothing adds nothing."""
    if not known.targets:
        return
    for row in rows if kind in _KINDS else ():
        chosen = known.of(kind, row)
        row["_coding"] = chosen[1] if chosen else None
