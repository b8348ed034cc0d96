"""What an exchange does by itself: it erases what it may not keep, refuses to start on what is unsafe, and never goes back a version."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from ecluse.base.refusal import Refusal
from ecluse.base.words import Sentence
from ecluse.passage.migration import MigrationState
from ecluse.wiring.exchange import Exchange, write_exchange
from ecluse.wiring.starting import check_start, make_certificate, unsafe
from tests.doors.exchange.conftest import Hands


def made(home: Path, hands: Hands) -> Exchange:
    return Exchange(write_exchange(home, name="sas.example", host="h", language="fr"), clock=hands)


def test_what_may_not_be_kept_is_erased_without_anybody(served: Exchange, chamber: str, hands: Hands) -> None:
    """A parcel past its longest time is expired and erased by the exchange's own round, with an entry that says so."""
    from ecluse.doors.serving import keep_house

    kept = served.chamber(chamber)
    for act in ("migration.drafted", "migration.instructed", "gate.source-opened", "gate.source-closed", "migration.extracted"):  # fmt: skip
        kept.record(act, by="p-0001", subject="m-old", body={})
    kept.custody.put("m-old", "part-0001.age", [b"age-encryption.org/v1\n"])
    assert "m-old" not in keep_house(served)
    hands.pass_(days=400)
    assert "m-old" in keep_house(served)
    assert kept.custody.names("m-old") == []
    assert kept.migration("m-old").state is MigrationState.EXPIRED
    assert kept.events()[-1].act == "custody.erased"
    assert "m-old" not in keep_house(served)


def test_an_exchange_starts_only_when_nothing_is_unsafe(tmp_path: Path, hands: Hands) -> None:
    """An open key, a key that could open a parcel, an expired certificate and a clock behind its own ledger are each named; mended, it starts."""
    served, chamber = made(tmp_path / "x", hands), "labo-a"
    home = served.settings.home
    served.create_chamber(chamber)
    make_certificate(served.settings, at=hands())
    make_certificate(served.settings, at=hands())  # nothing is replaced
    home.chmod(0o700)
    check_start(served)
    key = home / served.settings.https.key
    key.chmod(0o644)
    stray = home / "chambers" / chamber / "root.age"
    stray.write_text("")
    with pytest.raises(Refusal, match="exchange/unsafe") as refused:
        check_start(served)
    assert [word for word in ("tls/key.pem", "root.age") if word not in refused.value.message()] == []
    key.chmod(0o600)
    stray.unlink()
    check_start(served)
    served.chamber(chamber).record("note", by="p-0001", subject="x", body={})
    found = list(unsafe(served, at=hands() - timedelta(minutes=6)))
    assert [
        it
        for it in found
        if "the clock is behind the ledger" in str(it.said("en") if isinstance(it, Sentence) else it)
    ]
    assert [
        it
        for it in unsafe(served, at=hands() + timedelta(days=400))
        if "expired on" in str(it.said("en") if isinstance(it, Sentence) else it)
    ]


def test_only_the_newest_tls_is_spoken(tmp_path: Path, hands: Hands) -> None:
    """TLS 1.3 is answered; a client of TLS 1.2, or plain HTTP, is not, before a word of it is heard."""
    import ssl

    from ecluse.doors.serving import tls

    served = made(tmp_path / "x", hands)
    make_certificate(served.settings, at=hands())

    def begins(newest: ssl.TLSVersion) -> bytes:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.maximum_version = newest
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        sent = ssl.MemoryBIO()
        with pytest.raises(ssl.SSLWantReadError):
            context.wrap_bio(ssl.MemoryBIO(), sent).do_handshake()
        return sent.read()

    def answered(octets: bytes) -> None:
        come = ssl.MemoryBIO()
        come.write(octets)
        tls(served).wrap_bio(come, ssl.MemoryBIO(), server_side=True).do_handshake()

    with pytest.raises(ssl.SSLWantReadError):  # it answered, and waits for the end of the handshake
        answered(begins(ssl.TLSVersion.TLSv1_3))
    for octets in (begins(ssl.TLSVersion.TLSv1_2), b"GET / HTTP/1.1\r\nHost: sas.example\r\n\r\n"):
        with pytest.raises(ssl.SSLError, match=r"(?i)unsupported.protocol|http.request"):
            answered(octets)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda home: (home / "tls" / "certificate.pem").write_text("x"), "is no certificate"),
        (lambda home: (home / "tls" / "certificate.pem").unlink(), "is no certificate"),
        (lambda home: (home / "tls" / "key.pem").unlink(), "tls/key.pem is not there"),
        (lambda home: home.chmod(0o755), "can be read by other accounts"),
    ],
    ids=["damaged", "absent", "no key", "open folder"],
)
def test_each_unsafe_thing_is_named(tmp_path: Path, hands: Hands, change, said: str) -> None:  # type: ignore[no-untyped-def]
    """A certificate that is none, a missing key or an open folder keep the exchange from starting, each by its name."""
    from ecluse.wiring.exchange import write_exchange

    exchange = Exchange(
        write_exchange(tmp_path / "x", name="sas.example", host="h", language="fr"), clock=hands
    )
    make_certificate(exchange.settings, at=hands())
    change(exchange.settings.home)
    assert [
        it
        for it in unsafe(exchange, at=hands())
        if said in str(it.said("en") if isinstance(it, Sentence) else it)
    ]


def test_what_an_exchange_holds_is_its_own_accounts_alone(served: Exchange, chamber: str) -> None:
    """No file of an exchange can be read by another account of the machine, the accounts' tables and the configuration included."""
    files = [it for it in served.settings.home.rglob("*") if it.is_file()]
    assert {"accounts.sqlite", "exchange.toml", "secret.key", "log.key"} <= {it.name for it in files}
    named = [it for it in files if it.name in ("accounts.sqlite", "exchange.toml") or it.suffix == ".key"]
    assert [it.name for it in named if it.stat().st_mode & 0o077] == []


def test_an_older_version_does_not_start_on_newer_tables(served: Exchange) -> None:
    """Where a later version has been, this one refuses rather than guess; nothing is changed."""
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    from ecluse.wiring.console import upgrade

    recorder = MigrationRecorder(connection)
    recorder.record_applied("accounts", "9999_from_the_future")
    try:
        with pytest.raises(Refusal, match="exchange/newer"):
            upgrade()
    finally:
        recorder.record_unapplied("accounts", "9999_from_the_future")
    upgrade()


def test_a_housekeeping_that_fails_ends_the_service_aloud() -> None:
    """What stops erasure on time is raised where the exchange is served; housekeeping that was merely stopped is no failure."""
    import asyncio

    from ecluse.doors.serving import ended_house

    async def fails() -> None:
        raise OSError("disk")

    async def goes_on() -> None:
        await asyncio.sleep(3600)

    async def both() -> None:
        await ended_house(asyncio.create_task(goes_on()))
        broken = asyncio.create_task(fails())
        await asyncio.sleep(0)
        with pytest.raises(OSError, match="disk"):
            await ended_house(broken)

    asyncio.run(both())
