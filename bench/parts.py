"""The parts of `make bench`: each measures one thing on private servers, and gives a table.

A server runs with its own default settings: every commit waits for the disk. Decides what is compared with what, and how often.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median

from bench import console, fhir, hl7, https, sftp, tables
from bench.asked import Asked, Table
from bench.passage import Passed, passage
from bench.peers import Peer, Place, postgres_peers
from bench.tables import Size
from bench.timing import Failed, Spent, python, run
from tests import servers

__all__ = ["PARTS"]

PATIENTS = 491_840
"""Of the leak that this project starts from."""
ENGINE = "sealed passage"


def whole(asked: Asked) -> Table:
    """PostgreSQL to PostgreSQL, beside what people would otherwise type."""
    size = Size(asked.results or 5_000_000)
    table = Table(
        "PostgreSQL to PostgreSQL",
        f"{_counted(size)}, both databases on one server; the sealed passage and COPY go by the socket, sling and dlt by the loopback network.",
        ["way", "seconds", "/ COPY text", "processor s", "/ COPY text", "memory MB", "runs"],
    )
    with postgres(size) as place:
        peers, spent = list(postgres_peers()), {}
        sealed = []
        short = [peer for peer in peers if peer.again > 1]
        for number in range(
            asked.runs
        ):  # the short ones take turns, so that what else the machine does falls on all
            for peer in short:
                _try(peer, place, spent, table)
            sealed.append(_passed(place))
            print(f"  {ENGINE}, run {number + 1}: {sealed[-1]}", flush=True)
        for peer in peers:
            if peer not in short:
                _try(peer, place, spent, table)
    base = median(one.seconds for one in spent[peers[0].name])
    base_cpu = median(one.cpu for one in spent[peers[0].name])
    memory = (
        f"{max(one.source_memory for one in sealed):.0f} / {max(one.target_memory for one in sealed):.0f}"
    )
    for name, step in (("sealed", "sealed"), ("loaded", "loaded"), ("loaded and reconciled", "reconciled")):
        seconds = median(getattr(one, step) for one in sealed)
        cpu = median(one.cpu[step] for one in sealed)
        ratios = [round(seconds, 1), round(seconds / base, 2), round(cpu, 1), round(cpu / base_cpu, 2)]
        table.rows.append([f"**{ENGINE}: {name}**", *ratios, memory, len(sealed)])
    for name, runs in spent.items():
        seconds, cpu = median(one.seconds for one in runs), median(one.cpu for one in runs)
        ratios = [round(seconds, 1), round(seconds / base, 2), round(cpu, 1), round(cpu / base_cpu, 2)]
        table.rows.append([name, *ratios, round(max(one.memory for one in runs)), len(runs)])
    return table


def growth(asked: Asked) -> Table:
    """Time and memory from ten thousand results to ten million."""
    table = Table(
        "How it grows",
        "PostgreSQL to PostgreSQL, one run each; a tenth of a patient and three twentieths of a request to a result.",
        [
            "results",
            "rows moved",
            "sealed s",
            "loaded s",
            "reconciled s",
            "processor s",
            "rows / s",
            "source MB",
            "target MB",
            "COPY text s",
            "its processor s",
        ],
    )
    most = asked.results or 10_000_000
    for results in (10**power for power in range(4, 9)):
        if results <= most:
            with postgres(Size(results)) as place:
                piped = next(postgres_peers())
                copied = [] if piped.lacking else [_fresh(place, piped)]
                done = _passed(place)
            piped_took = [round(copied[0].seconds, 1), round(copied[0].cpu, 1)] if copied else ["-", "-"]
            table.rows.append([results, *_line(done), *piped_took])
            print("  ", table.rows[-1], flush=True)
    return table


def sqlite(asked: Asked) -> Table:
    """SQLite to SQLite, beside INSERT ... SELECT within SQLite itself."""
    size = Size(asked.results or 1_000_000)
    table = _other("SQLite to SQLite", size)
    with tempfile.TemporaryDirectory(prefix="ecluse-bench-") as folder:
        source, target = (f"sqlite:///{folder}/{name}.sqlite" for name in ("old", "new"))
        tables.fill(source, size)
        table.rows.append([ENGINE, *_line(passage(source, target))])
        tables.create(target)
        code = (
            "import sqlite3,sys; c=sqlite3.connect(sys.argv[2]); c.execute('ATTACH ? AS old',(sys.argv[1],)); "
            + "; ".join(
                f"c.execute('INSERT INTO main.{name} SELECT * FROM old.{name}'); c.commit()"
                for name in tables.COLUMNS
            )
        )
        spent = run([*python()[:1], "-c", code, f"{folder}/old.sqlite", f"{folder}/new.sqlite"])
        with closing(sqlite3.connect(f"{folder}/new.sqlite")) as new:
            rows = sum(new.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables.COLUMNS)
        table.rows.append(_peer_line("ATTACH, INSERT ... SELECT", spent, rows))
    return table


def mariadb(asked: Asked) -> Table:
    """MariaDB to MariaDB, beside mariadb-dump | mariadb."""
    size = Size(asked.results or 1_000_000)
    table = _other("MariaDB to MariaDB", size)
    with (
        servers.mariadb(settings={"character-set-server": "utf8mb4"}) as server,
        server.database() as old,
        server.database() as new,
    ):
        names = [url.rsplit("/", 1)[1] for url in (old, new)]
        source, target = map(server.socket_url, names)
        tables.fill(source, size)
        table.rows.append([ENGINE, *_line(passage(source, target, server=server.process.pid))])
        tables.create(target)
        entered = f"--no-defaults --user={server.account} --socket={server.socket}"
        named = " ".join(tables.COLUMNS)
        line = f"mariadb-dump {entered} --single-transaction --quick {names[0]} {named} | mariadb {entered} {names[1]}"
        table.rows.append(
            _peer_line(
                "mariadb-dump | mariadb",
                run(["bash", "-o", "pipefail", "-ec", line], server=server.process.pid),
                sum(size.rows.values()),
            )
        )
    return table


def invent(asked: Asked) -> Table:
    """An invented laboratory, into each kind of database."""
    patients = asked.patients or PATIENTS
    table = Table(
        "`ecluse invent`",
        f"{patients:,} patients with six years of records, seed 1.",
        ["into", "rows", "seconds", "rows / s", "memory MB"],
    )

    def line(into: str, url: str) -> None:
        spent = run(python("bench.making", "invent", url, str(patients)))
        rows = spent.said["rows"]
        table.rows.append(
            [into, rows, round(spent.seconds, 1), round(rows / spent.seconds), round(spent.memory)]
        )
        print("  ", table.rows[-1], flush=True)

    with tempfile.TemporaryDirectory(prefix="ecluse-bench-") as folder:
        line("SQLite", f"sqlite:///{folder}/old.sqlite")
    with servers.postgresql(settings={}) as server, server.database() as url:
        line("PostgreSQL", server.socket_url(url.rsplit("/", 1)[1]))
    with servers.mariadb(settings={"character-set-server": "utf8mb4"}) as server, server.database() as url:
        line("MariaDB", server.socket_url(url.rsplit("/", 1)[1]))
    return table


def verify(asked: Asked) -> Table:
    """The verifier over a long ledger."""
    entries = asked.entries or 1_000_000
    table = Table(
        "`ecluse verify`",
        "Every step over a ledger's evidence: heads, entries, tree, bodies.",
        ["entries", "seconds", "entries / s", "memory MB"],
    )
    with tempfile.TemporaryDirectory(prefix="ecluse-bench-") as folder:
        run(python("bench.making", "ledger", folder, str(entries)))
        spent = run(python("bench.making", "verify", folder))
    table.rows.append([entries, round(spent.seconds, 1), round(entries / spent.seconds), round(spent.memory)])
    return table


PARTS: dict[str, Callable[[Asked], Table]] = {
    "passage": whole, "growth": growth, "sqlite": sqlite, "mariadb": mariadb, "invent": invent, "verify": verify,
    "hl7": hl7.reading, "fhir": fhir.exchange, "console": console.pages, "sftp": sftp.carrying, "https": https.carrying,
}  # fmt: skip


@contextmanager
def postgres(size: Size) -> Iterator[Place]:
    """A private server with default settings, the source filled."""
    with (
        servers.postgresql(settings={}) as server, server.database() as old, server.database() as new,
        tempfile.TemporaryDirectory(prefix="ecluse-bench-") as folder,
    ):  # fmt: skip
        source, target = (server.socket_url(url.rsplit("/", 1)[1]) for url in (old, new))
        tables.fill(source, size)
        yield Place(source, target, old, new, Path(folder), server.process.pid)


def _settled(place: Place) -> None:
    """The target empty and nothing left to write, so that nobody pays for the one before."""
    tables.create(place.target)
    with closing(tables.connect(place.target)) as connection:
        connection.execute("CHECKPOINT")


def _fresh(place: Place, peer: Peer) -> Spent:
    _settled(place)
    return peer.go(place)


def _passed(place: Place) -> Passed:
    _settled(place)
    return passage(place.source, place.target, server=place.server)


def _try(peer: Peer, place: Place, spent: dict[str, list[Spent]], table: Table) -> None:
    try:
        if peer.lacking:
            raise Failed(f"{peer.lacking} is not installed")
        spent.setdefault(peer.name, []).append(_fresh(place, peer))
        print(f"  {peer.name}: {spent[peer.name][-1]}", flush=True)
    except Failed as why:
        print(f"  {peer.name}: {why}", flush=True)
        spent.pop(peer.name, None)
        note = f"{peer.name}: {str(why).splitlines()[0]}"
        if note not in table.not_run:
            table.not_run.append(note)


def _other(title: str, size: Size) -> Table:
    columns = [
        "way",
        "rows moved",
        "sealed s",
        "loaded s",
        "reconciled s",
        "processor s",
        "rows / s",
        "source MB",
        "target MB",
    ]
    return Table(title, f"{_counted(size)}, one run.", columns)


def _line(done: Passed) -> list[str | float | int]:
    times = [round(seconds, 1) for seconds in (done.sealed, done.loaded, done.reconciled)]
    return [
        done.rows,
        *times,
        round(done.cpu["reconciled"], 1),
        round(done.rows / done.reconciled),
        round(done.source_memory),
        round(done.target_memory),
    ]


def _peer_line(name: str, spent: Spent, rows: int) -> list[str | float | int]:
    return [
        name,
        rows,
        "-",
        round(spent.seconds, 1),
        "-",
        round(spent.cpu, 1),
        round(rows / spent.seconds),
        round(spent.memory),
        "-",
    ]


def _counted(size: Size) -> str:
    return ", ".join(f"{rows:,} {name}" for name, rows in size.rows.items())
