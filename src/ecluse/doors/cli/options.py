"""Options that many verbs share, each written once. Their help stands in the catalogue `cli` as `option_<name>`, by language."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = ["Author", "Dry", "Dump", "Json", "LanguageName", "Maybe", "Migration", "Secret", "SideName"]


class SideName(StrEnum):
    """Which of the two sites."""

    SOURCE = "source"
    TARGET = "target"


Json: TypeAlias = Annotated[bool, typer.Option("--json")]
Dry: TypeAlias = Annotated[bool, typer.Option("--dry-run")]
Author: TypeAlias = Annotated[str, typer.Option("--as", metavar="PERSON")]
Secret: TypeAlias = Annotated[Path | None, typer.Option("--passphrase-file", metavar="FILE")]
Dump: TypeAlias = Annotated[Path | None, typer.Option("--from-dump", metavar="FILE|-")]
Migration: TypeAlias = Annotated[str, typer.Argument(metavar="MIGRATION")]
Maybe: TypeAlias = Annotated[Path | None, typer.Argument(metavar="FILE")]


class LanguageName(StrEnum):
    """The languages that Écluse speaks."""

    FR = "fr"
    EN = "en"
