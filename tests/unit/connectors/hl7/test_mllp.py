"""A line of HL7 v2: what is acknowledged is kept and sealed, what is not acknowledged is sent again, and nobody without a certificate is heard."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ecluse.adapters.connectors.hl7.kept import FileJournal, Keep, SealedKeep
from ecluse.adapters.connectors.hl7.line import (
    Broken,
    Frames,
    acknowledged,
    acknowledgements,
    control_of,
    framed,
    receipt,
)
from ecluse.adapters.connectors.hl7.mllp import Listener, Peer, Sender, tls
from ecluse.adapters.vaults import DiskVault
from ecluse.base.refusal import Fault, Refusal
from ecluse.proof.unseal import Identity, new_identity, unseal
from tests.unit.connectors.hl7.lines import Authority


def message(number: int, *, version: str = "2.5", asked: str = "") -> bytes:
    header = f"MSH|^~\\&|SIL|LABO|DPI|CH|20240115083000||ADT^A28|{number}|P|{version}|||{asked}"
    return f"{header}\rPID|||P{number}||DURAND^ANNE\r".encode()


class Memory:
    """A journal that dies with the test."""

    def __init__(self) -> None:
        self.known: list[str] = []

    def has(self, message: bytes) -> bool:
        return control_of(message) in self.known

    def note(self, message: bytes) -> None:
        self.known.append(control_of(message))


class Ends:
    """A listener on a port of its own, and what a peer of it needs."""

    def __init__(self, folder: Path) -> None:
        ours = Authority(folder / "ours", "laboratory")
        self.server = tls(
            certificate=(end := ours.end("listener"))[0], key=end[1], peers=ours.peers, server=True
        )
        self.client = tls(
            certificate=(end := ours.end("sender"))[0], key=end[1], peers=ours.peers, server=False
        )
        self.authority = ours

    @asynccontextmanager
    async def listening(self, keep: Keep, **options: Any) -> AsyncIterator[tuple[Listener, Peer]]:
        listener = Listener(tls=self.server, keep=keep, now=lambda: "20240115120000", **options)
        port = await listener.open("127.0.0.1", 0)
        try:
            yield listener, Peer("127.0.0.1", port, self.client, wait=5.0, attempts=3, pause=0.0)
        finally:
            await listener.close()


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Ends:
    return Ends(tmp_path_factory.mktemp("line"))


@pytest.fixture
def vault(tmp_path: Path) -> DiskVault:
    return DiskVault(tmp_path / "vault")


@pytest.fixture(scope="module")
def key() -> Identity:
    return new_identity()[0]


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 60))


def opened(vault: DiskVault, key: Identity) -> list[bytes]:
    found = []
    for name in vault.names("line"):
        with vault.open("line", name) as sealed:
            found.append(b"".join(unseal(sealed, identities=[key])))
    return found


async def asked(peer: Peer, octets: bytes) -> bytes:
    """What the other end answers to these octets."""
    reader, writer = await asyncio.open_connection(
        peer.host, peer.port, ssl=peer.tls, server_hostname=peer.host
    )
    writer.write(octets)
    await writer.drain()
    try:
        return await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 10)
    finally:
        writer.close()


# --- kept ---------------------------------------------------------------------------------------------------------------------------------


def test_what_is_sent_is_acknowledged_once_it_is_kept_sealed(
    ends: Ends, vault: DiskVault, key: Identity, tmp_path: Path
) -> None:
    """Each message stands in the vault when its sender is told so, in order, and only the laboratory's key opens it."""
    messages = [message(number) for number in range(1, 6)]

    async def work() -> None:
        keep = SealedKeep(vault, folder="line", to=key.recipient())
        async with ends.listening(keep) as (listener, peer):
            done = await Sender(peer, Memory()).send(messages)
            assert (done.sent, done.before) == (5, 0)
            assert listener.counts == {"kept": 5}

    run(work)
    assert opened(vault, key) == messages
    assert not any(
        b"DURAND" in file.read_bytes() for file in (tmp_path / "vault").rglob("*") if file.is_file()
    )


def test_a_message_sent_twice_is_kept_once_even_after_a_restart(
    ends: Ends, vault: DiskVault, key: Identity
) -> None:
    """A sender that lost its journal sends all again; the listener, started anew on the same vault, acknowledges and keeps nothing twice."""

    async def work() -> None:
        for expected in ({"kept": 2}, {"again": 2}):
            keep = SealedKeep(vault, folder="line", to=key.recipient())
            async with ends.listening(keep) as (listener, peer):
                await Sender(peer, Memory()).send([message(1), message(2)])
                assert listener.counts == expected

    run(work)
    assert len(opened(vault, key)) == 2


