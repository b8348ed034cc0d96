"""The witness (« témoin »): signs a ledger's heads only as long as they tell one growing history.

C2SP tlog-witness, as a laboratory's agent does it for the exchange's ledger. Without a witness, whoever keeps a ledger can cut its newest entries or
show two histories. This module decides whether a head follows the last one seen; it stores before it signs, so that a crash never
lets it sign two.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ecluse.base.refusal import Refusal
from ecluse.proof.keys import SigningKey
from ecluse.proof.note import COSIGNER, Checkpoint, NoteKey, cosign, verify_checkpoint
from ecluse.proof.tree import EMPTY_ROOT, verify_consistency

__all__ = ["Memory", "Witness"]


class Memory(Protocol):
    """What a witness remembers of each ledger, durably."""

    def seen(self, origin: str) -> Checkpoint | None:
        """The largest head cosigned for `origin`."""
        ...

    def keep(self, checkpoint: Checkpoint, *, after: Checkpoint | None) -> None:
        """Stores it in place of `after`; Fault `ledger/concurrent` when another head was stored meanwhile."""
        ...


class Witness:
    """Cosigns under `name` with `key`, which signs nothing else."""

    def __init__(self, memory: Memory, *, name: str, key: SigningKey) -> None:
        self._memory = memory
        self._key = key
        self.public = NoteKey(name, COSIGNER, key.public)

    def cosign(self, checkpoint: bytes, proof: Sequence[bytes], *, log: NoteKey, at: datetime) -> bytes:
        """The note with this witness's line, once it is shown to continue what was seen (`proof` is empty the first time).

        Raises Refusal `ledger/note-not-signed`, `ledger/rolled-back` for a smaller tree, `ledger/forked` for another history.
        """
        head = verify_checkpoint(checkpoint, log=log)
        last = self._memory.seen(log.name)
        self._check_size(head, last)
        if last is not None and last.size:
            try:
                verify_consistency(
                    old=last.size, new=head.size, proof=proof, old_root=last.root, new_root=head.root
                )
            except Refusal:
                raise Refusal("ledger/forked", got=head.size, expected=last.size) from None
        self._memory.keep(head, after=last)
        return cosign(checkpoint, name=self.public.name, key=self._key, at=at)

    def check_start(self, checkpoint: bytes, *, log: NoteKey) -> None:
        """Returns only when the head is no step back: at every start, before a restored backup can act.

        Raises Refusal `ledger/note-not-signed`, `ledger/rolled-back`, or `ledger/forked` when the same size has another root.
        """
        head = verify_checkpoint(checkpoint, log=log)
        last = self._memory.seen(log.name)
        self._check_size(head, last)
        if last is not None and last.size == head.size and last.root != head.root:
            raise Refusal("ledger/forked", got=head.size, expected=last.size)

    def _check_size(self, head: Checkpoint, last: Checkpoint | None) -> None:
        if last is not None and head.size < last.size:
            raise Refusal("ledger/rolled-back", got=head.size, expected=last.size)
        if not head.size and head.root != EMPTY_ROOT:
            raise Refusal("ledger/forked", got=0, expected=0)
