"""Where a database stands, and as whom one enters it.

Decides how an address is written and read, where its password may come from, and that the password shows nowhere. It opens nothing:
`connect` does.

    sqlite:///relative/old.db            sqlite:////absolute/old.db
    postgresql://reader@db.lab.example:5432/lis?schema=clinlims,public&sslrootcert=/etc/ssl/lab.pem
    postgresql://reader@/lis?host=/run/postgresql             (through a socket)
    mysql://reader@127.0.0.1:3306/lis                         (or mariadb://)
    mysql://reader@localhost/lis?unix_socket=/run/mysqld/mysqld.sock
    sqlserver://reader@db.lab.example:1433/lis?schema=dbo     (a source only)
    oracle://reader@db.lab.example:2484/LISPDB?schema=LIS&wallet=/etc/ecluse/wallet     (a source only; the database is a service)
    firebird://reader@127.0.0.1:3050/C:/LABO/LABO.FDB?charset=WIN1252     (a source only; the database is an alias or the server's own path)

The address of a file is read as SQLAlchemy reads it: what follows the third slash is the path.
"""

from __future__ import annotations

import ipaddress
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from ecluse.adapters.connectors.sql.charsets import codec_of
from ecluse.base.refusal import Refusal

__all__ = ["Address", "Dialect", "parse_address", "password_from", "refuse_password"]

Dialect = Literal["sqlite", "postgres", "mysql", "tsql", "oracle", "firebird"]

SCHEMES: Final[dict[str, Dialect]] = {
    "sqlite": "sqlite",
    "postgresql": "postgres",
    "postgres": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlserver": "tsql",
    "oracle": "oracle",
    "firebird": "firebird",
}
PORTS: Final[dict[Dialect, int]] = {
    "sqlite": 0,
    "postgres": 5432,
    "mysql": 3306,
    "tsql": 1433,
    "oracle": 1521,
    "firebird": 3050,
}
OPTIONS: Final[dict[Dialect, frozenset[str]]] = {
    "sqlite": frozenset(),
    "postgres": frozenset({"host", "port", "schema", "sslrootcert"}),
    "mysql": frozenset({"unix_socket", "ssl_ca"}),
    "tsql": frozenset({"schema", "ssl_ca"}),
    "oracle": frozenset({"schema", "wallet"}),
    "firebird": frozenset({"charset"}),
}
"""What may follow the question mark. Nothing there weakens the connection: no `sslmode`, no `local_infile`, no driver's own option."""


@dataclass(frozen=True, slots=True)
class Address:
    """One database. `path` for SQLite; else `host` and `port`, or `socket`. `schemas`: those searched, if they are not the account's.

    `authority` is the file of the certificate authority that signed the server's certificate; without it, the system's own are believed.
    `charset`: the character set, by Firebird's name, of what a Firebird database declares to be of none.
    """

    dialect: Dialect
    database: str = ""
    path: Path | None = None
    host: str = ""
    port: int = 0
    socket: str = ""
    account: str = ""
    password: str | None = field(default=None, repr=False)
    schemas: tuple[str, ...] = ()
    authority: Path | None = None
    charset: str = ""

    @property
    def near(self) -> bool:
        """Whether the server is on this machine, so that nobody stands between."""
        if self.dialect == "sqlite" or self.socket or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def with_password(self, password: str) -> Address:
        """The same place, entered with this password."""
        return replace(self, password=password)

    def __str__(self) -> str:
        """The address as it may be shown and kept: without the password."""
        if self.dialect == "sqlite":
            return f"sqlite:///{self.path}"
        scheme = {"postgres": "postgresql", "tsql": "sqlserver"}.get(self.dialect, self.dialect)
        place = self.socket or f"{self.host}:{self.port}"
        return f"{scheme}://{self.account}@{place}/{self.database}"