def test_two_messages_under_one_control_id_are_both_kept_and_counted(
    ends: Ends, vault: DiskVault, key: Identity
) -> None:
    """A sender that begins its numbers anew every day loses nothing; that it happened is said, also by a listener started since."""
    messages = [
        message(1),
        message(1).replace(b"DURAND", b"DUPONT"),
        message(1).replace(b"DURAND", b"MARTIN"),
    ]

    async def work() -> None:
        for sent, expected in (
            (messages[:2], {"kept": 1, "same-id": 1}),
            (messages[1:], {"again": 1, "same-id": 1}),
        ):
            keep = SealedKeep(vault, folder="line", to=key.recipient())
            async with ends.listening(keep) as (listener, peer):
                for each in sent:
                    assert b"MSA|AA|1" in await asked(peer, framed(each))
                assert listener.counts == expected

    run(work)
    assert opened(vault, key) == messages


def test_what_cannot_be_kept_is_not_acknowledged(ends: Ends) -> None:
    """A full disk is AE: the sender tries as often as it was told, then says that the message is not delivered, and remembers none as such."""

    class Full:
        def keep(self, message: bytes) -> str:
            raise Fault("vault/disk-full", where="line")

    async def work() -> None:
        journal = Memory()
        async with ends.listening(Full()) as (listener, peer):
            with pytest.raises(Fault) as said:
                await Sender(peer, journal).send([message(1)])
            assert said.value.code == "hl7/not-acknowledged"
            assert "AE" in str(said.value)
            assert listener.counts == {"not-kept": 3}
            assert journal.known == []
            answer = await asked(peer, framed(message(1)))
            assert b"MSA|AE|1" in answer
            assert b"DURAND" not in answer

    run(work)


def test_a_message_of_an_unknown_version_is_rejected_and_counted(
    ends: Ends, vault: DiskVault, key: Identity
) -> None:
    """AR is counted with its code and not kept; the messages around it are delivered, and the next run tries that one again, and only that one."""

    async def work() -> None:
        journal = Memory()
        keep = SealedKeep(vault, folder="line", to=key.recipient())
        messages = [message(1), message(2, version="9.9"), message(3)]
        async with ends.listening(keep) as (listener, peer):
            for sent, before in ((2, 0), (0, 2)):
                done = await Sender(peer, journal).send(messages)
                assert (done.sent, done.before, done.rejected) == (sent, before, {"AR 203": 1})
            assert journal.known == ["1", "3"]
            answer = await asked(peer, framed(message(2, version="9.9")))
            assert acknowledged(answer[1:]) == ("2", "AR", "203")
            assert b"203^Unsupported version id" in answer
            assert listener.counts["kept"] == 2

    run(work)
    assert len(opened(vault, key)) == 2


def test_a_receiver_that_wants_nothing_is_not_sent_everything(
    ends: Ends, vault: DiskVault, key: Identity
) -> None:
    """A hundred rejections one after another end the sending, with the last one's reason."""

    async def work() -> None:
        keep = SealedKeep(vault, folder="line", to=key.recipient())
        async with ends.listening(keep) as (listener, peer):
            with pytest.raises(Refusal) as said:
                await Sender(peer, Memory()).send(message(number, version="9.9") for number in range(1, 500))
            assert (said.value.code, said.value.values["number"]) == ("hl7/rejected", 100)
            assert listener.counts == {"refused": 100}

    run(work)


def test_what_a_receiver_says_in_words_is_not_repeated() -> None:
    """An ERR whose code is of table 0357 is told by its code; anything else could name a patient, and is left out."""
    answer = "MSH|^~\\&|DPI\rMSA|AR|7\rERR|||{}|E\r"
    assert acknowledged(answer.format("204^Unknown key identifier").encode()) == ("7", "AR", "204")
    assert acknowledged(answer.format("DURAND ANNE is unknown").encode()) == ("7", "AR", "")
    assert acknowledged(b"MSH|^~\\&|DPI\rERR|||204\r") is None


