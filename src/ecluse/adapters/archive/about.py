"""What an archive says of itself: its index, data dictionary, columns, counts and volume, each made from what it describes and never apart from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Final

from ecluse.adapters.archive.tables import TableReading, csv_octets
from ecluse.base.words import LANGUAGES, say
from ecluse.proof.tar import Entry, entry
from ecluse.terms.vocabulary import vocabulary

__all__ = ["counted", "index", "outside_readme"]

_MARK: Final = b"\xef\xbb\xbf"


def outside_readme(*, classic: bool) -> bytes:
    """The words beside the seal, in every language."""
    seal = "classic" if classic else "hybrid"
    return _plain("outside", {it: {"age": say(f"archive.age_{seal}", it)} for it in LANGUAGES}).encode()


def index(*, migration: str, format: str) -> Iterator[Entry]:
    """The index as text and as a page, and the data dictionary."""
    values = {it: {"migration": migration, "format": format} for it in LANGUAGES}
    yield entry("README.txt", _plain("inside", values).encode())
    yield entry("index.html", _page(values).encode())
    yield entry("dictionary.csv", _dictionary())


def counted(reading: TableReading) -> Iterator[Entry]:
    """Columns, counts and volume of what was read back."""
    kinds = vocabulary().kinds
    columns = [
        [kind, name, kinds[kind].fields[name].type, str(rows)]
        for kind, filled in reading.filled.items()
        for name, rows in filled.items()
    ]
    yield entry("columns.csv", _table(["kind", "field", "type", "filled"], columns))
    counts = [
        [kind, str(site), str(month), str(rows)]
        for kind, side in reading.sides.items()
        for site, month, rows, *_ in side.sums.lines()
    ]
    yield entry("counts.csv", _table(["kind", "site", "month", "records"], counts))
    months = sorted(month for _, _, month, _ in counts if month[:1].isdigit())
    volume = {
        "records": reading.records,
        "documents": dict(reading.forms),
        "first_month": months[0] if months else None,
        "last_month": months[-1] if months else None,
    }
    yield entry("volume.json", json.dumps(volume, indent=2).encode() + b"\n")


def _plain(key: str, values: dict[str, dict[str, str]]) -> str:
    parts = [
        f"{say('archive.title', it)}\n\n{say(f'archive.{key}', it, **values[it]).strip()}\n"
        for it in LANGUAGES
    ]
    return "\n--------\n\n".join(parts)


def _page(values: dict[str, dict[str, str]]) -> str:
    parts = []
    for it in LANGUAGES:
        lines = say("archive.inside", it, **values[it]).strip().splitlines()
        told = "\n".join(f"<p>{escape(line)}</p>" for line in lines if line)
        parts.append(
            f'<section lang="{it}">\n<h1>{escape(say("archive.title", it))}</h1>\n{told}\n</section>'
        )
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="fr">\n<meta charset="utf-8">\n<title>{escape(say("archive.title", "fr"))}</title>\n{body}\n</html>\n'


def _dictionary() -> bytes:
    head = ["kind", "kind_fr", "kind_en", "field", "type", "fr", "en", "categories", "parent"]
    lines = [
        [
            kind.name, kind.label["fr"], kind.label["en"], it.name, it.type, it.label["fr"], it.label["en"],
            " ".join(sorted(it.categories)), it.parent or "",
        ]
        for kind in vocabulary().kinds.values()
        for it in kind.fields.values()
    ]  # fmt: skip
    return _table(head, lines)


def _table(head: list[str], lines: list[list[str]]) -> bytes:
    return _MARK + csv_octets([head, *lines])
