"""The statement sealed as a parcel's last part: what the source held, what left, what stayed and by which rule, and the sums to compare.

Counts only: no value of any row. It is what reconciliation at the target holds the target against.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ecluse.base.refusal import Refusal
from ecluse.passage.account import Account
from ecluse.passage.rows import FORMAT
from ecluse.passage.tally import Analytes, Group, Salts, Tally
from ecluse.proof.canonical import strict_json

__all__ = ["KindStatement", "Statement"]


@dataclass(slots=True)
class KindStatement:
    """One record kind. `excluded`: rows by (rule, group); `rejected`: rows by reason; `withheld`: rows whose free texts stayed, by category.

    `opened`: documents by form and fate ("cda: filtered", "pdf: whole", "pdf: refused"); why one was refused stands in `rejected`.
    """

    fields: tuple[str, ...]
    sums: Tally = field(default_factory=Tally)
    analytes: Analytes = field(default_factory=Analytes)
    excluded: Counter[tuple[str, Group]] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    withheld: Counter[str] = field(default_factory=Counter)
    opened: Counter[str] = field(default_factory=Counter)

    @property
    def moved(self) -> int:
        """Rows that left."""
        return self.sums.total.rows

    @property
    def seen(self) -> int:
        """Rows the source held: moved, excluded or rejected."""
        return self.moved + self.excluded.total() + self.rejected.total()

    @property
    def by_rule(self) -> dict[str, int]:
        """Excluded rows by rule, most first."""
        rules: Counter[str] = Counter()
        for (rule, _), rows in self.excluded.items():
            rules[rule] += rows
        return dict(rules.most_common())


@dataclass(frozen=True, slots=True)
class Statement:
    """What one extraction states. `at` and `since` are ISO instants (`since` "" for a whole run); `method` names the checksum.

    `account`: of a source of files, what became of every unit; None for any other.
    """

    at: str
    method: str
    salts: Salts
    since: str
    kinds: dict[str, KindStatement]
    account: Account | None = None

    def encode(self) -> bytes:
        """As sealed: strict JSON, one object."""
        account = {} if self.account is None else {"account": self.account.content()}
        return json.dumps(
            {
                **account,
                "at": self.at,
                "format": FORMAT,
                "method": self.method,
                "since": self.since,
                "salts": [f"{salt:016x}" for salt in self.salts],
                "kinds": {name: _encode(kind) for name, kind in self.kinds.items()},
            },
            separators=(",", ":"),
            ensure_ascii=False,
        ).encode()

    @classmethod
    def decode(cls, octets: bytes) -> Statement:
        """The inverse. Raises Refusal `parcel/statement-malformed`."""
        try:
            content: Any = strict_json(octets, limit=len(octets))
            kinds = {name: _decode(kind) for name, kind in content["kinds"].items()}
            salts = Salts(*(int(salt, 16) for salt in content["salts"]))
            account = Account.of(content["account"]) if "account" in content else None
            return cls(content["at"], content["method"], salts, content["since"], kinds, account)
        except (KeyError, TypeError, ValueError):
            raise Refusal("parcel/statement-malformed") from None


def _encode(kind: KindStatement) -> dict[str, Any]:
    return {
        "fields": list(kind.fields),
        "sums": kind.sums.lines(),
        "analytes": [[code, unit, *counts] for (code, unit), counts in sorted(kind.analytes.lines.items())],
        "excluded": [
            [rule, group.site, group.month, rows] for (rule, group), rows in sorted(kind.excluded.items())
        ],
        "rejected": dict(sorted(kind.rejected.items())),
        "withheld": dict(sorted(kind.withheld.items())),
        "opened": dict(sorted(kind.opened.items())),
    }


def _decode(kind: dict[str, Any]) -> KindStatement:
    return KindStatement(
        fields=tuple(kind["fields"]),
        sums=Tally.from_lines(kind["sums"]),
        analytes=Analytes({(line[0], line[1]): (line[2], line[3], line[4]) for line in kind["analytes"]}),
        excluded=Counter({(rule, Group(site, month)): rows for rule, site, month, rows in kind["excluded"]}),
        rejected=Counter(kind["rejected"]),
        withheld=Counter(kind["withheld"]),
        opened=Counter(kind.get("opened", {})),  # parcels sealed by a version that opened nothing
    )