@pytest.mark.parametrize(
    ("asked_for", "well", "ill"),
    [
        ("", ["AA"], ["AR"]),
        ("AL|NE", ["CA"], ["CR"]),
        ("NE|AL", ["AA"], ["AR"]),
        ("AL|AL", ["CA", "AA"], ["CR", "AR"]),
        ("ER|NE", [], ["CR"]),
        ("SU|ER", ["CA"], ["AR"]),
        ("NE|NE", [], []),
    ],
)
def test_a_message_is_acknowledged_as_its_sender_asks(
    asked_for: str, well: list[str], ill: list[str]
) -> None:
    """MSH-15 and MSH-16 say which acknowledgements are wanted, and when (table 0155); where both are empty there is one, of the original mode."""
    for version, expected in (("2.5", well), ("9.9", ill)):
        octets = message(7, version=version, asked=asked_for)
        found, answer = receipt(octets)
        answers = acknowledgements(octets, found, answer, number=1, at="20240115120000")
        assert [it.code for octets in answers if (it := acknowledged(octets))] == expected


# --- who is heard ---------------------------------------------------------------------------------------------------------------------------


def test_who_has_no_certificate_is_not_heard(
    ends: Ends, vault: DiskVault, key: Identity, tmp_path: Path
) -> None:
    """Neither a peer without a certificate, nor one of another authority, nor one without TLS has a message taken."""
    other = Authority(tmp_path / "other", "stranger")
    stranger = tls(
        certificate=(end := other.end("x"))[0], key=end[1], peers=ends.authority.peers, server=False
    )
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    nobody.load_verify_locations(ends.authority.peers)

    async def work() -> None:
        keep = SealedKeep(vault, folder="line", to=key.recipient())
        async with ends.listening(keep) as (listener, peer):
            for context in (stranger, nobody):
                with pytest.raises((OSError, EOFError, ssl.SSLError)):
                    await asked(Peer(peer.host, peer.port, context), framed(message(1)))
            reader, writer = await asyncio.open_connection(peer.host, peer.port)
            writer.write(framed(message(1)))
            heard = await reader.read()
            assert b"MSA" not in heard
            writer.close()
            assert listener.counts["kept"] == 0

    run(work)
    assert vault.names("line") == []


def test_a_sender_speaks_to_no_stranger(ends: Ends, vault: DiskVault, key: Identity, tmp_path: Path) -> None:
    """A listener whose certificate another authority vouches for is not given a message."""
    other = Authority(tmp_path / "other", "stranger")
    trusting = tls(
        certificate=(end := ends.authority.end("s"))[0], key=end[1], peers=other.peers, server=False
    )

    async def work() -> None:
        keep = SealedKeep(vault, folder="line", to=key.recipient())
        async with ends.listening(keep) as (_listener, peer):
            with pytest.raises(Fault) as said:
                await Sender(
                    Peer(peer.host, peer.port, trusting, wait=5, attempts=2, pause=0), Memory()
                ).send([message(1)])
            assert said.value.code == "hl7/not-acknowledged"

    run(work)
    assert vault.names("line") == []


def test_a_certificate_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    """Files that hold no certificate are a refusal with their names, not a traceback."""
    (tmp_path / "x").write_text("no certificate")
    with pytest.raises(Refusal) as said:
        tls(certificate=tmp_path / "x", key=tmp_path / "x", peers=tmp_path / "x", server=True)
    assert said.value.code == "hl7/certificate-unreadable"


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A private key is its owner's alone, or the line is not opened."""
    ours = Authority(tmp_path / "ours", "laboratory")
    certificate, private = ours.end("listener")
    private.chmod(0o640)
    with pytest.raises(Refusal) as said:
        tls(certificate=certificate, key=private, peers=ours.peers, server=True)
    assert said.value.code == "hl7/key-readable"


def test_a_listener_without_the_peers_certificate_cannot_be_made(vault: DiskVault, key: Identity) -> None:
    """There is no switch for an open line."""
    keep = SealedKeep(vault, folder="line", to=key.recipient())
    with pytest.raises(ValueError, match="certificate"):
        Listener(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), keep=keep, now=lambda: "")


# --- lines that break -----------------------------------------------------------------------------------------------------------------------


def test_an_acknowledgement_that_is_lost_doubles_nothing(ends: Ends, vault: DiskVault, key: Identity) -> None:
    """The line falls after the message is kept and before its sender hears so: it is sent again, acknowledged, and kept once."""

    class Falling(SealedKeep):
        fell = 0

        def keep(self, message: bytes) -> str:
            new = super().keep(message)
            if not self.fell:
                self.fell = 1
                raise OSError("the line falls")
            return new

    async def work() -> None:
        keep = Falling(vault, folder="line", to=key.recipient())
        async with ends.listening(keep) as (listener, peer):
            done = await Sender(peer, Memory()).send([message(1)])
            assert done.sent == 1
            assert listener.counts == {"not-kept": 1, "again": 1}

    run(work)
    assert opened(vault, key) == [message(1)]


