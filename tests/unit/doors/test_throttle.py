"""How much one address may ask for at the SFTP door."""

from __future__ import annotations

from ecluse.doors.sftp.throttle import Limits, Throttle


class Watch:
    """Seconds, moved by the test."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def door(**said: float) -> tuple[Throttle, Watch]:
    watch = Watch()
    return Throttle(Limits(**said), now=watch), watch  # type: ignore[arg-type]


def test_an_address_comes_in_so_often_and_no_more() -> None:
    """A burst is taken, then so many a second; an address at its most waits until one of its own leaves; another address is not concerned."""
    throttle, watch = door(burst=3, rate=1.0, per_address=4)
    assert [throttle.enter("192.0.2.1") for _ in range(4)] == [True, True, True, False]
    assert throttle.enter("192.0.2.2")
    watch.now = 1.5
    assert [throttle.enter("192.0.2.1") for _ in range(2)] == [True, False]
    watch.now = 100
    assert not throttle.enter("192.0.2.1")
    throttle.leave("192.0.2.1", known=False)
    assert throttle.enter("192.0.2.1")


def test_the_door_bears_so_many_in_all_and_so_many_strangers() -> None:
    """Those who have not logged in are fewer than those who have; each that leaves makes room."""
    throttle, _ = door(connections=3, not_logged_in=2)
    assert [throttle.enter(f"192.0.2.{number}") for number in range(3)] == [True, True, False]
    throttle.known()
    assert [throttle.enter(f"192.0.2.{number}") for number in range(3, 5)] == [True, False]
    throttle.known()
    assert not throttle.enter("192.0.2.9")
    throttle.leave("192.0.2.0", known=True)
    assert throttle.enter("192.0.2.9")


def test_failures_are_remembered_for_a_while() -> None:
    """After so many failures an address is not heard until they are forgotten; so many refusals are noted, and again once it behaved."""
    throttle, watch = door(failures=2, failures_forgotten=60.0, refusals_noted=2, burst=100)
    for _ in range(2):
        throttle.fail("192.0.2.1")
    assert not throttle.enter("192.0.2.1")
    assert throttle.enter("192.0.2.2")
    assert [throttle.notes("192.0.2.1") for _ in range(3)] == [True, True, False]
    watch.now = 61
    assert throttle.enter("192.0.2.1")
    assert throttle.notes("192.0.2.1")


def test_octets_are_moved_at_a_pace() -> None:
    """What is beyond a second's octets is waited for, and what was not used in an hour does not pile up."""
    throttle, watch = door(octets=1000.0)
    assert throttle.wait("192.0.2.1", 1000) == 0
    assert throttle.wait("192.0.2.1", 500) == 0.5
    watch.now = 3600
    assert throttle.wait("192.0.2.1", 1000) == 0
    assert throttle.wait("192.0.2.1", 1) > 0


def test_one_network_is_one_address() -> None:
    """The addresses of one IPv6 /64 count together, an IPv4 address written as IPv6 is itself, a name that is no address counts alone."""
    throttle, _ = door(per_address=1)
    assert [throttle.enter(it) for it in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")] == [
        True,
        False,
        True,
    ]
    assert [throttle.enter(it) for it in ("192.0.2.1", "::ffff:192.0.2.1", "fe80::1%eth0", "a socket")] == [
        True,
        False,
        True,
        True,
    ]


def test_a_crowd_of_addresses_does_not_fill_the_memory() -> None:
    """Of ten thousand addresses and more the longest unseen are forgotten, those inside and those that failed last."""
    throttle, watch = door(burst=2)
    throttle.fail("192.0.2.1")
    assert throttle.enter("192.0.2.2")
    for number in range(10_500):
        watch.now += 0.001
        throttle.notes(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(throttle._addresses) <= 10_000
    assert throttle._addresses["192.0.2.1"].failed
    assert throttle._addresses["192.0.2.2"].live == 1
