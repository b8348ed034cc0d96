"""Figures kept and shown: a JSON file for each part under bench/.results, and docs/reference/figures.md rendered from those files alone."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.asked import Table
from bench.parts import PARTS

__all__ = ["PAGE", "keep", "machine", "page", "shown", "write"]

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / ".results"
PAGE = ROOT / "docs" / "reference" / "figures.md"

HEAD = """# Figures

Written by `python -m bench write` from what `make bench` measured; nobody types a figure here. Read the ratios: seconds are of the machine
named under each table. The sealed passage reads, filters and seals in one process, closes, then opens, verifies, loads, reads the target
back and reconciles every row in another; what it is compared with does none of these but move the rows. « loaded » counts from the
start of the first process to the last commit. « processor s » counts the processor's seconds of all processes, the database server's included: on a
machine busy with other things its ratios say what the wall's cannot. Memory is the most that one side's own process held (MB of 10^6 octets), server left out.
"""


def keep(part: str, table: Table, *, command: str, on: str) -> None:
    """Write one part's figures, with the machine, the command and the day."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{part}.json").write_text(
        json.dumps({**asdict(table), "machine": on, "command": command}, indent=1), "utf-8"
    )


def write() -> None:
    """Render the page from the last figures of each part; a part never run says so."""
    PAGE.write_text(page({part: _kept(part) for part in PARTS}), "utf-8")


def page(kept: dict[str, dict[str, Any] | None]) -> str:
    sections = [HEAD]
    for part, it in kept.items():
        if it is None:
            sections.append(f"## {part}\n\nNot run yet: `python -m bench {part}`.\n")
            continue
        lines = [f"## {it['title']}", "", it["said"], "", *shown(it["columns"], it["rows"]), ""]
        lines += [f"Not run: {why}.\n" for why in it["not_run"]]
        lines.append(f"`{it['command']}`, {it['machine']}.\n")
        sections.append("\n".join(lines))
    return "\n".join(sections)


def shown(columns: list[str], rows: list[list[str | float | int]]) -> list[str]:
    """A table in Markdown."""
    body = [
        [f"{cell:,}" if isinstance(cell, int) else str(cell).replace("|", "\\|") for cell in row]
        for row in rows
    ]
    return [f"| {' | '.join(line)} |" for line in (columns, ["---"] * len(columns), *body)]


def machine() -> str:
    """Cores, memory, how busy it was with anything else, Python, servers and day. Asked before a part begins."""
    busy = os.getloadavg()[0]
    cores, memory = os.cpu_count(), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    found = [
        _version("postgres", *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/postgres")))),
        _version("mariadbd", "/usr/sbin/mariadbd"),
    ]
    servers = ", ".join(name for name in found if name)
    alone = (
        "otherwise idle" if busy < 0.5 else f"already busy (load average {busy:.1f}): read the ratios only"
    )
    return f"{cores} cores, {memory:.0f} GB, {alone}, Python {platform.python_version()}, {servers}, {datetime.now(UTC):%Y-%m-%d}"


def _version(name: str, *places: str) -> str:
    program = next((place for place in reversed(places) if Path(place).exists()), shutil.which(name))
    if program is None:
        return ""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()
    kind = "PostgreSQL" if name == "postgres" else "MariaDB"
    return f"{kind} {next(word for word in said if word[0].isdigit()).partition('-')[0]}"


def _kept(part: str) -> dict[str, Any] | None:
    file = RESULTS / f"{part}.json"
    return json.loads(file.read_text("utf-8")) if file.is_file() else None