def parse_address(url: str) -> Address:
    """The address written in `url`. Never repeats the url in a refusal: it may hold a password.

    Raises Refusal `address/unknown-system`, `address/unreadable` or `address/unknown-option`.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise Refusal("address/unreadable", got="host, port or options") from None
    dialect = SCHEMES.get(parts.scheme)
    if dialect is None:
        raise Refusal(
            "address/unknown-system",
            got=parts.scheme if parts.scheme.isalnum() else "?",
            expected=", ".join(SCHEMES),
        )
    for name in options:
        if name not in OPTIONS[dialect]:
            raise Refusal(
                "address/unknown-option",
                got=name if name.isidentifier() else "?",
                expected=", ".join(sorted(OPTIONS[dialect])),
            )
    if dialect == "sqlite":
        return _file(parts)
    return _server(dialect, parts, options, port=port)


def _file(parts: SplitResult) -> Address:
    path = unquote(parts.path.removeprefix("/"))
    if parts.netloc or not path:
        raise Refusal("address/unreadable", got="sqlite:///PATH is needed")
    return Address("sqlite", path=Path(path))


def _server(dialect: Dialect, parts: SplitResult, options: dict[str, str], *, port: int | None) -> Address:
    host = parts.hostname or ""
    socket = options.get("unix_socket", "")
    given = unquote(options.get("host", host))
    if dialect == "postgres" and given.startswith("/"):
        socket, given = given, ""
    database, account = unquote(parts.path.removeprefix("/")), unquote(parts.username or "")
    if not database or not account or not (given or socket):
        raise Refusal("address/unreadable", got="an account, a host or a socket, and a database are needed")
    authority = options.get("sslrootcert") or options.get("ssl_ca") or options.get("wallet")
    if not options.get("port", "0").isdecimal():
        raise Refusal("address/unreadable", got="port")
    charset = options.get("charset", "").upper()
    if charset and codec_of(charset) is None:
        raise Refusal("address/unreadable", got="charset")
    return Address(
        dialect,
        database=database,
        host="" if socket else given,
        port=port or int(options.get("port", 0)) or PORTS[dialect],
        socket=socket,
        account=account,
        password=None if parts.password is None else unquote(parts.password),
        schemas=tuple(name for name in options.get("schema", "").split(",") if name),
        authority=Path(authority) if authority else None,
        charset=charset,
    )


def refuse_password(url: str) -> None:
    """Refuse an address that shows a password where every process of the machine can read it: on a command line.

    Raises Refusal `address/password-in-sight`.
    """
    try:
        password = urlsplit(url).password
    except ValueError:
        raise Refusal("address/unreadable", got="host, port or options") from None
    if password is not None:
        raise Refusal("address/password-in-sight")


def password_from(file: Path, address: Address) -> str:
    """The password in `file`: its only line, or the first line `host:port:database:account:password` that fits (PGPASSFILE's form).

    In that form `*` fits anything, and a backslash stands before a colon or a backslash of a value (PostgreSQL, "The Password File").
    Raises Refusal `address/password-file-open` (others than its owner may read it), `address/password-not-found`.
    """
    try:
        mode = file.stat().st_mode
        lines = [line for line in file.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    except (OSError, UnicodeDecodeError):
        raise Refusal("address/password-not-found", where=file.name) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Refusal(
            "address/password-file-open", where=file.name, got=f"{stat.S_IMODE(mode):04o}", expected="0600"
        )
    wanted = (address.host or "localhost", str(address.port), address.database, address.account)
    for line in lines:
        pieces = _pieces(line)
        if len(pieces) == 5 and all(
            piece in ("*", want) for piece, want in zip(pieces[:4], wanted, strict=True)
        ):
            return pieces[4]
    if len(lines) == 1 and len(_pieces(lines[0])) != 5:
        return lines[0]
    raise Refusal("address/password-not-found", where=file.name)


def _pieces(line: str) -> list[str]:
    """The line cut at its bare colons, with its backslashes undone."""
    pieces, escaped = [""], False
    for character in line:
        if character == "\\" and not escaped:
            escaped = True
        elif character == ":" and not escaped:
            pieces.append("")
        else:
            pieces[-1] += character
            escaped = False
    return pieces
