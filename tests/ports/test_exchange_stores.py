"""An exchange past one machine: its chambers' ledgers in PostgreSQL and parcels on an S3 server, refused at the start when they are unsafe, kept tidy by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecluse.adapters.objects.vault import ObjectVault
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.acts import CUSTODY_ERASED
from ecluse.passage.migration import Act, MigrationState
from ecluse.wiring.exchange import FILE, Exchange, read_exchange, write_exchange
from ecluse.wiring.housekeeping import keep_house
from ecluse.wiring.stores import unfit
from tests.object_servers import ObjectServer
from tests.ports.test_records import without_password
from tests.servers import Server, free_port

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
TO_DEPOSITED = [Act.DRAFT, Act.INSTRUCT, Act.OPEN_SOURCE, Act.CLOSE_SOURCE, Act.EXTRACT, Act.DEPOSIT]


@pytest.fixture
def home(request: pytest.FixtureRequest, object_server: ObjectServer, tmp_path: Path) -> Path:
    """An exchange whose file names both servers."""
    home = tmp_path / "sas"
    write_exchange(home, name="sas.example", host="h", language="en")
    url, passfile = without_password(request, home)
    place = object_server.bucket(versioned=True)
    (home / "s3.toml").touch(0o600)
    (home / "s3.toml").write_bytes(place.credentials.read_bytes())
    tables = f"""
[postgresql]
url = "{url}"
password_file = "{passfile.name}"
[objects]
endpoint = "{place.endpoint}"
bucket = "{place.bucket}"
region = "{place.region}"
credentials = "s3.toml"
"""
    (home / FILE).write_text((home / FILE).read_text("utf-8") + tables, "utf-8")
    return home


Open = Callable[..., Exchange]


@pytest.fixture
def opened(home: Path) -> Iterator[Open]:
    """The exchange as one more process would open it."""
    made: list[Exchange] = []

    def one(*, at: datetime = AT) -> Exchange:
        made.append(Exchange(read_exchange(home), clock=lambda: at))
        return made[-1]

    yield one
    for served in made:
        for chamber in served._open.values():
            chamber.ledger._records.close()  # type: ignore[attr-defined]


def deposited(served: Exchange, chamber: str, name: str) -> None:
    for act in TO_DEPOSITED:
        served.chamber(chamber).record(act.value, by="p-1", subject=name, body={})
    served.chamber(chamber).custody.put(name, "part-0001.age", [b"sealed"])


def test_two_laboratories_share_two_servers_and_nothing_else(home: Path, opened: Open) -> None:
    """Each chamber's ledger and parcels are its own; another process sees what the first one did; nothing of either lies in the folder."""
    served = opened()
    for chamber in ("labo-a", "labo-b"):
        served.create_chamber(chamber)
    deposited(served, "labo-a", "m-1")
    other = opened()
    assert isinstance(other.chamber("labo-a").custody, ObjectVault)
    assert other.chamber("labo-a").migration("m-1").state is MigrationState.DEPOSITED
    assert other.chamber("labo-a").custody.names("m-1") == ["part-0001.age"]
    assert (other.chamber("labo-b").ledger.size, other.chamber("labo-b").custody.folders()) == (0, [])
    assert [
        it.name for it in (home / "chambers" / "labo-a").iterdir() if it.name in ("ledger.sqlite", "custody")
    ] == []


def test_the_exchange_erases_on_both_servers_by_itself(home: Path, opened: Open) -> None:
    """Thirty days after its first reading at the latest a parcel is gone from the S3 server, and the ledger in PostgreSQL says so."""
    served = opened()
    served.create_chamber("labo-a")
    deposited(served, "labo-a", "m-1")
    assert keep_house(served) == []
    later = opened(at=AT + timedelta(days=30))
    assert keep_house(later) == ["m-1"]
    assert later.chamber("labo-a").custody.folders() == []
    last = served.chamber("labo-a").events()[-1]
    assert (last.act, last.body["why"]) == (CUSTODY_ERASED, "expired")
    assert [(it["what"], it["count"]) for it in last.body["places"]] == [("parcel", 1), ("uploads", 0)]


def test_a_round_goes_on_whatever_the_world_does(opened: Open, postgresql: Server) -> None:
    """A round that finds the database gone does nothing and ends nothing; the next one does what was left to do."""
    served = opened(at=AT + timedelta(days=30))
    served.create_chamber("labo-a")
    deposited(served, "labo-a", "m-1")
    served.chamber("labo-a").record(Act.REVOKE.value, by="p-1", subject="m-1", body={})
    name = str(served.settings.postgresql.url).rpartition("/")[2] if served.settings.postgresql else ""
    postgresql.say(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'")

    assert keep_house(served) == []
    assert keep_house(served) == ["m-1"]
    assert served.chamber("labo-a").custody.folders() == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'credentials = "s3.toml"',
            'credentials = "s3.toml"\ncountry = "US"',
            "outside the European Economic Area",
        ),
        ('bucket = "', 'bucket = "never-', "not on this server"),
    ],
)
def test_an_unsafe_vault_is_said_at_the_start(
    home: Path, opened: Open, old: str, new: str, said: str
) -> None:
    """A server in a country that no instruction names, or without its bucket, is among what keeps the exchange from starting."""
    served = opened()
    served.create_chamber("labo-a")
    assert list(unfit(served.settings.objects, served.chamber("labo-a"), language="en", probe=True)) == []
    (home / FILE).write_text((home / FILE).read_text("utf-8").replace(old, new), "utf-8")
    served = opened()
    (told,) = unfit(served.settings.objects, served.chamber("labo-a"), language="en", probe=True)
    assert said in told


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("http://127.0.0.1", "http://s3.example.org", "vault/endpoint-plain"),
        ("postgresql://", "postgresql://secret:secret@x", "ledger/address"),
    ],
)
def test_an_address_that_tells_or_holds_secrets_opens_no_chamber(
    home: Path, opened: Open, old: str, new: str, code: str
) -> None:
    """A vault in clear outside this machine and a database address with a password in it are refused, and the message does not show it."""
    (home / FILE).write_text((home / FILE).read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(Refusal, match=code) as refusal:
        opened().create_chamber("labo-a")
    assert "secret" not in str(refusal.value)


def test_a_database_that_is_away_is_a_fault(home: Path, opened: Open) -> None:
    """With nobody at the database's address, a chamber is not opened and the fault says to retry."""
    text = (home / FILE).read_text("utf-8")
    port = text.partition("127.0.0.1:")[2].partition("/")[0]
    (home / FILE).write_text(text.replace(f"127.0.0.1:{port}/", f"127.0.0.1:{free_port()}/"), "utf-8")
    with pytest.raises(Fault, match="ledger/away") as fault:
        opened().create_chamber("labo-a")
    assert fault.value.retry
    (home / FILE).write_text(text, "utf-8")
    assert opened().create_chamber("labo-a").ledger.size == 0


def test_every_mistake_of_the_two_tables_is_named(tmp_path: Path) -> None:
    """A key that is not known, lacks or has another type is named by its full name, and a table that is not one is said."""
    (tmp_path / FILE).write_text(
        'name = "a"\nhost = "h"\npostgresql = 3\n[objects]\nbucket = 1\nsecret = "x"\n', "utf-8"
    )
    with pytest.raises(Refusal, match="settings/malformed") as refused:
        read_exchange(tmp_path)
    told = refused.value.message()
    for named in (
        "[postgresql] is not a table",
        "unknown key objects.secret",
        "objects.endpoint is missing",
        "objects.bucket is not text",
    ):
        assert named in told
