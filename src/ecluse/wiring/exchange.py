"""The exchange's wiring: its one file, `exchange.toml`, and its chambers with their tools. Read once, every mistake named.

    name = "sas.example"                   # the host name people and agents type; what its ledgers are signed under
    host = "Hébergeur de santé"            # who runs it
    country = "FR"                         # where it stands (ISO 3166-1): outside the EEA it does not start
    language = "fr"
    [https]
    address = "127.0.0.1"
    port = 8443
    certificate = "tls/certificate.pem"
    key = "tls/key.pem"
    [sftp]
    address = "127.0.0.1"
    port = 2222

Past one machine, `[postgresql]` and `[objects]` name where ledgers and parcels lie (`stores`).
There is no field for a key that opens a parcel, none for a plain-text door, and none that weakens. The folder:

    accounts.sqlite  secret.key  tls/  ssh/       people and credentials; what signs cookies, speaks TLS and SSH
    chambers/<chamber>/  log.key ledger.sqlite documents/ custody/ uploads/
"""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ecluse.adapters.clock import SystemClock
from ecluse.adapters.documents import DocumentFolder
from ecluse.adapters.private import log_key
from ecluse.adapters.uploads import DiskUploads
from ecluse.base.refusal import Fault, Refusal
from ecluse.base.words import LANGUAGES
from ecluse.passage.arrivals import Arrivals
from ecluse.passage.chamber import Chamber
from ecluse.passage.intake import Intake
from ecluse.proof.keys import SigningKey
from ecluse.proof.ledger import Ledger
from ecluse.terms.instruction.naming import EEA
from ecluse.wiring.stores import ObjectStore, PostgresStore, custody_of, records_of

__all__ = ["FILE", "Exchange", "ExchangeSettings", "HttpsDoor", "SftpDoor", "read_exchange", "write_exchange"]

FILE: Final = "exchange.toml"
CHAMBER: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_HOST_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class HttpsDoor:
    """Where the console and the API are spoken to. Paths are relative to the exchange's folder."""

    address: str = "127.0.0.1"
    port: int = 8443
    certificate: str = "tls/certificate.pem"
    key: str = "tls/key.pem"


@dataclass(frozen=True, slots=True)
class SftpDoor:
    """Where SFTP clients are spoken to."""

    address: str = "127.0.0.1"
    port: int = 2222


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """The exchange as its file says. `home` is its folder."""

    home: Path
    name: str
    host: str
    country: str = "FR"
    language: str = "fr"
    https: HttpsDoor = field(default_factory=HttpsDoor)
    sftp: SftpDoor = field(default_factory=SftpDoor)
    postgresql: PostgresStore | None = None
    objects: ObjectStore | None = None


_TABLES: Final[Mapping[str, type]] = {"https": HttpsDoor, "sftp": SftpDoor}
_ELSEWHERE: Final[Mapping[str, type]] = {"postgresql": PostgresStore, "objects": ObjectStore}
"""Tables of an exchange past one machine: without them all is in its folder (`stores`)."""


def read_exchange(home: Path) -> ExchangeSettings:
    """The settings in `home`. Raises Refusal `settings/absent`, `settings/malformed` naming every mistake."""
    file = home / FILE
    if not file.is_file():
        raise Refusal("settings/absent", where=str(home))
    try:
        told = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise Refusal("settings/malformed", where=FILE, got="not TOML") from None
    if mistakes := [*_mistakes(told, ExchangeSettings), *_wrong(told)]:
        raise Refusal("settings/malformed", where=FILE, got="; ".join(mistakes))
    tables = {name: kind(**told[name]) for name, kind in {**_TABLES, **_ELSEWHERE}.items() if name in told}
    return ExchangeSettings(home=home.resolve(), **{**told, **tables})


