"""Two steps of a stream at once: the next item is made in a thread while the last one is used; or one step by several hands.

Decides only that one item, and no more, is made ahead, so that memory stays that of two. The libraries that do the work (Arrow, DuckDB,
cryptography, the database's own client) let another thread run meanwhile; a machine with two cores gains what the shorter step takes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

__all__ = ["abreast", "ahead", "behind"]

Item = TypeVar("Item")
Hand = TypeVar("Hand")
Done = TypeVar("Done")


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The same items in the same order, each being made while the one before is used. What making one raises is raised in its place."""
    making = iter(items)
    end = object()
    with ThreadPoolExecutor(max_workers=1) as thread:
        coming: Future[object] = thread.submit(next, making, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, making, end)
            yield item  # type: ignore[misc] # only the end is no item


def behind(use: Callable[[Item], object], items: Iterable[Item]) -> Iterator[Item]:
    """Use each item in a thread while the next is made; gives each once it is used. What using one raises is raised here.

    For items that only the caller's own thread can make (SQLite).
    """
    with ThreadPoolExecutor(max_workers=1) as thread:
        last: tuple[Item, Future[object]] | None = None
        for item in items:
            if last is not None:
                last[1].result()
                yield last[0]
            last = item, thread.submit(use, item)
        if last is not None:
            last[1].result()
            yield last[0]


def abreast(
    use: Callable[[Item, Hand], Done], items: Iterable[Item], hands: Sequence[Hand]
) -> Iterator[Done]:
    """Use each item by whichever hand is free, in its thread, while the caller's own makes the next; gives what came of each, in order.

    What using one raises is raised here, in its place, once the others under way have ended.
    """
    free: SimpleQueue[Hand] = SimpleQueue()
    for hand in hands:
        free.put(hand)

    def by_hand(item: Item) -> Done:
        hand = free.get()
        try:
            return use(item, hand)
        finally:
            free.put(hand)

    with ThreadPoolExecutor(max_workers=len(hands)) as threads:
        under_way: deque[Future[Done]] = deque()
        for item in items:
            if len(under_way) == len(hands):
                yield under_way.popleft().result()
            under_way.append(threads.submit(by_hand, item))
        while under_way:
            yield under_way.popleft().result()
