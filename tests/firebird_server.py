"""A private Firebird for tests, as `tests.servers` starts the others: own folder, own accounts, the loopback address, nothing left behind.

Its programs are Debian's (firebird3.0-server) and its driver the optional one; where one is absent, `Missing` says which. The server finds
its configuration by the variable FIREBIRD, given to its process alone; its folder of character sets is copied, for it reads none by a link.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any, Final

from tests.servers import (
    Missing,
    Server,
    free_port,
    once,
    running,
    server_account,
    server_folder,
    wait,
)

__all__ = ["FirebirdServer", "firebird", "spelt"]

PROGRAM: Final = Path("/usr/sbin/firebird")
USERS: Final = Path("/usr/share/firebird/3.0/security.sql")


@dataclass(frozen=True)
class FirebirdServer(Server):
    """A running Firebird, and how to make databases on it: in a character set, in a dialect."""

    def url(self, name: str) -> str:
        """The address of database `name`, by its path."""
        return f"firebird://{self.account}:{self.password}@127.0.0.1:{self.port}/{self._path(name)}"

    def _path(self, name: str) -> Path:
        return self.folder / "data" / f"{name}.fdb"

    @contextmanager
    def database(self, *, charset: str = "UTF8", dialect: int = 3) -> Iterator[str]:
        """The address of a fresh, empty database, dropped afterwards with whoever is still connected to it."""
        from firebird.driver import connect, create_database

        name = f"ecluse_{secrets.token_hex(6)}"
        terms = self._terms(name)
        terms.db_charset.value, terms.db_sql_dialect.value = charset, dialect
        terms.forced_writes.value = False
        create_database(name).close()
        try:
            yield self.url(name)
        finally:
            with closing(connect(name)) as connection, closing(connection.cursor()) as cursor:
                cursor.execute("DELETE FROM MON$ATTACHMENTS WHERE MON$ATTACHMENT_ID <> CURRENT_CONNECTION")
                connection.commit()
            self._path(name).unlink()

    def open(self, url: str, *, dialect: int = 3) -> Any:
        """A connection to the database at this address, which writes; its caller commits."""
        from firebird.driver import connect

        name = Path(url).stem
        self._terms(name).sql_dialect.value = dialect
        return connect(name)

    def run(self, url: str, statements: Sequence[str], *, dialect: int = 3) -> None:
        """Run these, each committed."""
        with closing(self.open(url, dialect=dialect)) as connection:
            for statement in statements:
                with closing(connection.cursor()) as cursor:
                    cursor.execute(statement)
                connection.commit()

    def connect(self) -> Any:
        """A connection to the server's own accounts, to see that it answers."""
        from firebird.driver import connect

        return connect(f"127.0.0.1/{self.port}:security.db", user=self.account, password=self.password)

    def _terms(self, name: str) -> Any:
        from firebird.driver import driver_config

        terms = driver_config.get_database(name) or driver_config.register_database(name)
        terms.dsn.value, terms.charset.value = f"127.0.0.1/{self.port}:{self._path(name)}", "UTF8"
        terms.user.value, terms.password.value = self.account, self.password
        return terms


def spelt(statement: str) -> str:
    """A CREATE TABLE of PostgreSQL's in Firebird's words, as far as the invented systems need."""
    return statement.replace(" TEXT", " BLOB SUB_TYPE TEXT").replace(" BYTEA", " BLOB")


@contextmanager
def firebird() -> Iterator[FirebirdServer]:
    """A private Firebird. Raises `Missing`."""
    install = shutil.which("isql-fb")
    if not PROGRAM.exists() or not USERS.exists() or install is None:
        raise Missing("Firebird: install firebird3.0-server (apt)")
    if util.find_spec("firebird") is None:
        raise Missing("Firebird: install firebird-driver (pip)")
    import firebird.driver

    account = server_account("nobody")
    with server_folder("ecluse-fb-", account) as folder:
        port, password = free_port(), secrets.token_hex(16)
        _configured(folder, port)
        first = folder / "first.sql"
        first.write_text(
            f"CREATE DATABASE '{folder / 'security3.fdb'}';\nIN {USERS};\nCOMMIT;\n"
            f"CREATE USER SYSDBA PASSWORD '{password}';\nCOMMIT;\n"
        )
        account.own(folder)
        place = ["env", f"FIREBIRD={folder}", f"FIREBIRD_LOCK={folder / 'lock'}"]
        once([*place, install, "-user", "SYSDBA", "-q", "-bail", "-i", first], account=account, folder=folder)
        first.unlink()
        command: list[object] = [*place, PROGRAM]
        with running(command, account=account, folder=folder, signal="TERM") as process:
            server = FirebirdServer("firebird", folder, port, "SYSDBA", password, process)
            wait(server, refused=firebird.driver.Error)
            yield server


def _configured(folder: Path, port: int) -> None:
    for name in ("data", "lock"):
        (folder / name).mkdir()
    (folder / "firebird.conf").write_text(
        f"RemoteBindAddress = 127.0.0.1\nRemoteServicePort = {port}\nSecurityDatabase = {folder}/security3.fdb\n"
        f"DatabaseAccess = Restrict {folder}/data\nTempDirectories = {folder}/data\n"
    )
    (folder / "databases.conf").write_text(f"security.db = {folder}/security3.fdb\n")
    shutil.copy("/etc/firebird/3.0/plugins.conf", folder)
    (installed,) = Path("/usr/lib").glob("*/firebird/3.0/intl")
    shutil.copytree(installed, folder / "intl")
