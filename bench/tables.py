"""The benches' own laboratory: three tables of the same columns at the source and at the target, filled by SQL in seconds, and their mapping.

Decides what a row looks like. One result in a thousand is of a test whose category the instruction does not name, so that the filter has
something to keep back. The same statements fill PostgreSQL, SQLite and MariaDB (there with PIPES_AS_CONCAT).
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from ecluse.adapters.connectors.sql.address import parse_address
from ecluse.adapters.connectors.sql.connect import open_mariadb, open_postgres, open_sqlite
from ecluse.invent.catalogue import classification
from ecluse.invent.places import SITES

__all__ = ["COLUMNS", "KINDS", "Size", "create", "fill", "mapping"]

KINDS: Final = {"patient": "patients", "request": "requests", "result": "results"}
COLUMNS: Final[dict[str, dict[str, str]]] = {
    "patients": {
        "id": "BIGINT", "birth_name": "VARCHAR(80)", "used_name": "VARCHAR(80)", "given_names": "VARCHAR(80)", "sex": "VARCHAR(1)",
        "birth_date": "DATE", "birth_place": "VARCHAR(5)", "address": "VARCHAR(120)", "postcode": "VARCHAR(5)", "city": "VARCHAR(80)",
        "phone": "VARCHAR(20)", "mobile": "VARCHAR(20)", "email": "VARCHAR(120)",
    },
    "requests": {
        "id": "BIGINT", "patient": "BIGINT", "site": "VARCHAR(4)", "date": "DATE", "time": "TIMESTAMP", "status": "VARCHAR(20)",
        "urgent": "BOOLEAN",
    },
    "results": {
        "id": "BIGINT", "request": "BIGINT", "code": "VARCHAR(20)", "label": "VARCHAR(120)", "value": "VARCHAR(40)", "unit": "VARCHAR(20)",
        "range_low": "VARCHAR(20)", "range_high": "VARCHAR(20)", "flag": "VARCHAR(4)", "status": "VARCHAR(20)", "version": "INTEGER",
        "visibility": "VARCHAR(24)", "validator": "VARCHAR(40)", "validated_at": "TIMESTAMP", "comment": "VARCHAR(200)",
    },
}  # fmt: skip
"""A column is named as the vocabulary's field."""

TESTS, RARE = 40, 1000
START, DAYS = date(2016, 1, 1), 1826

