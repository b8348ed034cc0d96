"""The exchange's one file, and its chambers: every mistake named, nothing shared between laboratories."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecluse.base.refusal import Refusal
from ecluse.wiring.exchange import FILE, Exchange, read_exchange, write_exchange


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    return Exchange(
        write_exchange(tmp_path / "exchange", name="sas.example", host='Hôte « d"A »', language="fr")
    )


def test_the_file_is_read_as_it_was_written(exchange: Exchange) -> None:
    """What is written for a new exchange is what is read back, quotes and accents included, and doors stand on this machine only."""
    settings = read_exchange(exchange.settings.home)
    assert settings == exchange.settings
    assert (settings.host, settings.https.address, settings.sftp.address) == (
        'Hôte « d"A »',
        "127.0.0.1",
        "127.0.0.1",
    )


def test_an_exchange_is_not_written_over(exchange: Exchange) -> None:
    """A second set-up of the same folder is refused."""
    with pytest.raises(Refusal, match="settings/exists"):
        write_exchange(exchange.settings.home, name="other.example", host="x", language="fr")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("name = ", ["not TOML"]),
        ('host = 3\n[https]\nport = "a"\nz = 1\n[ftp]\n', ["name is missing", "host is not text", "https.port is not a number", "unknown key https.z", "unknown key ftp"]),
        ('name = "a"\nhost = "h"\nsftp = 1\n', ["[sftp] is not a table"]),
        ('name = "A b"\nhost = "h"\nlanguage = "de"\ncountry = "US"\n', ["name is not a host name", "language is fr or en", "country is outside the European Economic Area"]),
        ('name = "a"\nhost = "h"\nprivate_key = "x"\n', ["unknown key private_key"]),
    ],
    ids=["toml", "types", "table", "values", "no-private-key"],
)  # fmt: skip
def test_every_mistake_is_named(tmp_path: Path, text: str, named: list[str]) -> None:
    """One refusal names every mistake of the file, a field for a private key among them."""
    (tmp_path / FILE).write_text(text, "utf-8")
    with pytest.raises(Refusal, match="settings/malformed") as refused:
        read_exchange(tmp_path)
    assert [mistake for mistake in named if mistake not in refused.value.message()] == []


def test_an_exchange_that_is_not_there(tmp_path: Path) -> None:
    """A folder without the file is no exchange."""
    with pytest.raises(Refusal, match="settings/absent"):
        read_exchange(tmp_path)


def test_a_name_that_is_no_host_name_is_refused_at_once(tmp_path: Path) -> None:
    """An exchange is not made under a name that nobody could type."""
    with pytest.raises(Refusal, match="settings/malformed"):
        write_exchange(tmp_path, name="not a name", host="x", language="fr")


def test_chambers_share_nothing(exchange: Exchange) -> None:
    """Two laboratories' chambers have each their own ledger, under their own key and origin, and what one records the other does not see."""
    one, other = exchange.create_chamber("labo-a"), exchange.create_chamber("labo-b")
    one.record("note", by="p-0001", subject="x", body={})
    assert (one.ledger.size, other.ledger.size) == (1, 0)
    assert one.ledger.log != other.ledger.log
    assert exchange.chambers() == ["labo-a", "labo-b"]
    assert exchange.chamber("labo-a") is one


@pytest.mark.parametrize("name", ["../labo-a", "", "Labo", "labo_a", "a" * 41])
def test_a_chamber_is_never_found_by_a_path(exchange: Exchange, name: str) -> None:
    """No chamber is made or opened under a name outside the short alphabet."""
    with pytest.raises(Refusal, match="vault/name"):
        exchange.create_chamber(name)
    with pytest.raises(Refusal, match="chamber/unknown"):
        exchange.chamber(name)


def test_a_chamber_is_made_once(exchange: Exchange) -> None:
    """A chamber's key is never made anew; one that is not there is not opened."""
    exchange.create_chamber("labo-a")
    with pytest.raises(Refusal, match="settings/exists"):
        exchange.create_chamber("labo-a")
    with pytest.raises(Refusal, match="chamber/unknown"):
        exchange.chamber("labo-b")
    assert Exchange(exchange.settings).chamber("labo-a").ledger.log == exchange.chamber("labo-a").ledger.log
