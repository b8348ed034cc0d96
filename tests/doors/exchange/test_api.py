"""The API as a laboratory's machine meets it, over HTTPS and through a proxy: sessions, ledger, documents, custody, uploads cut and resumed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from ecluse.adapters.exchange.documents import RemoteDocuments
from ecluse.adapters.exchange.ledger import RemoteLedger
from ecluse.adapters.exchange.link import Link
from ecluse.adapters.exchange.vault import RemoteVault
from ecluse.adapters.journal import WitnessedJournal
from ecluse.adapters.records import SqliteMemory, SqliteRecords
from ecluse.base.refusal import Fault, Refusal
from ecluse.doors.api.limits import Buckets
from ecluse.passage.migration import Act
from ecluse.people.role import Role
from ecluse.proof.keys import SigningKey
from ecluse.proof.seal import seal
from ecluse.proof.sign import add_signature, digest, sign_document
from ecluse.proof.unseal import new_identity
from ecluse.proof.witness import Witness
from tests.network import Cutting, https, link

AT = datetime(2026, 12, 1, tzinfo=UTC)
TO_EXTRACTED = [Act.DRAFT, Act.INSTRUCT, Act.OPEN_SOURCE, Act.CLOSE_SOURCE, Act.EXTRACT]


@pytest.fixture(scope="session")
def network(served: Any) -> Iterator[tuple[Cutting, str]]:
    """The exchange served by HTTPS, and the proxy that leads there."""
    with https(served) as (port, certificate):
        proxy = Cutting(port)
        yield proxy, certificate
        proxy.close()


class Machine:
    """One site's machine, enrolled in a chamber."""

    def __init__(
        self, network: tuple[Cutting, str], served: Any, people: Any, site: str, **bound: str
    ) -> None:
        from ecluse.adapters.accounts.machines import enrol_machine

        self.proxy, self.certificate = network
        self.key, self.site, self.links = SigningKey.new(), site, list[Link]()
        self.account = enrol_machine(
            served,
            by=people.joined(Role.ENGINEER),
            key=self.key.public.encode(),
            fingerprint=self.key.public.fingerprint(),
            site=site,
            chamber=people.chamber,
            **bound,
        )
        self.link = self.linked(people.chamber)

    def linked(self, chamber: str) -> Link:
        self.links.append(link(self.proxy, self.certificate, chamber=chamber, key=self.key))
        return self.links[-1]

    def close(self) -> None:
        for each in self.links:
            each.close()

    def journal(self, folder: Path) -> WitnessedJournal:
        """Its witnessed view of the ledger, with its copy in `folder`."""
        memory = SqliteMemory(SqliteRecords(folder / f"{self.site}-witness.sqlite"))
        ledger = RemoteLedger(
            self.link, log=self.link.open(), copy=SqliteRecords(folder / f"{self.site}-copy.sqlite")
        )
        witness = Witness(memory, name=self.site, key=self.key)
        return WitnessedJournal(ledger, witness=witness, memory=memory, clock=lambda: AT)


@pytest.fixture
def enrolled(network: tuple[Cutting, str], served: Any, people: Any) -> Iterator[Callable[..., Machine]]:
    """Enrols machines, whose connections are closed in the end."""
    made: list[Machine] = []

    def enrol(site: str, **bound: str) -> Machine:
        made.append(Machine(network, served, people, site, **bound))
        return made[-1]

    yield enrol
    for each in made:
        each.close()


@pytest.fixture
def machine(enrolled: Callable[..., Machine]) -> Machine:
    return enrolled("laboratory-old")


def record(journal: WitnessedJournal, *acts: Act, name: str = "m-1") -> None:
    for act in acts:
        seen = journal.events()
        journal.append(
            at=AT,
            by="p-1",
            subject=name,
            act=act.value,
            body={"instruction": "i", "manifest": "m"},
            expected=len(seen),
        )


