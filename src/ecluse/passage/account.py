"""The account of a source of files (« décompte des unités »): what became of every unit of every file, in counts, names of segments and kinds.

A unit (segment, line, element, row) has one fate: it gave a fact, it is structure, it says what the vocabulary has no word for, or it could
not be read, and why. A fact then became a record, was completed or replaced by a later one, was removed, or is of a kind the plan does not
name. A record ends as moved, excluded or rejected, as any other (`statement`). Nothing of it is a value; files are told by number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ecluse.base.refusal import Refusal

__all__ = ["UNREAD", "Account", "Facts"]

UNREAD: Final = "unread:"
"""How the fate of a unit that could not be read begins; the reason follows."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of one kind, each counted once: `told` as they came; the others as they stand in the end.

    `unnamed`: the plan does not name the kind; `superseded`: a later fact of the same record completes or replaces it; `gone`: removed, with
    the facts that said so. `never_told`: records said to be gone of which nothing else was told (their facts are among the gone).
    """

    told: int = 0
    records: int = 0
    superseded: int = 0
    gone: int = 0
    unnamed: int = 0
    never_told: int = 0

    @property
    def unexplained(self) -> int:
        """Facts that became nothing, or more than one thing."""
        return abs(self.told - self.records - self.superseded - self.gone - self.unnamed)


@dataclass(frozen=True, slots=True)
class Account:
    """What became of everything in `files` files. `left`: files not read, by why; `units`: by name, then by fate; `facts`: by kind.

    `orphans`: records whose parent was never seen, by the field that refers to it (kind.field); `kept`, `dropped`: columns by table.
    """

    files: int = 0
    left: dict[str, int] = field(default_factory=dict)
    units: dict[str, dict[str, int]] = field(default_factory=dict)
    facts: dict[str, Facts] = field(default_factory=dict)
    orphans: dict[str, int] = field(default_factory=dict)
    kept: dict[str, tuple[str, ...]] = field(default_factory=dict)
    dropped: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def seen(self) -> int:
        """Units in all."""
        return sum(sum(fates.values()) for fates in self.units.values())

    def fate(self, beginning: str) -> int:
        """Units whose fate begins so."""
        return sum(
            times
            for fates in self.units.values()
            for fate, times in fates.items()
            if fate.startswith(beginning)
        )

    @property
    def unread(self) -> dict[str, int]:
        """Units that could not be read, by reason."""
        found: dict[str, int] = {}
        for fates in self.units.values():
            for fate, times in fates.items():
                if fate.startswith(UNREAD):
                    reason = fate.removeprefix(UNREAD)
                    found[reason] = found.get(reason, 0) + times
        return found

    def unexplained(self, seen: Mapping[str, int]) -> int:
        """Facts and records that nothing explains. `seen`: for the kinds that are a table of their own, the records their census counted."""
        facts = sum(it.unexplained for it in self.facts.values())
        return facts + sum(
            abs(self.facts[kind].records - rows) for kind, rows in seen.items() if kind in self.facts
        )

    def content(self) -> dict[str, Any]:
        """As sealed and signed: plain JSON values."""
        return {
            "files": self.files,
            "left": dict(sorted(self.left.items())),
            "units": {name: dict(sorted(fates.items())) for name, fates in sorted(self.units.items())},
            "facts": {
                kind: {name: getattr(it, name) for name in Facts.__slots__}
                for kind, it in sorted(self.facts.items())
            },
            "orphans": dict(sorted(self.orphans.items())),
            "kept": {table: list(columns) for table, columns in sorted(self.kept.items())},
            "dropped": {table: list(columns) for table, columns in sorted(self.dropped.items())},
        }

    @classmethod
    def of(cls, content: dict[str, Any]) -> Account:
        """The inverse. Raises Refusal `parcel/statement-malformed`."""
        try:
            return cls(
                files=content["files"],
                left=dict(content["left"]),
                units={name: dict(fates) for name, fates in content["units"].items()},
                facts={kind: Facts(**counts) for kind, counts in content["facts"].items()},
                orphans=dict(content["orphans"]),
                kept={table: tuple(columns) for table, columns in content["kept"].items()},
                dropped={table: tuple(columns) for table, columns in content["dropped"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Refusal("parcel/statement-malformed") from None
