"""Streams of which two steps run at once: nothing is lost, reordered or swallowed."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Barrier, Event, current_thread

import pytest

from ecluse.passage.ahead import abreast, ahead, behind


def breaking(at: int) -> Iterator[int]:
    yield from range(at)
    raise ValueError("at the end")


def test_items_made_ahead_come_in_order() -> None:
    """The same items in the same order, and none of nothing."""
    assert list(ahead(range(50))) == list(range(50))
    assert list(ahead([])) == []


def test_only_one_item_is_made_ahead() -> None:
    """While one item is used, one more is made and no other."""
    made: list[int] = []
    second = Event()

    def making() -> Iterator[int]:
        for number in range(5):
            made.append(number)
            if number == 1:
                second.set()
            yield number

    items = ahead(making())
    next(items)
    assert second.wait(10)
    assert made == [0, 1]
    items.close()  # type: ignore[attr-defined]


def test_what_fails_ahead_fails_in_its_place() -> None:
    """The items before it are given first."""
    items = ahead(breaking(3))
    assert [next(items), next(items), next(items)] == [0, 1, 2]
    with pytest.raises(ValueError, match="at the end"):
        next(items)


def test_items_are_used_behind_by_one_other_thread() -> None:
    """Each is used once, in order, away from the thread that makes them, before it is given."""
    used: list[int] = []
    threads = set()

    def use(item: int) -> None:
        threads.add(current_thread().name)
        used.append(item)

    for item in behind(use, iter(range(50))):
        assert item in used
    assert used == list(range(50))
    assert len(threads) == 1
    assert current_thread().name not in threads
    assert list(behind(use, [])) == []


@pytest.mark.parametrize("at", [0, 1, 4])
def test_what_fails_behind_is_raised(at: int) -> None:
    """Whether at the first item, in the middle or at the last, no use fails unseen."""

    def use(item: int) -> None:
        if item == at:
            raise KeyError

    with pytest.raises(KeyError):
        list(behind(use, range(5)))


def test_what_cannot_be_made_is_raised_once_the_last_is_used() -> None:
    """The item under way is used to its end, so that nothing runs on after the failure."""
    used: list[int] = []
    with pytest.raises(ValueError, match="at the end"):
        list(behind(used.append, breaking(3)))
    assert used == [0, 1, 2]


def test_items_are_used_abreast_by_every_hand() -> None:
    """Two hands use two items at the same time, none is used twice at once, and what comes of them keeps the items' order."""
    both = Barrier(2, timeout=10)
    held: set[str] = set()

    def use(item: int, hand: str) -> tuple[int, str]:
        assert hand not in held
        held.add(hand)
        if item < 2:
            both.wait()
        held.remove(hand)
        return item, hand

    done = list(abreast(use, range(50), ["left", "right"]))
    assert [item for item, _ in done] == list(range(50))
    assert {hand for _, hand in done[:2]} == {"left", "right"}
    assert list(abreast(use, [], ["left"])) == []


def test_what_fails_abreast_is_raised_once_the_others_have_ended() -> None:
    """The items before it are given first, and the one beside it is used to its end."""
    used: list[int] = []

    def use(item: int, _hand: str) -> int:
        if item == 2:
            raise KeyError
        used.append(item)
        return item

    items = abreast(use, range(4), ["left", "right"])
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(KeyError):
        next(items)
    assert set(used) >= {0, 1}
