"""Rejected rows tried again (« rejouer ») once their cause is mended: written now, or kept sealed with today's reason.

Each row keeps the place it had in its part, and is marked under it: killed in the middle, a replay is simply called again, and a later `load` or
rollback knows what it wrote. It decides nothing about why a row was rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from ecluse.passage.custody import Vault
from ecluse.passage.load import PLACE, Loader, Mark, RowsRefused
from ecluse.passage.rejects import REASON, RejectVault
from ecluse.passage.site import COMING, WHOLE
from ecluse.proof.seal import Recipient
from ecluse.proof.unseal import Opener

__all__ = ["Replayed", "replay", "settle"]


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many rejected rows were written, and how many stay in the vault."""

    written: int
    left: int


def replay(
    loader: Loader, vault: Vault, folder: str, *, to: Recipient, identities: Sequence[Opener]
) -> Replayed:
    """Try every rejected row in `folder` again, parents first. Raises Fault `target/...` (nothing is then lost: call it again)."""
    settle(vault, folder)
    left = RejectVault(vault, f"{folder}{COMING}", to=to)
    order = list(loader.vocabulary.kinds)
    rejected = sorted(
        RejectVault(vault, folder, to=to).read(identities), key=lambda it: (order.index(it.kind), it.name)
    )
    written = kept = 0
    for batch in rejected:
        for index in range(batch.rows.num_rows):
            row = batch.rows.slice(index, 1).drop_columns([REASON])
            if _try(loader, batch.kind, batch.part, row=row, left=left):
                written += 1
            else:
                kept += 1
    vault.put(f"{folder}{WHOLE}", "whole", ())
    _swap(vault, folder)
    return Replayed(written, kept)


def settle(vault: Vault, folder: str) -> None:
    """End what a killed replay left: what stays takes the rejects' place if all of it is there, else the rejects stand as they were."""
    if vault.names(f"{folder}{WHOLE}"):
        _swap(vault, folder)
    vault.erase(f"{folder}{COMING}")


def _swap(vault: Vault, folder: str) -> None:
    """What stays takes the folder's place. As long as `WHOLE` says that all of it is there, a crash leaves it to be moved again."""
    coming = f"{folder}{COMING}"
    vault.erase(folder)
    for name in vault.names(coming):
        with vault.open(coming, name) as file:
            vault.put(folder, name, (file.read(),))
    vault.erase(f"{folder}{WHOLE}")
    vault.erase(coming)


def _try(loader: Loader, kind: str, part: int, *, row: pa.RecordBatch, left: RejectVault) -> bool:
    place = row.column(PLACE)[0].as_py()
    mark = Mark(loader.migration, part, kind, 1, place)
    if mark in loader.done.get(part, []):
        return True
    reason = loader.orphaned(row, kind=kind)
    if not reason:
        ready = loader.writers[kind].write(row)
        if ready.rejected.num_rows:
            reason = ready.rejected.column(REASON)[0].as_py()
        else:
            try:
                loader.target.write(ready.tables, mark=mark, replace=loader.replace)
            except RowsRefused as refused:
                reason = f"{refused.values['where']}: {refused.values['reason']}"
    if reason:
        left.put(kind, row.append_column(REASON, pa.array([reason])), place=f"{part:04d}.{place:07d}.1")
        loader.lost.setdefault(kind, set()).update(row.column("id").to_pylist())
    return not reason
