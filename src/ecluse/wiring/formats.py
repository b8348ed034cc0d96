"""The one table of formats of files: which stands behind which address, what may be said of it there, and the mappings that ship.

A format's own module is imported when it is used, and not before. Decides nothing of what a format reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from secrets import token_bytes
from typing import TYPE_CHECKING, Final, Protocol, cast, runtime_checkable
from zoneinfo import ZoneInfo

from ecluse.adapters.connectors.files.address import FilesAddress
from ecluse.base.refusal import Refusal

if TYPE_CHECKING:
    from ecluse.adapters.connectors.files.format import Format, Tables

__all__ = ["FORMATS", "MAPPINGS", "Secret", "format_of", "shipped_mapping", "unheld", "writable"]

Options = Mapping[str, str]
Secret = Callable[[], bytes]
"""Gives what keys the ids that a format makes: asked only where one does."""
ZONE: Final = "Europe/Paris"


def unheld() -> bytes:
    """Where no site is at hand: a secret of this once, so that no id made can be tried against anybody's list of numbers."""
    return token_bytes(32)


@runtime_checkable
class Keyed(Protocol):
    """A format that makes ids of what it reads (an INS, a name and a birth date) for records that have none."""

    def keyed(self, secret: bytes) -> Keyed:
        """The format whose ids nobody makes without the secret."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """A format: how it is made from the options of an address, and which there are. `written`: it can be a target."""

    make: Callable[[Options], object]
    options: frozenset[str] = frozenset()
    written: bool = True


def _zone(options: Options) -> ZoneInfo:
    name = options.get("zone", ZONE)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Refusal("files/option-unreadable", where="zone", got=name) from None


def _hl7v2(options: Options) -> object:
    from ecluse.adapters.connectors.hl7.format import Hl7v2
    from ecluse.adapters.connectors.hl7.parts import Manner

    own = frozenset(filter(None, options.get("own", "").split(",")))
    return Hl7v2(Manner(own=own, zone=_zone(options)))


def _hprim(_: Options) -> object:
    from ecluse.adapters.connectors.hprim.format import Hprim

    return Hprim()


def _hprim_letters(_: Options) -> object:
    from ecluse.adapters.connectors.hprim.letters import HprimLetters

    return HprimLetters()


def _cda(options: Options) -> object:
    from ecluse.adapters.connectors.cda.format import Cda

    return Cda(_zone(options))


def _table(_: Options) -> object:
    from ecluse.adapters.connectors.table.formats import TablesInFiles

    return TablesInFiles()


def _csv(_: Options) -> object:
    from ecluse.adapters.connectors.table.csv_format import CsvRecords

    return CsvRecords()


def _xlsx(_: Options) -> object:
    from ecluse.adapters.connectors.table.xlsx_format import XlsxRecords

    return XlsxRecords()


def _parquet(_: Options) -> object:
    from ecluse.adapters.connectors.table.parquet_format import ParquetRecords

    return ParquetRecords()


FORMATS: Final[dict[str, Known]] = {
    "hl7v2": Known(_hl7v2, frozenset({"zone", "own"})),
    "hprim": Known(_hprim),
    "hprim-medecins": Known(_hprim_letters, written=False),
    "cda": Known(_cda, frozenset({"zone"})),
    "table": Known(_table, written=False),
    "csv": Known(_csv),
    "xlsx": Known(_xlsx),
    "parquet": Known(_parquet),
}
"""By the word before "+file"."""
_APART: Final = "fhir"
"""A folder of FHIR resources is a system of its own (`wiring.fhir`): the one word for it stands with the others where they are listed."""

MAPPINGS: Final[dict[str, tuple[str, str]]] = {
    "hl7v2": ("ecluse.adapters.connectors.hl7", "hl7v2.toml"),
    "hprim": ("ecluse.adapters.connectors.hprim", "hprim.toml"),
    "hprim-medecins": ("ecluse.adapters.connectors.hprim", "hprim-medecins.toml"),
    "cda": ("ecluse.adapters.connectors.cda", "cda.toml"),
    "fhir-r4": ("ecluse.adapters.connectors.fhir", "fhir-r4.toml"),
    "gnuhealth": ("ecluse.adapters.connectors.gnuhealth", "gnuhealth.toml"),
    "records": ("ecluse.adapters.connectors.table", "records.toml"),
    "openelis-global2": ("ecluse.invent", "mappings/openelis-global2.toml"),
    "invented-old": ("ecluse.invent", "mappings/invented-old.toml"),
    "invented-new": ("ecluse.invent", "mappings/invented-new.toml"),
}
"""The mappings that ship, by name: the folder of modules it stands in, and the file."""


def format_of(address: FilesAddress, *, secret: Secret = unheld) -> Format | Tables:
    """The format of an address, its made ids keyed. Raises Refusal `files/format-unknown`, `files/option-unknown`, `files/option-unreadable`."""
    known = _known(address)
    unknown = sorted(address.options.keys() - known.options)
    if unknown:
        listed = ", ".join(sorted(known.options)) or "-"
        raise Refusal("files/option-unknown", where=address.format, got=unknown[0], known=listed)
    # Each format passes the contract suite; its own module's types are not needed here, and would import it.
    made = known.make(address.options)
    return cast("Format | Tables", made.keyed(secret()) if isinstance(made, Keyed) else made)


def writable(address: FilesAddress) -> Format:
    """The format of an address that is a target. Raises Refusal `files/not-written`, `files/address-unreadable`, and as `format_of`."""
    if not _known(address).written:
        raise Refusal("files/not-written", where=address.format)
    if address.path is None:
        raise Refusal("files/address-unreadable")
    return cast("Format", format_of(address))


def shipped_mapping(name: str) -> str:
    """The text of a mapping that ships with Écluse. Raises Refusal `files/mapping-unknown`."""
    if name not in MAPPINGS:
        raise Refusal("files/mapping-unknown", got=name, known=", ".join(sorted(MAPPINGS)))
    package, file = MAPPINGS[name]
    return resources.files(package).joinpath(file).read_text("utf-8")


def _known(address: FilesAddress) -> Known:
    if address.format not in FORMATS:
        raise Refusal("files/format-unknown", got=address.format, known=", ".join(sorted((*FORMATS, _APART))))
    return FORMATS[address.format]