def sealed(octets: int) -> bytes:
    """A part as sealed as ours are, of about so many octets."""
    from io import BytesIO

    _, recipient = new_identity()
    out = BytesIO()
    block = bytes(65536)
    seal(chain(repeat(block, octets // len(block))), to=(recipient,), out=out)
    return out.getvalue()


def test_a_ledger_is_read_appended_to_and_cosigned_over_the_network(
    machine: Machine, served: Any, tmp_path: Path
) -> None:
    """What a machine appends is in the chamber's ledger, under a head that its witness cosigned; read again, nothing is fetched twice."""
    journal = machine.journal(tmp_path)
    before = len(journal.events())
    record(journal, Act.DRAFT, Act.INSTRUCT)
    kept = served.chamber(machine.account.chamber)
    assert [event.act for event in journal.events()][before:] == [Act.DRAFT.value, Act.INSTRUCT.value]
    assert kept.migration("m-1").state == "instructed"
    assert b"laboratory-old" in kept.ledger.checkpoint()
    record(journal, Act.OPEN_SOURCE)
    again = machine.journal(tmp_path)
    down = machine.proxy.down
    assert [event.seq for event in again.events()] == list(range(before + 3))
    assert machine.proxy.down - down < 6_000  # two heads and one entry, not the whole again


def test_what_the_table_forbids_is_refused_with_its_own_code(machine: Machine, tmp_path: Path) -> None:
    """The exchange's refusal reaches the machine under the same code, with the same values."""
    journal = machine.journal(tmp_path)
    with pytest.raises(Refusal, match="migration/unknown") as refused:
        record(journal, Act.DEPOSIT)
    assert refused.value.values["where"] == "m-1"
    with pytest.raises(Fault, match="ledger/concurrent"):
        journal.append(at=AT, by="p-1", subject="x", act="note", body={}, expected=0)
    with pytest.raises(Refusal, match="chamber/not-theirs"):
        journal.append(
            at=AT, by="p-1", subject="x", act="custody.erased", body={}, expected=len(journal.events())
        )


def test_documents_only_gain_signatures_and_are_held_to_their_digest(machine: Machine, served: Any) -> None:
    """A document put is given back, gains signatures, loses none; one that the exchange swapped is refused."""
    documents = RemoteDocuments(machine.link)
    one, other = SigningKey.new(), SigningKey.new()
    first = sign_document(b"a", type="statement", keys=[one])
    documents.put(first, digest=digest(b"a"))
    both = add_signature(first, other)
    documents.put(both, digest=digest(b"a"))
    assert documents.get(digest(b"a")) == both
    with pytest.raises(Refusal, match="document/fewer-signatures"):
        documents.put(first, digest=digest(b"a"))
    with pytest.raises(Refusal, match="document/absent"):
        documents.get(digest(b"b"))
    served.chamber(machine.account.chamber).documents.put(first, digest=digest(b"b"))
    with pytest.raises(Refusal, match="document/another"):
        documents.get(digest(b"b"))


def test_a_part_comes_whole_whatever_is_cut(machine: Machine, served: Any, tmp_path: Path) -> None:
    """A sealed part sent over a line that is cut again and again arrives whole, and is read back whole over the same line."""
    journal = machine.journal(tmp_path)
    record(journal, *TO_EXTRACTED)
    part = sealed(1_000_000)
    vault = RemoteVault(machine.link, piece=100_000)
    machine.proxy.cut_after, machine.proxy.cuts = 150_000, 4
    try:
        assert vault.put("m-1", "part-0001.age", [part[:7], part[7:]]) == len(part)
        assert machine.proxy.cuts == 0
        assert vault.names("m-1") == ["part-0001.age"]
        assert vault.folders() == ["m-1"]
        assert vault.digest("m-1", "part-0001.age") == (hashlib.sha256(part).hexdigest(), len(part))
        with pytest.raises(Refusal, match="chamber/gives-none"):
            vault.open("m-1", "part-0001.age")
        record(journal, Act.DEPOSIT)
        machine.proxy.cuts = 3
        with vault.open("m-1", "part-0001.age") as file:
            assert file.read() == part
        assert machine.proxy.cuts == 0
    finally:
        machine.proxy.cuts = 0
    with pytest.raises(Refusal, match="vault/absent"):
        vault.open("m-1", "part-0002.age")
    with pytest.raises(Refusal, match="chamber/keeps"):
        vault.erase("m-1")
    record(journal, Act.REVOKE)
    assert vault.erase("m-1") == 1
    assert vault.names("m-1") == []
    assert served.chamber(machine.account.chamber).custody.names("m-1") == []


def test_an_upload_goes_on_where_a_process_that_is_no_more_left_it(machine: Machine, tmp_path: Path) -> None:
    """What an interrupted process had sent is not sent again by the next one."""
    record(machine.journal(tmp_path), *TO_EXTRACTED)
    part = sealed(1_000_000)
    vault = RemoteVault(machine.link, piece=100_000)

    def broken() -> Iterator[bytes]:
        yield part[:450_000]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vault.put("m-1", "part-0001.age", broken())
    up = machine.proxy.up
    assert RemoteVault(machine.linked(machine.account.chamber)).put("m-1", "part-0001.age", [part]) == len(
        part
    )
    assert machine.proxy.up - up < len(part) - 290_000


def test_what_is_not_sealed_does_not_come_in(machine: Machine, tmp_path: Path) -> None:
    """A plain file, and one that is no part of a parcel, are refused with the intake's own code."""
    record(machine.journal(tmp_path), *TO_EXTRACTED)
    vault = RemoteVault(machine.link)
    with pytest.raises(Refusal, match="intake/not-sealed"):
        vault.put("m-1", "part-0001.age", [b"NOM;PRENOM;NIR\n" * 10])
    with pytest.raises(Refusal, match="intake/name"):
        vault.put("m-1", "patients.csv", [b"x"])
    with pytest.raises(Refusal, match="migration/unknown"):
        vault.put("m-2", "part-0001.age", [b"x"])
    assert vault.names("m-1") == []


def test_nothing_answers_without_a_session(
    machine: Machine, network: tuple[Cutting, str], people: Any
) -> None:
    """A key that nobody enrolled, an account that was ended, and another chamber's name are all refused, and alike."""
    stranger = link(*network, chamber=people.chamber, key=SigningKey.new())
    with pytest.raises(Refusal, match="session/refused"):
        stranger.open()
    stranger.close()
    assert machine.link.ask("GET", "custody").status == 200
    for chamber in ("labo-nowhere", "a"):
        with pytest.raises(Refusal, match="session/refused"):
            machine.linked(chamber).open()
    machine.account.ended_at = AT
    machine.account.save()
    with pytest.raises(
        Refusal, match="session/refused"
    ):  # its token is worth nothing, and it is given no other
        machine.link.ask("GET", "custody")


def test_another_chamber_answers_as_one_that_is_not_there(machine: Machine, served: Any) -> None:
    """With a session of one chamber, every name of another chamber's answers exactly as a name of nobody's."""
    served.create_chamber("labo-next-door") if "labo-next-door" not in served.chambers() else None
    answers = set()
    for name in ("labo-next-door", "labo-nowhere"):
        for path in ("ledger/checkpoint", "custody", "custody/m-1", f"documents/{digest(b'x')}"):
            answers.add(raw(machine, "GET", f"/api/v1/{name}/{path}"))
        answers.add(raw(machine, "HEAD", f"/api/v1/{name}/uploads/m-1/part-0001.age", tus=True)[:1])
    assert {answer[0] for answer in answers} == {404}
    assert len({answer[1] for answer in answers if len(answer) > 1}) == 1


def test_every_answer_is_closed_to_browsers(machine: Machine) -> None:
    """What is answered beside the console, good or not, is framed by nobody, kept by no cache, of no guessed type, and for HTTPS alone."""
    upload = f"/api/v1/{machine.account.chamber}/uploads/m-1/part-0001.age"
    for method, path in (("GET", "/health"), ("HEAD", upload), ("GET", "/api/v1/nowhere")):
        connection = machine.link.place.connect()
        connection.request(method, path)
        response = connection.getresponse()
        response.read()
        connection.close()
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_a_machine_bound_to_one_migration_sees_no_other(
    enrolled: Callable[..., Machine], tmp_path: Path
) -> None:
    """A machine account bound to one migration can neither read, send, erase nor note anything of another."""
    free = enrolled("laboratory-old")
    record(free.journal(tmp_path), *TO_EXTRACTED, name="m-1")
    record(free.journal(tmp_path), *TO_EXTRACTED, name="m-2")
    bound = enrolled("laboratory-new", migration="m-2")
    vault, journal = RemoteVault(bound.link), bound.journal(tmp_path)
    assert vault.names("m-1") == []
    with pytest.raises(Refusal, match="migration/unknown"):
        vault.put("m-1", "part-0001.age", [b"x"])
    with pytest.raises(Refusal, match="migration/unknown"):
        record(journal, Act.REVOKE, name="m-1")
    record(journal, Act.REVOKE, name="m-2")


def raw(
    machine: Machine, method: str, path: str, *, tus: bool = False, body: bytes | None = None, **headers: str
) -> tuple[Any, ...]:
    """A request as anyone can make one, with the machine's token: status and body."""
    machine.link.ask("GET", "custody")
    connection = machine.link.place.connect()
    told = {"Authorization": f"Bearer {machine.link._token}", **headers}
    if tus:
        told["Tus-Resumable"] = "1.0.0"
    connection.request(method, path, body=body, headers=told)
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("GET", "ledger/entries?since=-1", {}, None, 400),
        ("GET", "ledger/entries?since=99999999999999999999", {}, None, 400),
        ("GET", "ledger/consistency?old=5&new=2", {}, None, 422),
        ("GET", "ledger/consistency?old=0&new=9007199254740991", {}, None, 422),
        ("POST", "ledger/entries", {"Content-Type": "application/json"}, b'{"act": 1}', 400),
        ("POST", "ledger/entries", {"Content-Type": "application/json"}, b"\xff\xfe", 400),
        ("POST", "ledger/cosignatures", {}, b"nonsense", 422),
        ("PUT", "documents/sha256:" + "0" * 64, {}, b"{}", 422),
        ("PUT", "documents/sha256:" + "0" * 64, {}, b"x" * (1 << 20 | 1), 413),
        ("PUT", "documents/sha256:" + "0" * 64, {}, b"x" * (2 << 20 | 1), 413),
        ("GET", "documents/..%2f..%2fsecret.key", {}, None, 404),
        ("GET", "custody/..%2f/x", {}, None, 404),
        ("GET", "nowhere", {}, None, 404),
        ("DELETE", "ledger/entries", {}, None, 405),
        ("POST", "uploads", {"Tus-Resumable": "1.0.0"}, None, 400),
        ("POST", "uploads", {"Tus-Resumable": "0.2"}, None, 412),
        ("POST", "uploads", {"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": "migration !!"}, None, 400),
        ("POST", "uploads", {"Tus-Resumable": "1.0.0", "Upload-Length": "-5"}, None, 400),
        ("PATCH", "uploads/m-1/part-0001.age", {"Tus-Resumable": "1.0.0"}, b"x", 400),
        ("GET", "uploads/m-1/part-0001.age", {"Tus-Resumable": "1.0.0"}, None, 404),
        ("DELETE", "uploads/m-1/part-0001.age", {"Tus-Resumable": "1.0.0"}, None, 404),
    ],
)  # fmt: skip
def test_bad_input_gets_a_clear_refusal(
    machine: Machine, method: str, path: str, headers: dict[str, str], body: bytes | None, status: int
) -> None:
    """What the API does not describe is refused with a code and a sentence in both languages, never with a fault of the server's."""
    got, said = raw(machine, method, f"/api/v1/{machine.account.chamber}/{path}", body=body, **headers)
    assert got == status
    if status not in (404, 405):
        told = json.loads(said)
        assert set(told) == {"code", "values", "message"}
        assert set(told["message"]) == {"fr", "en"}


def test_a_host_can_ask_whether_it_is_up_and_ready(machine: Machine, served: Any) -> None:
    """Two addresses answer anyone, with one word each: that the process is up, and that accounts and ledgers answer; where one does not, not why."""
    assert raw(machine, "GET", "/health") == (200, b'{"status": "up"}')
    assert raw(machine, "GET", "/ready") == (200, b'{"status": "ready"}')
    name = machine.account.chamber
    honest = served.chamber(name)
    try:
        served._open[name] = replace(honest, ledger=None)
        assert raw(machine, "GET", "/ready") == (503, b'{"status": "not ready"}')
    finally:
        served._open[name] = honest


def test_one_caller_does_not_take_the_others_place() -> None:
    """A caller who knocks too often waits; another is let in all the same, and the first again once time has passed."""
    now = [0.0]
    buckets = Buckets(rate=1, burst=3, clock=lambda: now[0])
    assert [buckets.allows("a") for _ in range(4)] == [True, True, True, False]
    assert buckets.allows("b")
    now[0] = 1.5
    assert [buckets.allows("a") for _ in range(2)] == [True, False]
