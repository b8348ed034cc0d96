"""What an S3 server alone can do wrong: hide what was erased, lose a race, refuse an account, go away; and which address is spoken to at all."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import obstore
import pytest

from ecluse.adapters.objects.asked import Asked, Left, signed
from ecluse.adapters.objects.place import Account, ObjectPlace, check_endpoint, read_account
from ecluse.adapters.objects.vault import ObjectVault
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.custody import Vault, digest_of
from ecluse.passage.erase import Place, erase
from tests.object_servers import ObjectServer
from tests.servers import free_port

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
BIG = [bytes([number]) * (1 << 20) for number in range(20)]


@pytest.fixture
def place(object_server: ObjectServer) -> ObjectPlace:
    """A bucket that keeps versions: the harder of the two to erase."""
    return object_server.bucket(versioned=True)


def test_a_large_file_is_whole_or_absent(place: ObjectPlace) -> None:
    """A file longer than one request comes back whole; cut in the middle, neither it nor any piece, version or upload of it is there."""
    vault = ObjectVault(place, prefix="labo-a")
    assert vault.put("m", "whole.age", BIG) == 20 << 20
    assert digest_of(vault, "m", "whole.age")[1] == 20 << 20
    with vault.open("m", "whole.age") as file:
        assert file.read(3) == b"\0\0\0"

    def broken() -> Iterator[bytes]:
        yield from BIG[:15]
        raise Fault("vault/unreadable")

    with pytest.raises(Fault, match="vault/unreadable"):
        vault.put("m", "cut.age", broken())
    assert [(it.kind, it.key) for it in Asked(place).left("labo-a/")] == [("version", "labo-a/m/whole.age")]


def test_of_two_writers_of_one_name_one_is_refused(place: ObjectPlace) -> None:
    """Of two at once, small or large, exactly one file is kept whole, and the other writer is told."""
    for name, octets in (("small", [b"x"]), ("large", BIG[:12])):
        told: list[str] = []

        def write(name: str = name, octets: list[bytes] = octets, told: list[str] = told) -> None:
            try:
                told.append(str(ObjectVault(place, prefix="labo-a").put("m", name, octets)))
            except Refusal as refusal:
                told.append(refusal.code)

        threads = [threading.Thread(target=write) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(told) == sorted([str(sum(map(len, octets))), "vault/exists"])
    assert [it.key for it in Asked(place).left("labo-a/")] == ["labo-a/m/large", "labo-a/m/small"]


def test_erasing_leaves_no_version_no_marker_no_piece(
    place: ObjectPlace, object_server: ObjectServer
) -> None:
    """What a listing hides goes too: older versions, delete markers, an upload never finished, what a killed write set aside; the proof holds."""
    vault = ObjectVault(place, prefix="labo-a")
    asked, store = Asked(place), vault._store
    ObjectVault(place, prefix="labo-b").put("m", "a", [b"of another laboratory"])
    vault.put("m", "a", [b"1"])
    for octets in (b"2", b"3"):  # whoever holds the account can add versions; Écluse never does
        obstore.put(store, "labo-a/m/a", octets)
    obstore.delete(store, "labo-a/m/a")
    obstore.put(store, "labo-a/m/.b.0.partial", b"killed")
    assert object_server.ask("POST", f"/{place.bucket}/labo-a/m/c", [("uploads", "")]) == 200
    assert vault.names("m") == []
    kinds = [it.kind for it in asked.left("labo-a/m/")]
    assert sorted(kinds) == ["marker", "upload", "version", "version", "version", "version"]
    (told,) = erase([Place("exchange", "parcel", vault=vault, folder="m")], at=AT)
    assert (told.method, told.count) == ("files-deleted", 5)
    assert (asked.left("labo-a/"), vault.folders()) == ([], [])
    assert [it.key for it in asked.left("labo-b/")] == ["labo-b/m/a"]


def test_more_than_one_page_is_erased(place: ObjectPlace) -> None:
    """A server tells a thousand at a time: an erasure asks until it tells nothing."""
    vault = ObjectVault(place, prefix="labo-a")

    class ByTwo(Asked):
        def left(self, prefix: str) -> list[Left]:
            return super().left(prefix)[:2]

    vault._asked = ByTwo(place)
    for number in range(5):
        vault.put("m", f"part-{number}", [b"x"])
    assert vault.erase("m") == 5
    assert Asked(place).left("labo-a/") == []


def test_what_does_not_go_is_never_said_erased(place: ObjectPlace) -> None:
    """Where the server says done and the thing is still listed (a retention lock), the erasure is refused."""
    vault = ObjectVault(place, prefix="labo-a")

    class Locked(Asked):
        def remove(self, it: Left) -> None:
            """Answers, and keeps it."""

    vault._asked = Locked(place)
    vault.put("m", "a", [b"x"])
    with pytest.raises(Refusal, match="erase/survived"):
        vault.erase("m")


def test_a_server_is_tried_before_it_is_trusted(place: ObjectPlace) -> None:
    """The check leaves nothing behind; a server that does not honour the condition is refused."""
    vault = ObjectVault(place, prefix="labo-a")
    vault.check()
    assert Asked(place).left("labo-a/") == []
    with pytest.raises(Refusal, match="vault/server-unfit"):
        vault._check_refused("If-None-Match", lambda: None)
    with pytest.raises(Refusal, match="vault/no-bucket"):
        ObjectVault(replace(place, bucket="never-made"), prefix="labo-a").check()


def test_a_wrong_secret_is_refused(place: ObjectPlace, object_server: ObjectServer) -> None:
    """An account that the server does not know opens nothing, by obstore or by our own requests, and the message tells no address."""
    wrong = object_server.place(place.bucket, secret="not the secret")
    vault = ObjectVault(wrong, prefix="labo-a")
    for attempt in (
        lambda: vault.put("m", "a", [b"x"]),
        lambda: vault.open("m", "a"),
        lambda: vault.names("m"),
        lambda: vault.erase("m"),
    ):
        with pytest.raises(Refusal, match="vault/credentials-refused") as refusal:
            attempt()
        assert "127.0.0.1" not in str(refusal.value)


def test_a_server_gone_away_is_a_fault_and_loses_nothing(
    place: ObjectPlace, object_server: ObjectServer
) -> None:
    """With nobody at the address every act is a fault that says to retry; what was kept is still there once the server answers again."""
    ObjectVault(place, prefix="labo-a").put("m", "a", [b"kept"])
    away = ObjectVault(object_server.place(place.bucket, port=free_port()), prefix="labo-a")
    attempts = [lambda: away.put("m", "b", [b"x"]), lambda: away.names("m"), lambda: away.erase("m")]
    for attempt in attempts:
        with pytest.raises(Fault, match="vault/away") as fault:
            attempt()
        assert fault.value.retry
    back: Vault = ObjectVault(place, prefix="labo-a")
    assert back.names("m") == ["a"]


def test_a_network_that_breaks_in_the_middle_loses_nothing(
    place: ObjectPlace, object_server: ObjectServer
) -> None:
    """When every connection breaks before a piece is through, the fault says to retry, no piece is left, and the same file goes in whole afterwards."""
    with breaking(object_server.port, after=3 << 20) as port:
        broken = ObjectVault(object_server.place(place.bucket, port=port), prefix="labo-a")
        with pytest.raises(Fault, match="vault/away") as fault:
            broken.put("m", "a", BIG)
    assert fault.value.retry
    assert [it for it in Asked(place).left("labo-a/") if it.kind != "upload"] == []
    back = ObjectVault(place, prefix="labo-a")
    assert back.put("m", "a", BIG) == 20 << 20
    assert back.erase("m") >= 1
    assert Asked(place).left("labo-a/") == []


@contextmanager
def breaking(port: int, *, after: int) -> Iterator[int]:
    """A way to a port of this machine whose every connection breaks once so many octets went through; its own port."""

    class Cut(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as server:
                answers = threading.Thread(target=self.answer, args=(server,), daemon=True)
                answers.start()
                left = after
                with suppress(OSError):
                    while left > 0 and (octets := self.request.recv(65_536)):
                        server.sendall(octets)
                        left -= len(octets)

        def answer(self, server: socket.socket) -> None:
            with suppress(OSError):
                while octets := server.recv(65_536):
                    self.request.sendall(octets)

    class Way(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Way(("127.0.0.1", 0), Cut) as way:
        thread = threading.Thread(target=way.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield way.server_address[1]
        way.shutdown()
        thread.join()


def test_a_file_erased_while_it_is_read_is_said(place: ObjectPlace) -> None:
    """Who is in the middle of a file when it is erased is told that it is no longer there, not given a short file."""
    vault = ObjectVault(place, prefix="labo-a")
    vault.put("m", "a", BIG)
    with vault.open("m", "a") as file:
        file.read(10)
        vault.erase("m")
        with pytest.raises(Refusal, match="vault/absent"):
            file.read()


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", ".hidden", "a" * 81, "a\n", "%2e%2e"])
def test_a_name_that_is_not_ours_is_refused(place: ObjectPlace, name: str) -> None:
    """The alphabet is that of the disk: as prefix, folder or file, all else is refused before any key is built."""
    vault = ObjectVault(place, prefix="labo-a")
    for attempt in (
        lambda: ObjectVault(place, prefix=name),
        lambda: vault.put(name, "a", [b"x"]),
        lambda: vault.put("m", name, [b"x"]),
        lambda: vault.names(name),
        lambda: vault.erase(name),
    ):
        with pytest.raises(Refusal, match="vault/name"):
            attempt()


# --- where it is, and with which account -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "code"),
    [
        ("http://s3.example.org", "vault/endpoint-plain"),
        ("http://localhost:9000", "vault/endpoint-plain"),
        ("http://127.0.0.1.example.org", "vault/endpoint-plain"),
        ("http://10.0.0.1", "vault/endpoint-plain"),
        ("https://account:secret@s3.example.org", "vault/endpoint"),
        ("https://s3.example.org/bucket", "vault/endpoint"),
        ("https://s3.example.org?x=1", "vault/endpoint"),
        ("https://s3.example.org:99999", "vault/endpoint"),
        ("ftp://s3.example.org", "vault/endpoint"),
        ("s3.example.org", "vault/endpoint"),
        ("", "vault/endpoint"),
    ],
)
def test_an_address_in_clear_is_not_spoken_to(endpoint: str, code: str) -> None:
    """Outside this machine only TLS is spoken; a name is not taken for this machine; an address holds no account."""
    with pytest.raises(Refusal, match=f"^{code}:") as refusal:
        check_endpoint(endpoint)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "endpoint", ["https://s3.fr-par.example.org", "http://127.0.0.1:9000", "http://[::1]:9000"]
)
def test_an_address_that_may_be_spoken_to(endpoint: str) -> None:
    """TLS anywhere, or this machine by its number."""
    check_endpoint(endpoint)


def test_the_account_is_in_a_file_of_its_owner_alone(tmp_path: Path) -> None:
    """A file that others can read, that is absent, or that holds something else gives no account; the secret is never shown."""
    file = tmp_path / "s3.toml"
    with pytest.raises(Refusal, match="vault/credentials:"):
        read_account(file)
    file.write_text('access_key = "AK"\nsecret_key = "very secret"\n')
    file.chmod(0o640)
    with pytest.raises(Refusal, match="settings/secret-open"):
        read_account(file)
    file.chmod(0o600)
    account = read_account(file)
    assert (account.secret_key, "very secret" in repr(account)) == ("very secret", False)
    for wrong in (
        'access_key = "AK"\n',
        'access_key = "AK"\nsecret_key = ""\n',
        "not = [toml",
        'access_key = "A"\nsecret_key = 3\n',
    ):
        file.write_text(wrong)
        with pytest.raises(Refusal, match="vault/credentials:"):
            read_account(file)


def test_a_bucket_or_region_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """A bucket's name and a region are of their own short alphabets."""
    for bucket, region in (("Bad_Bucket", "fr-par"), ("bucket", "fr par"), ("b/c", "fr-par")):
        with pytest.raises(Refusal, match="vault/endpoint:"):
            ObjectPlace("https://s3.example.org", bucket, region, tmp_path / "x").check()


def test_requests_are_signed_as_aws_publishes() -> None:
    """The signatures of the two examples without a body that AWS publishes for Signature Version 4 are ours to the digit."""
    account = Account("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    headers = {
        "host": "examplebucket.s3.amazonaws.com",
        "x-amz-date": "20130524T000000Z",
        "x-amz-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }
    for query, signature in (
        ([("lifecycle", "")], "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        (
            [("prefix", "J"), ("max-keys", "2")],
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ):
        told = signed("GET", "/", query, headers, account=account, region="us-east-1")
        assert told.endswith(f",SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature={signature}")