def test_a_sender_waits_for_a_listener_that_is_not_there_yet(
    ends: Ends, vault: DiskVault, key: Identity
) -> None:
    """A refused connection is tried again, after longer and longer pauses, until somebody listens."""

    async def work() -> None:
        keep = SealedKeep(vault, folder="line", to=key.recipient())
        listener = Listener(tls=ends.server, keep=keep, now=lambda: "")
        port = await listener.open("127.0.0.1", 0)
        await listener.close()
        again = Listener(tls=ends.server, keep=keep, now=lambda: "")
        paused: list[float] = []

        async def sleep(seconds: float) -> None:
            paused.append(seconds)
            if len(paused) == 3:
                await again.open("127.0.0.1", port)

        peer = Peer("127.0.0.1", port, ends.client, wait=5, attempts=6, pause=1.0)
        await Sender(peer, Memory(), sleep=sleep).send([message(1)])
        assert paused == [1.0, 2.0, 4.0]
        await again.close()

    run(work)
    assert len(opened(vault, key)) == 1


def test_a_journal_says_what_was_acknowledged_before(
    tmp_path: Path, ends: Ends, vault: DiskVault, key: Identity
) -> None:
    """A second run with the same journal sends only what is new, also where its last line was cut by a power cut and all headers are new."""
    place = tmp_path / "journal"

    async def work() -> None:
        keep = SealedKeep(vault, folder="line", to=key.recipient())
        async with ends.listening(keep) as (listener, peer):
            first = [message(1), message(2)]
            await Sender(peer, FileJournal(place, secret=b"s")).send(first)
            with place.open("ab") as file:
                file.write(b"0123")
            again = [it.replace(b"|ADT^A28|", b"|ADT^A28|9") for it in first]
            done = await Sender(peer, FileJournal(place, secret=b"s")).send([*again, message(3)])
            assert (done.sent, done.before) == (1, 2)
            assert listener.counts == {"kept": 3}

    run(work)
    assert len(place.read_text().splitlines()) == 3
    assert FileJournal(place, secret=b"s").has(message(3))
    assert not FileJournal(place, secret=b"another").has(message(3))


def test_octets_outside_a_frame_end_the_line(ends: Ends, vault: DiskVault, key: Identity) -> None:
    """Somebody who does not speak MLLP is not answered, and the others are."""

    async def work() -> None:
        keep = SealedKeep(vault, folder="line", to=key.recipient())
        async with ends.listening(keep) as (listener, peer):
            with pytest.raises((OSError, EOFError)):
                await asked(peer, b"GET / HTTP/1.1\r\n\r\n")
            assert b"MSA|AA|1" in await asked(peer, framed(message(1)))
            assert listener.counts == {"broken": 1, "kept": 1}

    run(work)


def test_a_frame_that_never_ends_is_not_waited_for(ends: Ends, vault: DiskVault, key: Identity) -> None:
    """Half a message holds a line no longer than it may, and nothing of it is kept."""

    async def work() -> None:
        keep = SealedKeep(vault, folder="line", to=key.recipient())
        async with ends.listening(keep, wait=0.5) as (_listener, peer):
            with pytest.raises((OSError, EOFError)):
                await asked(peer, framed(message(1))[:-2])

    run(work)
    assert vault.names("line") == []


def test_all_lines_together_hold_no_more_than_they_may(ends: Ends, vault: DiskVault, key: Identity) -> None:
    """Many peers with half a message each do not fill the memory: the one that asks for too much is let go, and the others are answered."""

    async def work() -> None:
        keep = SealedKeep(vault, folder="line", to=key.recipient())
        async with ends.listening(keep, held=1000) as (listener, peer):
            with pytest.raises((OSError, EOFError)):
                await asked(peer, b"\x0bMSH|" + b"x" * 2000)
            assert b"MSA|AA|1" in await asked(peer, framed(message(1)))
            assert listener.counts == {"crowded": 1, "kept": 1}

    run(work)


def test_frames_may_come_in_any_pieces() -> None:
    """Cut anywhere, two messages are two; what is too long is broken off rather than held."""
    octets = framed(message(1)) + framed(message(2))
    for size in (1, 2, 7, 1000):
        frames = Frames()
        found = [
            it for start in range(0, len(octets), size) for it in frames.feed(octets[start : start + size])
        ]
        assert found == [message(1), message(2)]
    with pytest.raises(Broken, match="too-long"):
        Frames(largest=10).feed(framed(message(1))[:50])
