"""The code map in a site: the local codes a source holds with their units, and the map that a biologist signed last.

Reads codes, labels, units and kinds of specimen, never a patient's record. Decides which map is in force: the one signed last, by a person who may.
An unsigned or altered file maps nothing: what is not found signed under its digest is no map. Who writes codings is the target's connector.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, Protocol, runtime_checkable

import pyarrow as pa

from ecluse.passage.acts import CODE_MAP_SIGNED
from ecluse.passage.authority import signed_code_map
from ecluse.passage.canonical import canonical
from ecluse.passage.extract import Snapshot
from ecluse.passage.site import Site
from ecluse.terms.code_map import CodeMap, LocalTest
from ecluse.terms.codes import SYSTEMS
from ecluse.terms.mapping import Mapping
from ecluse.terms.plan import read_back
from ecluse.terms.vocabulary import Vocabulary

__all__ = ["Coded", "code_map_in_force", "seen_tests"]

_READ: Final = ("code", "act", "label", "unit", "specimen")


@runtime_checkable
class Coded(Protocol):
    """A target that can write, beside a local code, the one it was mapped to."""

    def use_code_map(self, known: CodeMap) -> None:
        """Write from now on the codings of this map, after the local one, wherever a result or an act has one."""
        ...


def code_map_in_force(site: Site) -> CodeMap | None:
    """The code map signed last, verified again; None where none ever was. Raises as `authority.signed_code_map`."""
    noted = site.bodies(CODE_MAP_SIGNED)
    return signed_code_map(site, str(noted[-1]["document"])) if noted else None


def seen_tests(snapshot: Snapshot, mapping: Mapping, *, vocabulary: Vocabulary) -> list[LocalTest]:
    """Every local code of the source with each of its units: its most frequent label and kind of specimen, and how many rows carry it."""
    seen: list[LocalTest] = []
    for path, system in SYSTEMS.items():
        kind, _, name = path.partition(".")
        mapped = mapping.kinds.get(kind)
        if mapped is None or name not in mapped.fields:
            continue
        names = tuple(
            one for one in ("id", *_READ) if one in mapped.fields and one in vocabulary.kinds[kind].fields
        )
        table = _read(snapshot, mapping, kind, names, vocabulary=vocabulary)
        seen += _counted(
            table, system, name, _specimens(snapshot, mapping, vocabulary) if "specimen" in names else None
        )
    return sorted(seen)


def _counted(table: pa.Table, system: str, name: str, specimens: pa.Table | None) -> list[LocalTest]:
    """The rows of one kind, counted by code and unit."""
    if specimens is not None:
        table = table.join(specimens, "specimen", "id", "left outer")
    told = [one for one in (name, "unit", "label", "type") if one in table.schema.names]
    rows = table.group_by(told).aggregate([([], "count_all")]).to_pylist()
    labels: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
    for row in rows:
        code, unit = row[name] or "", row.get("unit") or ""
        labels.setdefault((code, unit), Counter())[row.get("label") or "", row.get("type") or ""] += row[
            "count_all"
        ]
    return [
        LocalTest(system, code, unit, *known.most_common(1)[0][0], rows=known.total())
        for (code, unit), known in labels.items()
        if code
    ]


def _specimens(snapshot: Snapshot, mapping: Mapping, vocabulary: Vocabulary) -> pa.Table | None:
    """Each specimen's kind, where the source says it."""
    mapped = mapping.kinds.get("specimen")
    if mapped is None or "type" not in mapped.fields:
        return None
    return _read(snapshot, mapping, "specimen", ("id", "type"), vocabulary=vocabulary)


def _read(
    snapshot: Snapshot, mapping: Mapping, kind: str, names: tuple[str, ...], *, vocabulary: Vocabulary
) -> pa.Table:
    """These fields of every record of a kind, canonical."""
    plan = read_back(records={kind: names}, instruction="", mapping=mapping, vocabulary=vocabulary)
    batches = [
        canonical(raw, plan.slices[0], vocabulary=vocabulary, lost={}).moved
        for raw in snapshot.rows(plan, plan.slices[0])
    ]
    tables = [pa.table({one: batch.column(one) for one in names}) for batch in batches]
    return pa.concat_tables(tables) if tables else pa.table({one: pa.array([], pa.string()) for one in names})
