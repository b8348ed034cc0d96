"""`python -m bench [PART...] [--results N] [--patients N] [--entries N] [--runs N]`, then `python -m bench write`."""

from __future__ import annotations

import argparse
import sys

from bench import figures
from bench.asked import Asked
from bench.parts import PARTS


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure, keep the figures, and write docs/reference/figures.md."
    )
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, "write", []], help="all of them, then write, if none is named"
    )
    for name, said in (
        ("results", "rows of the largest table"),
        ("patients", "of invent"),
        ("entries", "of verify"),
        ("runs", "of the short ones"),
    ):
        parser.add_argument(f"--{name}", type=int, default=3 if name == "runs" else 0, help=said)
    asked = parser.parse_args()
    for part in asked.parts or [*PARTS, "write"]:
        if part == "write":
            figures.write()
            print(f"wrote {figures.PAGE}")
            continue
        print(part, flush=True)
        on = figures.machine()
        table = PARTS[part](Asked(asked.results, asked.patients, asked.entries, asked.runs))
        figures.keep(
            part,
            table,
            on=on,
            command=" ".join(
                ["python -m bench", part, *(word for word in sys.argv[1:] if word not in (*PARTS, "write"))]
            ),
        )
        print("\n".join(figures.shown(table.columns, table.rows)), *table.not_run, sep="\n", flush=True)


if __name__ == "__main__":
    main()