ROWS: Final = {
    "patients": """SELECT g.n, 'NOM-' || (g.n % 9973), CASE WHEN g.n % 3 = 0 THEN 'USAGE-' || (g.n % 7919) END, 'Prénom-' || (g.n % 997),
        CASE g.n % 2 WHEN 0 THEN 'F' ELSE 'M' END, d.day, '56' || (100 + g.n % 250), (1 + g.n % 90) || ' rue des Écluses',
        '56' || (100 + g.n % 900), 'Ville-' || (g.n % 211), '02' || (90000000 + g.n % 10000000), '06' || (30000000 + g.n % 10000000),
        'p' || g.n || '@exemple.fr' FROM {numbers} g JOIN bench_days d ON d.n = g.n % {days}""",
    "requests": """SELECT g.n, 1 + g.n % {patients}, d.site, d.day, d.at, 'validated', {true} FROM {numbers} g JOIN bench_days d ON d.n = g.n % {days}""",
    "results": """SELECT g.n, 1 + (g.n * 3) % {requests}, t.code, t.label, CASE WHEN g.n % 50 = 0 THEN '<0,1' ELSE (g.n % 199) || ',' || (g.n % 10) END,
        t.unit, t.low, t.high, CASE WHEN g.n % 11 = 0 THEN 'H' END, 'validated', 1 + g.n % 2, 'visible', 'bio-' || (g.n % 30), d.at,
        CASE WHEN g.n % 20 = 0 THEN 'contrôlé sur second prélèvement, lot ' || (g.n % 5000) END
        FROM {numbers} g JOIN bench_days d ON d.n = g.n % {days} JOIN bench_tests t ON t.n = CASE WHEN g.n % {rare} = 0 THEN {tests} ELSE g.n % {tests} END""",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """Rows of each table: a result, a tenth of a patient, three twentieths of a request."""

    results: int

    @property
    def rows(self) -> dict[str, int]:
        return {"patients": self.results // 10, "requests": self.results * 3 // 20, "results": self.results}


def mapping(system: str) -> str:
    """The mapping file of either side: each column is its field."""
    lines = ["[mapping]", f'system = "{system}"', "version = 1"]
    for kind, table in KINDS.items():
        lines += [
            "",
            f"[{kind}]",
            f'table = "{table}"',
            *(f'fields.{name} = "{name}"' for name in COLUMNS[table]),
        ]
    return "\n".join(lines) + "\n"


def create(url: str) -> None:
    """The three tables, with their primary keys, empty; those of before are dropped."""
    with closing(connect(url)) as connection, closing(connection.cursor()) as cursor:
        for table, columns in COLUMNS.items():
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
            quote = '"' if not url.startswith("mysql") else "`"
            listed = ", ".join(f"{quote}{name}{quote} {native}" for name, native in columns.items())
            if quote == "`":
                listed = listed.replace("TIMESTAMP", "DATETIME")
            cursor.execute(f"CREATE TABLE {table} ({listed}, PRIMARY KEY (id))")


def fill(url: str, size: Size) -> None:
    """Create the tables and put the rows in; statistics are made, as a system in service has them."""
    create(url)
    with closing(connect(url)) as connection, closing(connection.cursor()) as cursor:
        dialect = parse_address(url).dialect
        if dialect == "mysql":
            cursor.execute("SET sql_mode = 'PIPES_AS_CONCAT'")
        _dictionaries(cursor, "?" if dialect == "sqlite" else "%s")
        true = "1" if dialect == "mysql" else "true"
        for table, rows in size.rows.items():
            query = ROWS[table].format(
                numbers=_numbers(dialect, rows), days=DAYS, tests=TESTS, rare=RARE, true=true,
                patients=size.rows["patients"], requests=size.rows["requests"],
            )  # fmt: skip
            cursor.execute(f"INSERT INTO {table} {query}")
            connection.commit()
            cursor.execute(
                {"postgres": f"VACUUM ANALYZE {table}", "mysql": f"ANALYZE TABLE {table}"}.get(
                    dialect, f"ANALYZE {table}"
                )
            )


def _numbers(dialect: str, count: int) -> str:
    if dialect == "postgres":
        return f"(SELECT generate_series(1, {count}::bigint) AS n)"
    if dialect == "mysql":
        return f"(SELECT seq AS n FROM seq_1_to_{count})"
    return (
        f"(WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < {count}) SELECT n FROM g)"
    )


def _dictionaries(cursor: Any, mark: str) -> None:
    """The days and the tests that rows are made of; the last test is one the instruction keeps back."""
    cursor.execute("DROP TABLE IF EXISTS bench_days")
    cursor.execute("DROP TABLE IF EXISTS bench_tests")
    cursor.execute(
        "CREATE TABLE bench_days (n INTEGER PRIMARY KEY, day DATE, at TIMESTAMP NULL, site VARCHAR(4))"
    )
    cursor.execute(
        "CREATE TABLE bench_tests (n INTEGER PRIMARY KEY, code VARCHAR(20), label VARCHAR(120), unit VARCHAR(20), low VARCHAR(20), high VARCHAR(20))"
    )
    days = [(n, START + timedelta(n)) for n in range(DAYS)]
    sites = [site.code for site in SITES[:-1]]
    cursor.executemany(
        f"INSERT INTO bench_days VALUES ({', '.join([mark] * 4)})",
        [(n, str(day), f"{day} {7 + n % 11:02}:{n % 60:02}:00", sites[n % len(sites)]) for n, day in days],
    )
    plain = [line for line in classification() if line.kind == "analysis" and set(line.categories) == {"H"}][
        :TESTS
    ]
    kept = next(line for line in classification() if line.kind == "analysis" and "HIV" in line.categories)
    cursor.executemany(
        f"INSERT INTO bench_tests VALUES ({', '.join([mark] * 6)})",
        [
            (n, line.code, line.label, "mmol/L", f"{n % 7},5", f"{n + 9},0")
            for n, line in enumerate((*plain, kept))
        ],
    )


def connect(url: str) -> Any:
    """A connection that may write; PostgreSQL's commits each statement."""
    address = parse_address(url)
    if address.dialect == "sqlite":
        assert address.path is not None
        address.path.touch()
    open_one = {"postgres": open_postgres, "mysql": open_mariadb, "sqlite": open_sqlite}[address.dialect]
    return open_one(address, read_only=False)
