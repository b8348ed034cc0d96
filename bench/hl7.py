"""Reading and writing HL7 v2 beside the libraries that people use: PyPI `hl7` (splits a message into nested lists), `hl7apy` (parses it by the standard) and
`brightohir` (the converter to FHIR that PyPI has: it parses by hl7apy, and makes R5 resources).

Decides the messages: an ORU^R01 of one request with twelve results, as a laboratory's system sends one, invented here. Ours is the whole reading, from
octets to records and counts; theirs is the parsing alone, before any field is looked at. One process each, one core.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from importlib import import_module, util
from statistics import median

from bench.asked import Asked, Table
from ecluse.adapters.connectors.files.format import Case, Fact
from ecluse.adapters.connectors.hl7.format import Hl7v2

__all__ = ["feed", "reading"]

RESULTS = 12


def feed(messages: int) -> list[str]:
    """Messages of one request with its results each, segments ended by CR."""
    return [_message(number) for number in range(messages)]


def _message(number: int) -> str:
    lines = [
        f"MSH|^~\\&|SIL|LABO|DPI|CH|20240115083000||ORU^R01^ORU_R01|{number}|P|2.5.1||||||UNICODE UTF-8",
        f"PID|1||{number % 5000}^^^LABO^PI||DURAND^ANNE^ANNE MARIE^^^^L~PETIT^ANNE^^^^^D||19790328|F|||1 RUE DE LA PAIX^^PARIS^^75002^FRA^H||0100000000^PRN^PH",
        f"PV1|1|O||||||{number % 97}^MARTIN^JEAN",
        f"ORC|RE|P{number}|D{number}||||||20240115080000|||{number % 97}^MARTIN^JEAN^^^DR",
        f"OBR|1|P{number}|D{number}|NFS^NUMERATION FORMULE^L|||20240115073000||||||||{number % 97}||{number % 97}^MARTIN^JEAN||||||20240115110000|||F",
    ]
    for place in range(1, RESULTS + 1):
        lines.append(
            f"OBX|{place}|NM|{700 + place}-{place % 10}^ANALYSE NUMERO {place}^LN||{(number * place) % 300 / 10}|mmol/L|3.9-6.1|{'NHL'[place % 3]}|||F|||20240115073000|LABO|12^LEROY^PAULE||20240115104500"
        )
        if place % 4 == 0:
            lines.append(f"NTE|{place}||Contrôlé sur nouveau prélèvement")
    lines.append("SPM|1|^E1||^SANG VEINEUX|||||||||||||20240115073000|20240115081500")
    return "\r".join(lines) + "\r"


def reading(asked: Asked) -> Table:
    """Messages a second, read and written."""
    many = (asked.results or 120_000) // RESULTS
    table = Table(
        "HL7 v2, ORU^R01 messages",
        f"{many:,} messages of {RESULTS} results. Écluse: from octets to records, every segment counted. hl7 and hl7apy: parsing alone; brightohir: from a message to FHIR.",
        ["way", "messages", "seconds", "messages / s", "/ Écluse"],
    )
    texts = feed(many)
    octets = "".join(texts).encode()
    ours = _median(asked.runs, lambda: _read(octets))
    table.rows.append(["**Écluse: read**", many, round(ours, 2), round(many / ours), 1.0])
    for name, parse, share in _peers():
        if parse is None:
            table.not_run.append(f"{name} is not installed")
            continue
        some = texts[: max(1, many // share)]
        spent = _median(asked.runs, lambda parse=parse, some=some: [parse(text) for text in some])  # type: ignore[misc]
        table.rows.append([name, len(some), round(spent, 2), round(len(some) / spent), round(spent / len(some) / (ours / many), 2)])  # fmt: skip
    cases = _cases(texts[: many // 4])
    written = _median(asked.runs, lambda: [file.content for file in Hl7v2().write(cases, [])])
    table.rows.append(
        [
            "**Écluse: write, read back**",
            len(cases),
            round(written, 2),
            round(len(cases) / written),
            round(written / len(cases) / (ours / many), 2),
        ]
    )
    return table


def _read(octets: bytes) -> int:
    return sum(isinstance(it, Fact) for it in Hl7v2().read(io.BytesIO(octets), name="1"))


def _cases(texts: list[str]) -> list[Case]:
    cases = []
    for text in texts:
        rows: dict[str, list[dict[str, str | bytes | None]]] = {}
        for it in Hl7v2().read(io.BytesIO(text.encode()), name="1"):
            if isinstance(it, Fact):
                rows.setdefault(it.kind, []).append(dict(it.row))
        cases.append(
            Case(
                rows["request"][0],
                rows["patient"][0],
                rows["prescriber"][0],
                rows["specimen"],
                rows["result"],
            )
        )
    return cases


def _peers() -> list[tuple[str, Callable[[str], object] | None, int]]:
    """Name, parser, and of how many messages it is given one: a slow one need not be waited for."""
    found: list[tuple[str, Callable[[str], object] | None, int]] = []
    for name, module, verb, share in (
        ("hl7: parse", "hl7", "parse", 4),
        ("hl7apy: parse", "hl7apy.parser", "parse_message", 100),
        ("brightohir: to FHIR R5", "brightohir", "v2_to_r5", 100),
    ):
        there = util.find_spec(module.partition(".")[0]) is not None
        found.append((name, getattr(import_module(module), verb) if there else None, share))
    return found


def _median(runs: int, go: Callable[[], object]) -> float:
    spent = []
    for _ in range(runs):
        begun = time.perf_counter()
        go()
        spent.append(time.perf_counter() - begun)
    return median(spent)


if __name__ == "__main__":
    shown = reading(Asked())
    print(shown.title, shown.said, *shown.rows, *shown.not_run, sep="\n")
