"""The reject vault (« coffre des rejets »): rows that could not be carried, sealed for their own laboratory, expiring, replayable.

An engineer sees a reason, a count and a masked value; the rows themselves stay sealed to a key that dies with the migration's. This module
decides how they are kept and named; whether a row is rejected is decided where it fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

import pyarrow as pa
import pyarrow.compute as pc

from ecluse.passage.custody import Vault
from ecluse.passage.rows import body_of, read_body
from ecluse.proof.seal import Recipient, seal
from ecluse.proof.unseal import Opener, unseal

__all__ = ["REASON", "RejectVault", "RejectedRows", "masked"]

REASON = "_reason"


@dataclass(frozen=True, slots=True)
class RejectedRows:
    """One sealed batch of rejected rows: where it stands, of which kind, and the rows with their `_reason`."""

    name: str
    kind: str
    rows: pa.RecordBatch

    @property
    def part(self) -> int:
        """The number of the part they came in; for rows rejected at the source, the number of the batch."""
        return int(self.name.split(".")[1])

    @property
    def reasons(self) -> dict[str, int]:
        """Rows by reason ("field: why")."""
        return {
            line["values"]: line["counts"] for line in pc.value_counts(self.rows.column(REASON)).to_pylist()
        }

    @property
    def shapes(self) -> dict[str, tuple[str, ...]]:
        """For each reason that blames a field, up to three different shapes of what stood there (`masked`): what an engineer may see."""
        found: dict[str, dict[str, None]] = {}
        for line, reason in enumerate(self.rows.column(REASON).to_pylist()):
            field = reason.partition(":")[0]
            if field in self.rows.schema.names and pa.types.is_string(self.rows.schema.field(field).type):
                value = self.rows.column(field)[line].as_py()
                found.setdefault(reason, {})[masked(value) if value is not None else "NULL"] = None
        return {reason: tuple(shapes)[:3] for reason, shapes in found.items()}


class RejectVault:
    """The rejected rows of one migration at one site. `folder` names them in the vault."""

    def __init__(self, vault: Vault, folder: str, *, to: Recipient) -> None:
        self._vault, self._folder, self._to = vault, folder, to

    def put(self, kind: str, rows: pa.RecordBatch, *, place: str) -> None:
        """Seal rejected rows (with their `_reason`). `place` makes the name: the same rows met again after a crash are kept once."""
        name = f"{kind}.{place}.age"
        if name in self._vault.names(self._folder):
            return
        sealed = BytesIO()
        seal((body_of([rows]),), to=(self._to,), out=sealed)
        self._vault.put(self._folder, name, (sealed.getvalue(),))

    def read(self, identities: Sequence[Opener]) -> Iterator[RejectedRows]:
        """Open every sealed batch, in name order. Raises Refusal `unseal/...` with another key."""
        for name in self._vault.names(self._folder):
            with self._vault.open(self._folder, name) as file:
                body = b"".join(unseal(file, identities=identities))
            with pa.ipc.open_stream(pa.py_buffer(body)) as stream:
                rows = sum(batch.num_rows for batch in stream)
            for batch in read_body(body, rows=rows, where=name):
                yield RejectedRows(name, name.partition(".")[0], batch)

    @property
    def count(self) -> int:
        """How many sealed batches stand in the vault."""
        return len(self._vault.names(self._folder))


def masked(value: str) -> str:
    """A value's shape without the value: letters as A, digits as 9, the rest kept; at most 24 places."""
    shape = "".join(
        "A" if letter.isalpha() else "9" if letter.isdigit() else letter if letter in " -/.,:;<>" else "?"
        for letter in value
    )
    return shape if len(shape) <= 24 else f"{shape[:23]}…"
