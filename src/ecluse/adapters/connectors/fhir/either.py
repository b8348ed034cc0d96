"""One FHIR system read in two ways: back, exactly, for reconciliation; and by an instruction, as anybody's resources.

Decides which of the two answers, by the plan alone. What is read by an instruction goes through `files`, with its rules, its account and its rejects;
what is read back was written by Écluse, and every row of it counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Protocol

import pyarrow as pa

from ecluse.base.refusal import Refusal
from ecluse.passage.account import Account, Accounting
from ecluse.passage.extract import Count, Snapshot
from ecluse.terms.plan import Plan, Slice

__all__ = ["EitherSnapshot", "Forth", "no_way_forth"]


class Forth(Snapshot, Accounting, Protocol):
    """A snapshot of files, with the account of what became of every resource."""


def no_way_forth() -> Forth:
    """For a source that is only read back. Raises Refusal `fhir/read-back-only`."""
    raise Refusal("fhir/read-back-only")


class EitherSnapshot:
    """Implements `passage.extract.Snapshot`, and `Accounting` for plans that are not read back. Each way is opened when it is first taken."""

    def __init__(self, back: Callable[[], Snapshot], forth: Callable[[], Forth]) -> None:
        self._open_back, self._open_forth = back, forth

    @cached_property
    def _back(self) -> Snapshot:
        return self._open_back()

    @cached_property
    def _forth(self) -> Forth:
        return self._open_forth()

    def _of(self, plan: Plan) -> Snapshot:
        if plan.read_back:
            return self._back
        return self._forth

    def unclassified(self, plan: Plan, path: str) -> dict[str, int]:
        """See `Snapshot.unclassified`."""
        return self._of(plan).unclassified(plan, path)

    def census(self, plan: Plan, piece: Slice) -> Iterator[Count]:
        """See `Snapshot.census`."""
        return self._of(plan).census(plan, piece)

    def rows(self, plan: Plan, piece: Slice) -> Iterator[pa.RecordBatch]:
        """See `Snapshot.rows`."""
        return self._of(plan).rows(plan, piece)

    def account(self, plan: Plan) -> Account:
        """What became of every resource and element."""
        return self._forth.account(plan)

    def unread(self, plan: Plan) -> Iterator[pa.RecordBatch]:
        """What could not be read."""
        return self._forth.unread(plan)
