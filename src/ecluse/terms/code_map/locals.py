"""The laboratory's own codes from a list that it exports: for the day on which there is a dictionary and not yet a connection.

Decides how such a list is read: one line for a code, by its header. What a source holds is read by `passage.code_map` instead.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.terms.code_map.propose import LISTS, LocalTest
from ecluse.terms.code_map.targets import decoded

__all__ = ["read_locals"]

LARGEST: Final = 64 << 20
_SAID: Final = ("unit", "label", "specimen", "method")


def read_locals(payload: bytes, *, where: str) -> list[LocalTest]:
    """The codes of a list with a header of `code`, and any of `label`, `unit`, `specimen`, `method`, `system` ("test", the default, or "act").

    Raises Refusal `codes/catalogue-unreadable`.
    """
    if len(payload) > LARGEST:
        raise Refusal("codes/catalogue-unreadable", where=where, got=f"{len(payload)} bytes")
    lines = [line for line in decoded(payload).splitlines() if line.strip() and not line.startswith("#")]
    separator = max(",;\t", key=lines[0].count) if lines else ","
    reader = csv.DictReader(io.StringIO("\n".join(lines)), delimiter=separator)
    columns = {(name or "").strip().lower(): name for name in reader.fieldnames or ()}
    if "code" not in columns:
        raise Refusal("codes/catalogue-unreadable", where=where, got=", ".join(columns)[:120] or "-")
    found: dict[tuple[str, str, str], LocalTest] = {}
    for line in reader:
        local = _local({name: (line[given] or "").strip() for name, given in columns.items()}, where=where)
        if local is not None:
            found[local.system, local.code, local.unit] = local
    return sorted(found.values())


def _local(line: Mapping[str, str], *, where: str) -> LocalTest | None:
    if not line["code"]:
        return None
    system = line.get("system") or "test"
    if system not in LISTS:
        raise Refusal("codes/catalogue-unreadable", where=where, got=f"system = {system[:20]}")
    unit, label, specimen, method = (line.get(name, "") for name in _SAID)
    return LocalTest(system, line["code"], unit, label, specimen, method)
