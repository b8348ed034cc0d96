"""How a database's address is read, and how its password stays out of sight."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecluse.adapters.connectors.sql.address import Address, parse_address, password_from, refuse_password
from ecluse.adapters.connectors.sql.connect import open_mariadb, open_postgres, open_sqlite
from ecluse.base.refusal import Fault, Refusal


def refused(url: str) -> str:
    with pytest.raises(Refusal) as said:
        parse_address(url)
    assert "hunter2" not in str(said.value)
    return said.value.code


def test_a_file_is_named_after_the_third_slash() -> None:
    """Three slashes begin a relative path, four an absolute one, and %XX is undone."""
    assert parse_address("sqlite:///lab/old.db").path == Path("lab/old.db")
    assert parse_address("sqlite:////srv/my%20lab.db").path == Path("/srv/my lab.db")


def test_a_postgresql_server_is_named_by_host_or_socket() -> None:
    """Account, host, port, database, search path and authority are read; a host that is a folder is a socket."""
    address = parse_address(
        "postgresql://reader@db.lab.example/lis?schema=clinlims,public&sslrootcert=/etc/lab.pem"
    )
    assert address == Address(
        "postgres", database="lis", host="db.lab.example", port=5432, account="reader", schemas=("clinlims", "public"),
        authority=Path("/etc/lab.pem"),
    )  # fmt: skip
    assert not address.near
    through = parse_address("postgres://reader@/lis?host=%2Frun%2Fpg&port=5433")
    assert (through.socket, through.host, through.port, through.near) == ("/run/pg", "", 5433, True)


def test_a_mariadb_server_is_named_by_both_of_its_schemes() -> None:
    """mysql:// and mariadb:// are the same system, by host or by socket."""
    assert parse_address("mysql://r@127.0.0.1/lis") == parse_address("mariadb://r@127.0.0.1:3306/lis")
    assert parse_address("mysql://r@localhost/lis?unix_socket=/run/m.sock").socket == "/run/m.sock"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("db2://a:hunter2@h/d", "address/unknown-system"),
        ("a:hunter2@h", "address/unknown-system"),
        ("postgresql://a:hunter2@h:99999/d", "address/unreadable"),
        ("postgresql://a:hunter2@h", "address/unreadable"),
        ("postgresql://h/hunter2", "address/unreadable"),
        ("postgresql://a:hunter2@/d", "address/unreadable"),
        ("postgresql://a:hunter2@h/d?port=x", "address/unreadable"),
        ("postgresql://a:hunter2@h/d?sslmode=disable", "address/unknown-option"),
        ("postgresql://a:hunter2@h/d?hunter2!", "address/unreadable"),
        ("mysql://a:hunter2@h/d?local_infile=1", "address/unknown-option"),
        ("sqlite://hunter2/x.db", "address/unreadable"),
        ("sqlite:///", "address/unreadable"),
    ],
)
def test_what_cannot_be_read_is_refused_without_being_repeated(url: str, code: str) -> None:
    """An unknown system, a part that lacks, and an option that would weaken the connection are refused; the password is never repeated."""
    assert refused(url) == code


def test_the_password_shows_nowhere() -> None:
    """Neither repr nor str of an address holds its password."""
    address = parse_address("postgresql://a:hunter%322@h/d")
    assert address.password == "hunter22"
    assert "hunter" not in repr(address) + str(address)
    assert str(address) == "postgresql://a@h:5432/d"


def test_a_password_on_a_command_line_is_refused() -> None:
    """An address with a password, even an empty one, does not pass the door; one without does."""
    for url in ("postgresql://a:hunter2@h/d", "mysql://a:@h/d"):
        with pytest.raises(Refusal, match="password-in-sight"):
            refuse_password(url)
    with pytest.raises(Refusal, match="unreadable"):
        refuse_password("postgresql://[::1/d")
    refuse_password("postgresql://a@h/d")


def test_the_password_is_read_from_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    """A file with one line is the password; a file that others may read is refused."""
    address = parse_address("postgresql://a@h/d")
    file = tmp_path / "secret"
    file.write_text("# the reader's\npass:word\n")
    file.chmod(0o600)
    assert password_from(file, address) == "pass:word"
    file.chmod(0o640)
    with pytest.raises(Refusal, match="password-file-open"):
        password_from(file, address)


def test_the_password_is_read_from_a_file_of_postgresqls_form(tmp_path: Path) -> None:
    """The first line that fits the address gives the password, with its backslashes undone; none that fits is a refusal."""
    file = tmp_path / "pgpass"
    file.write_text("other:5432:d:a:no\n*:*:d:a:s\\:e\\\\t\n")
    file.chmod(0o600)
    assert password_from(file, parse_address("postgresql://a@h/d")) == "s:e\\t"
    with pytest.raises(Refusal, match="password-not-found"):
        password_from(file, parse_address("postgresql://b@h/d"))
    with pytest.raises(Refusal, match="password-not-found"):
        password_from(tmp_path / "absent", parse_address("postgresql://b@h/d"))


@pytest.mark.parametrize(
    ("url", "near"),
    [("mysql://a@localhost/d", True), ("mysql://a@127.0.0.9/d", True), ("postgresql://a@[::1]/d", True), ("mysql://a@10.0.0.1/d", False),
     ("mysql://a@lab.example/d", False), ("sqlite:///x", True)],
)  # fmt: skip
def test_only_this_machine_is_near(url: str, near: bool) -> None:
    """Loopback, sockets and files are on this machine; everything else must be entered encrypted and certified."""
    assert parse_address(url).near is near


def test_a_database_that_does_not_answer_is_a_fault_that_names_it_without_password(tmp_path: Path) -> None:
    """A missing file is not created, a closed port is a fault worth retrying, and neither message holds the password."""
    for opening, url in (
        (open_sqlite, f"sqlite:///{tmp_path}/absent.db"),
        (open_postgres, "postgresql://a:hunter2@127.0.0.1:1/d"),
        (open_mariadb, "mysql://a:hunter2@127.0.0.1:1/d"),
    ):
        with pytest.raises(Fault, match="address/not-reached") as said:
            opening(parse_address(url))
        assert said.value.retry
        assert "hunter2" not in str(said.value)
    assert not (tmp_path / "absent.db").exists()


def test_a_far_postgresql_is_never_entered_in_clear(postgresql_url: str) -> None:
    """A server outside this machine must show a certificate that verifies: one without encryption is not entered, whatever is asked."""
    far = parse_address(postgresql_url)
    import dataclasses

    class Far(Address):
        near = property(lambda self: False)  # type: ignore[assignment]

    with pytest.raises(Fault, match="address/not-reached"):
        open_postgres(Far(**{f.name: getattr(far, f.name) for f in dataclasses.fields(far)}))


def test_reading_is_read_only(postgresql_url: str, mariadb_url: str, tmp_path: Path) -> None:
    """A connection opened to read refuses to write, in the three databases."""
    (tmp_path / "empty.db").touch()
    with (
        open_postgres(parse_address(postgresql_url)) as postgres,
        pytest.raises(Exception, match="read-only"),
    ):
        postgres.execute("CREATE TABLE t (a int)")
    sqlite = open_sqlite(parse_address(f"sqlite:///{tmp_path}/empty.db"))
    with pytest.raises(Exception, match="readonly"):
        sqlite.execute("CREATE TABLE t (a int)")
    sqlite.close()
    mariadb = open_mariadb(parse_address(mariadb_url))
    with mariadb.cursor() as cursor, pytest.raises(Exception, match="READ ONLY"):
        cursor.execute("CREATE TABLE t (a int)")
    mariadb.close()