def write_exchange(
    home: Path, *, name: str, host: str, language: str, port: int = 8443, sftp_port: int = 2222
) -> ExchangeSettings:
    """Write a new exchange's file. Raises Refusal `settings/exists`, `settings/malformed`."""
    file = home / FILE
    if file.exists():
        raise Refusal("settings/exists", where=str(file))
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = [f"{key} = {_quoted(value)}" for key, value in (("name", name), ("host", host), ("country", "FR"), ("language", language))]  # fmt: skip
    for table, kind in _TABLES.items():
        lines += ["", f"[{table}]"]
        chosen = {"port": port if table == "https" else sftp_port}
        lines += [f"{each.name} = {_quoted(chosen.get(each.name, each.default))}" for each in fields(kind)]
    text = "\n".join(lines) + "\n"
    if mistakes := _wrong(tomllib.loads(text)):
        raise Refusal("settings/malformed", where=FILE, got="; ".join(mistakes))
    file.touch(mode=0o600)
    file.write_text(text, "utf-8")
    return read_exchange(home)


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange with its chambers, opened as they are needed and then kept: their caches are worth keeping."""

    settings: ExchangeSettings
    clock: Callable[[], datetime] = SystemClock().now
    _open: dict[str, Chamber] = field(default_factory=dict, init=False, repr=False, compare=False)
    _intakes: dict[str, Intake] = field(default_factory=dict, init=False, repr=False, compare=False)

    def chambers(self) -> list[str]:
        """The chambers' names, sorted."""
        folder = self.settings.home / "chambers"
        return sorted(it.name for it in folder.iterdir()) if folder.is_dir() else []

    def create_chamber(self, name: str) -> Chamber:
        """A new laboratory's chamber, with a log key of its own. Raises Refusal `settings/exists`, `vault/name`, Fault `ledger/away`."""
        if not CHAMBER.fullmatch(name):
            raise Refusal("vault/name")
        folder = self.settings.home / "chambers" / name
        if folder.exists():
            raise Refusal("settings/exists", where=name)
        folder.mkdir(mode=0o700, parents=True)
        key = folder / "log.key"
        key.touch(mode=0o600)
        key.write_bytes(SigningKey.new().seed)
        try:
            return self.chamber(name)
        except (Refusal, Fault):  # a server that is away: the same command again makes it
            shutil.rmtree(folder)
            raise

    def chamber(self, name: str) -> Chamber:
        """One chamber with its tools. Raises Refusal `chamber/unknown`."""
        folder = self.settings.home / "chambers" / name
        if not CHAMBER.fullmatch(name) or not folder.is_dir():
            raise Refusal("chamber/unknown")
        if name not in self._open:
            key = log_key(folder)
            settings = self.settings
            custody = custody_of(settings.objects, home=settings.home, chamber=name)
            records = records_of(settings.postgresql, home=settings.home, chamber=name)
            self._open[name] = Chamber(
                name=name,
                clock=self.clock,
                ledger=Ledger(records, origin=f"{settings.name}/{name}", key=key),
                documents=DocumentFolder(folder / "documents"),
                custody=custody,
            )
        return self._open[name]

    def intake(self, name: str) -> Intake:
        """One chamber's intake, the same for every door of this process. Raises Refusal `chamber/unknown`."""
        if name not in self._intakes:
            folder = self.settings.home / "chambers" / name
            self._intakes[name] = Intake(Arrivals(self.chamber(name)), DiskUploads(folder / "uploads"))
        return self._intakes[name]


def _mistakes(told: Mapping[str, Any], kind: type, inside: str = "") -> list[str]:
    """Keys that are not known, lack or have another type, each by its full name."""
    known = {each.name: each for each in fields(kind) if each.name != "home"}
    mistakes = [f"unknown key {inside}{key}" for key in told if key not in known]
    tables = {**_TABLES, **{name: kind for name, kind in _ELSEWHERE.items() if name in told}}
    for name, each in known.items():
        if name in tables and not inside:
            table = told.get(name, {})
            mistakes += (
                _mistakes(table, tables[name], f"{name}.")
                if isinstance(table, dict)
                else [f"[{name}] is not a table"]
            )
        elif name not in told:
            mistakes += [f"{inside}{name} is missing"] if each.default is MISSING else []
        elif type(told[name]).__name__ != each.type:
            mistakes.append(f"{inside}{name} is not {'a number' if each.type == 'int' else 'text'}")
    return mistakes


def _wrong(told: Mapping[str, Any]) -> list[str]:
    """Values that cannot be."""
    wrong = []
    if not _HOST_NAME.fullmatch(str(told.get("name", ""))):
        wrong.append("name is not a host name")
    if told.get("language", "fr") not in LANGUAGES:
        wrong.append("language is fr or en")
    if told.get("country", "FR") not in EEA:
        wrong.append("country is outside the European Economic Area")
    return wrong


def _quoted(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
