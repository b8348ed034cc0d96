"""The workspace's one file, `ecluse.toml`: where the two sites, the exchange and the two systems are. Read once, every mistake named.

    language = "fr"
    exchange = "exchange"                 # folder of the shared ledger, the documents and the custody vault; or, of an exchange elsewhere,
    exchange = "https://sas.example:8443/labo-a"   # this laboratory's chamber there
    proxy = "http://proxy.example:3128"   # where the outside is reached only through one
    [source]
    site = "laboratory-old"               # folder of the source laboratory's site
    url = "postgresql://ecluse@localhost/old"
    password_file = "old.pgpass"          # never in the URL, never in an argument
    mapping = "old.toml"
    [target]
    site = "laboratory-new"
    url = "sqlite:///new.sqlite"
    mapping = "new.toml"

Where the other site is on another machine, its table holds its `site` alone, and its `mapping` once it was given: it names no patient and no address.

The only module, with its neighbours of this floor, that reads the environment: ECLUSE_HOME (the workspace's folder), ECLUSE_LANGUAGE or LANG.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from ecluse.base.refusal import Refusal
from ecluse.base.words import LANGUAGES

__all__ = [
    "FILE",
    "Settings",
    "SystemSettings",
    "elsewhere",
    "home_folder",
    "language_of_environment",
    "read_settings",
    "write_settings",
]

FILE: Final = "ecluse.toml"
Side = Literal["source", "target"]


@dataclass(frozen=True, slots=True)
class SystemSettings:
    """One side: the site's folder, the system's address ("" on another machine), where its password lies, and its mapping file."""

    site: Path
    url: str
    mapping: Path
    password_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The workspace. Paths are absolute. `chamber`: the address of the chamber at an exchange elsewhere; "" when the exchange is the folder."""

    home: Path
    language: str
    exchange: Path
    source: SystemSettings
    target: SystemSettings
    chamber: str = ""
    proxy: str = ""

    def side(self, side: Side) -> SystemSettings:
        """The settings of one side."""
        return self.source if side == "source" else self.target


def home_folder(given: Path | None) -> Path:
    """The workspace's folder: the one given, else ECLUSE_HOME, else here."""
    return (given or Path(os.environ.get("ECLUSE_HOME", "."))).resolve()


def language_of_environment() -> str:
    """ECLUSE_LANGUAGE, else what LC_ALL, LC_MESSAGES or LANG say; French first where they say nothing."""
    for name in ("ECLUSE_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        language = os.environ.get(name, "")[:2].lower()
        if language in LANGUAGES:
            return language
    return "fr"


def read_settings(home: Path) -> Settings:
    """The settings in `home`. Raises Refusal `settings/absent`, `settings/malformed` naming every mistake."""
    file = home / FILE
    if not file.is_file():
        raise Refusal("settings/absent", where=str(home))
    try:
        source = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise Refusal("settings/malformed", where=FILE, got="not TOML") from None
    mistakes = _mistakes(source)
    if mistakes:
        raise Refusal("settings/malformed", where=FILE, got="; ".join(mistakes))
    return Settings(
        home=home,
        language=source.get("language", language_of_environment()),
        exchange=home / ("exchange" if elsewhere(source["exchange"]) else source["exchange"]),
        chamber=source["exchange"] if elsewhere(source["exchange"]) else "",
        proxy=source.get("proxy", ""),
        source=_system(home, source["source"]),
        target=_system(home, source["target"]),
    )


def elsewhere(exchange: str) -> bool:
    """Whether an exchange is spoken to over the network; without TLS it never is, and its address is refused where it is parsed."""
    return "://" in exchange


def write_settings(
    home: Path,
    *,
    language: str,
    source_url: str,
    target_url: str,
    source_mapping: str,
    target_mapping: str,
    exchange: str = "exchange",
) -> Settings:
    """Write a new workspace file with the usual folder names; a side whose URL is "" is on another machine. Raises Refusal `settings/exists`."""
    file = home / FILE
    if file.exists():
        raise Refusal("settings/exists", where=str(file))
    lines = [f'language = "{language}"', f'exchange = "{exchange}"']
    for side, site, url, mapping in (
        ("source", "laboratory-old", source_url, source_mapping),
        ("target", "laboratory-new", target_url, target_mapping),
    ):
        lines += [
            "",
            f"[{side}]",
            f'site = "{site}"',
            *([f'url = "{url}"'] if url else []),
            f'mapping = "{mapping}"',
        ]
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return read_settings(home)


def _mistakes(source: dict[str, Any]) -> list[str]:
    mistakes = [
        f"unknown key {key}"
        for key in source
        if key not in ("language", "exchange", "proxy", "source", "target")
    ]
    if source.get("language", "fr") not in LANGUAGES:
        mistakes.append("language is fr or en")
    if not isinstance(source.get("exchange"), str):
        mistakes.append("exchange is missing")
    if not isinstance(source.get("proxy", ""), str):
        mistakes.append("proxy is not text")
    away = elsewhere(str(source.get("exchange")))
    for side in ("source", "target"):
        table = source.get(side)
        if not isinstance(table, dict):
            mistakes.append(f"[{side}] is missing")
            continue
        mistakes += [
            f"{side}.{key} is missing"
            for key in (("site",) if away else ("site", "url", "mapping"))
            if not isinstance(table.get(key), str)
        ]
        mistakes += [
            f"unknown key {side}.{key}"
            for key in table
            if key not in ("site", "url", "mapping", "password_file")
        ]
    return mistakes


def _system(home: Path, table: dict[str, str]) -> SystemSettings:
    password = home / table["password_file"] if "password_file" in table else None
    mapping = home / table.get("mapping", f"{table['site']}.toml")
    return SystemSettings(home / table["site"], table.get("url", ""), mapping, password)
