"""A parcel by HTTPS, through an exchange in a process of its own, by the client that laboratories use; then 200 agents at once.

Decides what is measured: the same parcel as by SFTP (`bench.sftp`), put by tus and read back by ranges over one connection, TLS 1.3 on the loopback network.
The exchange hashes each part, judges it, waits for the disk and notes it; the client holds each piece until it is acknowledged.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from bench.asked import Asked, Table
from bench.sftp import MIGRATION, _cpu, _parcel
from ecluse.adapters.exchange.link import Link
from ecluse.adapters.exchange.place import ExchangePlace
from ecluse.adapters.exchange.vault import RemoteVault
from ecluse.adapters.vaults import DiskVault
from ecluse.passage.custody import blocks_of, carry
from ecluse.passage.migration import Act
from ecluse.passage.parcel import MANIFEST
from ecluse.proof.keys import SigningKey
from ecluse.wiring.exchange import Exchange, read_exchange, write_exchange

__all__ = ["carrying"]

AGENTS, SMALL = 200, 1 << 20
CHAMBER = "bench"
TO_EXTRACTED = (Act.DRAFT, Act.INSTRUCT, Act.OPEN_SOURCE, Act.CLOSE_SOURCE, Act.EXTRACT)


def carrying(asked: Asked) -> Table:
    """Megabytes a second in and out, median of the runs; 200 agents at once, each with a session and a part of its own."""
    table = Table("HTTPS", "", ["what", "MB / s", "s", "CPU s", "memory MB", "runs"])
    spent: list[tuple[float, ...]] = []
    memory: list[float] = []
    with tempfile.TemporaryDirectory(prefix="ecluse-bench-") as folder:
        home = Path(folder)
        total, digest = _parcel(home / "spool")
        shutil.move(home / "spool", home / "kept" / MIGRATION)
        kept = DiskVault(home / "kept")
        for number in range(asked.runs):
            took, held, many = _run(home / f"run-{number}", kept, digest)
            spent.append((*took, *many))
            memory.append(held)
            shutil.rmtree(home / f"run-{number}")
            print(
                f"  run {number + 1}: in {took[0]:.2f} s, out {took[1]:.2f} s, {AGENTS} agents {many[0]:.2f} s",
                flush=True,
            )
    into, out, cpu_in, cpu_out, many_took, many_cpu = (
        median(each[side] for each in spent) for side in range(6)
    )
    runs = len(spent)
    table.rows = [
        [f"in, {total / 1e6:,.0f} MB", round(total / 1e6 / into), round(into, 1), round(cpu_in, 1), round(max(memory)), runs],
        ["out", round(total / 1e6 / out), round(out, 1), round(cpu_out, 1), round(max(memory)), runs],
        [f"{AGENTS} agents at once, 1 MB each", round(AGENTS * SMALL / 1e6 / many_took), round(many_took, 1), round(many_cpu, 1), round(max(memory)), runs],
    ]  # fmt: skip
    table.said = (
        f"By the laboratory's own client (standard library), one connection, TLS 1.3, loopback; median. The parcel is the one of the SFTP table. "
        f"Each of the {AGENTS} opens a session by a signed challenge, then sends a sealed part; client and server share the machine. CPU and memory: of the exchange's process."
    )
    return table


def _run(home: Path, kept: DiskVault, digest: str) -> tuple[tuple[float, ...], float, tuple[float, ...]]:
    key = SigningKey.new()
    made = subprocess.run(
        [sys.executable, "-m", "bench.https", str(home), key.public.encode(), digest],
        check=True,
        capture_output=True,
        text=True,
    )
    told = json.loads(made.stdout)
    command = [
        str(Path(sys.executable).with_name("ecluse")),
        "--home",
        str(home.parent),
        "serve",
        "--exchange",
        home.name,
        "--json",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            place = ExchangePlace.parse(
                f"https://localhost:{told['port']}/{CHAMBER}", certificate=told["certificate"]
            )
            link = Link(place, key=key)
            vault, used, times = RemoteVault(link), [_cpu(process)], []
            names = sorted(kept.names(MIGRATION), key=lambda name: name == MANIFEST)
            for verb in (
                lambda: carry(MIGRATION, names=names, origin=kept, to=vault),
                lambda: _read(vault, names),
            ):
                began = time.perf_counter()
                verb()
                times.append(time.perf_counter() - began)
                used.append(_cpu(process))
                if len(times) == 1:
                    body = {
                        "act": Act.DEPOSIT.value,
                        "by": "p-1",
                        "subject": MIGRATION,
                        "body": {},
                        "expected": _size(link),
                    }
                    link.ask(
                        "POST",
                        "ledger",
                        "entries",
                        body=json.dumps(body).encode(),
                        headers={"Content-Type": "application/json"},
                    )
            part = _small(kept)
            began = time.perf_counter()
            with ThreadPoolExecutor(AGENTS) as pool:
                list(
                    pool.map(
                        lambda number: RemoteVault(Link(place, key=key)).put(
                            "m-many", f"part-{number:04}.age", [part]
                        ),
                        range(1, AGENTS + 1),
                    )
                )
            many = time.perf_counter() - began
            used.append(_cpu(process))
            memory = (
                int(Path(f"/proc/{process.pid}/status").read_text("utf-8").partition("VmHWM:")[2].split()[0])
                * 1024
                / 1e6
            )
        finally:
            process.terminate()
    return (*times, used[1] - used[0], used[2] - used[1]), memory, (many, used[3] - used[2])


def _read(vault: RemoteVault, names: list[str]) -> None:
    for name in names:
        hashed = hashlib.sha256()
        for block in blocks_of(vault.open(MIGRATION, name)):
            hashed.update(block)


def _size(link: Link) -> int:
    return int(link.ask("GET", "ledger", "checkpoint").body.split(b"\n")[1])


def _small(kept: DiskVault) -> bytes:
    """As much of a sealed part as one of about `SMALL` octets would have: its header, and whole chunks."""
    chunk = 64 * 1024 + 16
    with kept.open(MIGRATION, "part-0001.age") as file:
        octets = file.read(2 * SMALL)
    header = octets.index(b"\n--- ") + 1
    payload = octets.index(b"\n", header) + 1 + 16
    return octets[: payload + SMALL // chunk * chunk]


def made(home: Path, key: str, digest: str) -> None:
    """An exchange with one chamber, one machine and two migrations that await a parcel; in a process that is Django's."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        port, sftp = one.getsockname()[1], other.getsockname()[1]
    from ecluse.wiring.starting import certificate_fingerprint, make_certificate

    settings = write_exchange(home, name="localhost", host="Bench", language="fr", port=port, sftp_port=sftp)
    served = Exchange(read_exchange(home))
    make_certificate(settings, at=served.clock())
    chamber = served.create_chamber(CHAMBER)
    for name in (MIGRATION, "m-many"):
        for act in TO_EXTRACTED:
            body = {"instruction": "sha256:" + "1" * 64, "manifest": digest, "run": "whole"}
            chamber.record(act.value, by="p-1", subject=name, body=body)
    warnings.simplefilter("ignore")
    from ecluse.wiring.console import configure, upgrade

    configure(served)
    upgrade()
    from ecluse.adapters.accounts.machines import enrol_machine
    from ecluse.adapters.accounts.models import Organisation
    from ecluse.adapters.accounts.people import accept_invitation, invite
    from ecluse.people.role import Role
    from ecluse.proof.keys import VerifyKey

    of = Organisation.objects.create(kind="laboratory", name="Bench")
    token = invite(
        served,
        by=None,
        email="b@example.org",
        name="B",
        professional_id="1",
        role=Role.ENGINEER,
        organisation=of,
        chambers=[CHAMBER],
    )
    person = accept_invitation(served, token, password="agrafe cheval pile correct")
    enrol_machine(
        served,
        chamber=CHAMBER,
        by=person,
        site="laboratory-old",
        key=key,
        fingerprint=VerifyKey.parse(key).fingerprint(),
    )
    certificate = certificate_fingerprint(settings).replace(":", "").lower()
    print(json.dumps({"port": port, "certificate": certificate}))


if __name__ == "__main__":
    made(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
