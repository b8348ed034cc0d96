"""A workspace in which everything is signed for the benches' laboratory, and the least account that may read it.

Decides nothing of the passage: the people, the agreement and the keys are the demonstration's, the instruction names every column.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

from bench import tables
from ecluse.adapters.connectors.sql.address import parse_address
from ecluse.adapters.connectors.sql.grants import grant_statements, grants
from ecluse.passage.outbound import begin, prepare
from ecluse.proof.sign import digest
from ecluse.terms.instruction import Instruction, NamedField, Period, System
from ecluse.wiring.demonstration import Demonstration
from ecluse.wiring.laboratory import mapping_of, source_of
from ecluse.wiring.settings import read_settings

__all__ = ["READER", "Stage", "stage"]

READER = "bench_reader"


class Stage(Demonstration):
    """The demonstration with other systems: already filled, described by the benches' mapping."""

    def __init__(self, home: Path, *, source_url: str, target_url: str) -> None:
        super().__init__(home, patients=0, seed=0, source_url=source_url, target_url=target_url)
        for name in ("old", "new"):
            (home / f"{name}.toml").write_text(tables.mapping(f"bench-{name}"), "utf-8")

    def invent(self) -> None:
        """The source is filled by whoever times; the target is made empty."""
        tables.create(self.settings.target.url)

    def agreement(self) -> str:
        """The demonstration's agreement, whose types of data hold free texts too."""
        safeguard = '{ category = "H", '
        text = super().agreement().replace('"PRO"]', '"PRO", "FREE"]')
        return text.replace(
            safeguard, '{ category = "FREE", safeguards = ["lus par le biologiste"] },\n  ' + safeguard
        )

    def instruction(self, *, agreement: str, codes: str, certificate: str) -> Instruction:
        """Every column of the three tables, every day, every site; no special category leaves."""
        asked = super().instruction(agreement=agreement, codes=codes, certificate=certificate)
        return replace(
            asked,
            source=System("bench-old", digest((self.home / "old.toml").read_bytes())),
            target=System("bench-new", digest((self.home / "new.toml").read_bytes())),
            period=Period("request.date", date(2015, 1, 1), date(2021, 12, 31)),
            free_text=(
                NamedField("result.comment", "Le biologiste y lit comment un résultat fut contrôlé."),
            ),
        )

    def records(self) -> dict[str, tuple[str, ...]]:
        """Every field."""
        return {kind: tuple(tables.COLUMNS[table]) for kind, table in tables.KINDS.items()}


def stage(home: Path, *, source_url: str, target_url: str) -> tuple[str, str]:
    """Everything up to an instructed migration whose source is read by an account of its own; (migration, person)."""
    made = Stage(home, source_url=source_url, target_url=target_url)
    ready = made.ready()
    person = ready.cast.ids["engineer"]
    name = begin(ready.source, by=person, instruction=ready.instruction)
    if parse_address(source_url).dialect != "sqlite":
        _give_least(made, ready.source, name)
    return name, person


def _give_least(made: Stage, site: object, name: str) -> None:
    """Make the account that may read what the plan names, and put it into the workspace's settings."""
    url = made.settings.source.url
    address = parse_address(url)
    plan = prepare(site, name, mapping=mapping_of(made.settings.source)).plan
    needed = grants(plan, source_of(made.settings.source).catalogue())
    account = READER if address.dialect == "postgres" else f"{READER}@localhost"
    with closing(tables.connect(url)) as connection, closing(connection.cursor()) as cursor:
        if address.dialect == "postgres":
            if not cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (READER,)).fetchone():
                cursor.execute(f"CREATE ROLE {READER} LOGIN")
            cursor.execute(f'REVOKE TEMPORARY ON DATABASE "{address.database}" FROM PUBLIC')
        else:
            cursor.execute(f"CREATE OR REPLACE USER '{READER}'@'localhost'")
        for statement in grant_statements(needed, account, address.dialect):
            cursor.execute(statement)
    file = made.home / "ecluse.toml"
    lesser = url.replace(f"//{address.account}@", f"//{READER}@")
    file.write_text(file.read_text("utf-8").replace(f'"{url}"', f'"{lesser}"', 1), "utf-8")
    read_settings(made.home)
