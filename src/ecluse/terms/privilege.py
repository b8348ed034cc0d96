"""What an account holds against what the plan needs (« moindre privilège »).

Decides which powers are too many and which lack. Pure: adapters say what is held (`privileges_...`), the plan says what is needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ecluse.terms.catalogue import Privilege

__all__ = ["MARKS", "SUPERUSER", "excess", "lacking", "target_needs"]

SUPERUSER: Final = Privilege("SUPERUSER")
MARKS: Final = "ecluse_load"
"""The table in which a target remembers what is loaded (`passage.load.Mark`)."""

WRITING: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")


def excess(held: Iterable[Privilege], needed: Iterable[Privilege]) -> list[Privilege]:
    """What is held and no need covers, in order: a standing power, an act that is not needed, a table or a column too many.

    Reading a whole table exceeds a need of some of its columns.
    """
    needs = frozenset(needed)
    return sorted(
        privilege for privilege in frozenset(held) if not any(need.covers(privilege) for need in needs)
    )


def lacking(held: Iterable[Privilege], needed: Iterable[Privilege]) -> list[Privilege]:
    """What is needed and nothing held covers, in order. A superuser lacks nothing."""
    holds = frozenset(held)
    if SUPERUSER in holds:
        return []
    return sorted(
        need for need in frozenset(needed) if not any(privilege.covers(need) for privilege in holds)
    )


def target_needs(tables: Iterable[str]) -> frozenset[Privilege]:
    """What loading, reading back and rolling back need on the target: the four acts on its tables and on the marks'.

    The account that made the table of marks owns it: that is needed too, and no more than that.
    """
    acts = {Privilege(act, table) for table in (*tables, MARKS) for act in WRITING}
    return frozenset(acts | {Privilege("OWNER", MARKS)})
