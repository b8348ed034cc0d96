"""The LOINC codes that the real files beside the project name: a catalogue of targets as a laboratory would give one, made at test time, never kept.

Decides where names are looked for: OBX and OBR of HL7 messages (`code^name^LN`), codings of FHIR resources, displayNames of CDA documents, also
those in base64 inside a message.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

__all__ = ["as_file", "core_codes", "harvested", "openelis_tests"]

HL7: Final = re.compile(r"(\d{1,5}-\d)\^([^^|~&\r\n]+)\^LN")
TAG: Final = re.compile(r'<[^>]*codeSystem="2\.16\.840\.1\.113883\.6\.1"[^>]*>')
ENCODED: Final = re.compile(r"[A-Za-z0-9+/]{400,}={0,2}")


def harvested(folder: Path) -> dict[str, set[str]]:
    """Every LOINC code that a file under `folder` names, with its names."""
    names: dict[str, set[str]] = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix not in (".sql", ".csv", ".md", ".zip", ".pdf"):
            for code, name in _named(file):
                names.setdefault(code, set()).add(" ".join(name.split()))
    return names


def _named(file: Path) -> Iterator[tuple[str, str]]:
    text = file.read_bytes().decode("utf-8", "replace")
    if file.suffix in (".json", ".ndjson"):
        with contextlib.suppress(json.JSONDecodeError):
            yield from _codings(json.loads(text))
    text += "".join(map(_decoded, ENCODED.findall(text)))
    yield from HL7.findall(text)
    for tag in TAG.findall(text):
        code, name = re.search(r'\bcode="([^"]+)"', tag), re.search(r'displayName="([^"]+)"', tag)
        if code and name:
            yield code[1], name[1]


def _decoded(blob: str) -> str:
    try:
        return base64.b64decode(blob + "=" * (-len(blob) % 4)).decode("utf-8", "replace")
    except binascii.Error:
        return ""


def _codings(content: Any) -> Iterator[tuple[str, str]]:
    if isinstance(content, dict):
        if content.get("system") == "http://loinc.org" and content.get("display"):
            yield str(content.get("code")), str(content["display"])
        for value in content.values():
            yield from _codings(value)
    elif isinstance(content, list):
        for value in content:
            yield from _codings(value)


def as_file(names: dict[str, set[str]]) -> bytes:
    """The names as a plain list of targets, one line for each."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("code", "name"))
    for code, known in sorted(names.items()):
        writer.writerows((code, name) for name in sorted(known))
    return out.getvalue().encode()


def openelis_tests(folder: Path) -> list[dict[str, str]]:
    """The lines of OpenELIS's test catalogue."""
    file = folder / "openelis-global2" / "catalogue" / "example-tests.csv"
    lines = [line for line in file.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return list(csv.DictReader(lines))


def core_codes(folder: Path) -> list[str]:
    """The LOINC codes of the results of the French core set, in its order: the two that it says are of orders are not among them."""
    lines = (folder / "fr-loinc-eds" / "codes.csv").read_text("utf-8").splitlines()
    codes = [line.split(",")[2] for line in lines if ",loinc," in line and line.endswith(",")]
    return list(dict.fromkeys(codes))
