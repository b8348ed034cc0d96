"""A parcel by SFTP, to Écluse's door and to OpenSSH's own server, with OpenSSH's client, on the loopback network, in turns.

Decides what is compared: the same four sealed parts of a quarter of a gigabyte, the same cipher. Écluse's side does more: it hashes every part, holds it
against the signed manifest, waits for the disk, moves it into custody and notes it in a ledger; OpenSSH's writes a file and does not wait for the disk.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median

import asyncssh
import uvloop

from bench.asked import Asked, Table
from ecluse.adapters.ssh_keys import SshKeys
from ecluse.adapters.vaults import DiskVault
from ecluse.doors.sftp import Admitted, Limits, serve
from ecluse.passage.migration import Act
from ecluse.passage.parcel import Sealer, part_name
from ecluse.proof.keys import SigningKey
from ecluse.proof.unseal import new_identity
from ecluse.wiring.exchange import Exchange, read_exchange, write_exchange

__all__ = ["carrying"]

PARTS, BODY = 4, 250 << 20
MIGRATION, LOGIN = "m-bench", "p-00e1"
CIPHER = "aes256-gcm@openssh.com"
SERVER = Path("/usr/lib/openssh/sftp-server")


def carrying(asked: Asked) -> Table:
    """Megabytes a second in and out, median of the runs; the memory of Écluse's server."""
    table = Table(
        "SFTP",
        "",
        [
            "server",
            "in MB / s",
            "in / OpenSSH",
            "out MB / s",
            "out / OpenSSH",
            "CPU s in",
            "CPU s out",
            "memory MB",
            "runs",
        ],
    )
    if not (shutil.which("sshd", path="/usr/sbin:/usr/bin") and SERVER.exists()):
        table.not_run.append("OpenSSH's server is not installed")
        return table
    spent: dict[str, list[tuple[float, ...]]] = {"OpenSSH": [], "Écluse": []}
    memory: list[float] = []
    with tempfile.TemporaryDirectory(prefix="ecluse-bench-") as folder:
        home = Path(folder)
        total, digest = _parcel(home / "spool")
        for number in range(asked.runs):
            with _openssh(home / f"openssh-{number}") as (port, key, process):
                there, used = home / f"openssh-{number}" / "files", [_cpu(process)]
                into = _timed(home, port, key, f"cd {there}", "put *", folder=home / "spool")
                used.append(_cpu(process))
                out = _timed(home, port, key, f"cd {there}", "get *", folder=_fresh(home / "got"))
                used.append(_cpu(process))
                spent["OpenSSH"].append((into, out, used[1] - used[0], used[2] - used[1]))
            with _ours(home / f"ecluse-{number}", digest) as (port, key, process):
                used = [_cpu(process)]
                into = _timed(home, port, key, f"cd {MIGRATION}", "put *", folder=home / "spool")
                used.append(_cpu(process))
                _deposited(home / f"ecluse-{number}", digest)
                out = _timed(home, port, key, f"cd {MIGRATION}", "get *", folder=_fresh(home / "got"))
                used.append(_cpu(process))
                spent["Écluse"].append((into, out, used[1] - used[0], used[2] - used[1]))
                told = Path(f"/proc/{process.pid}/status").read_text("utf-8")
                memory.append(int(told.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6)
            for done in (home / f"openssh-{number}", home / f"ecluse-{number}"):
                shutil.rmtree(done)
            print(f"  run {number + 1}: " + ", ".join(f"{name} {took[-1][0]:.2f} / {took[-1][1]:.2f} s" for name, took in spent.items()), flush=True)  # fmt: skip
    table.said = (
        f"One parcel of {PARTS} sealed parts, {total / 1e6:,.0f} MB, put and got by OpenSSH's sftp with {CIPHER}, one connection, on the loopback network; in turns, "
        "median. Écluse hashes, judges, waits for the disk and notes each part; OpenSSH's sftp-server writes a file and does not wait. CPU: of the server's processes, whatever else the machine did."
    )
    base = [median(took[side] for took in spent["OpenSSH"]) for side in (0, 1)]
    for name, took in spent.items():
        into, out, cpu_in, cpu_out = (median(each[side] for each in took) for side in range(4))
        held = round(max(memory)) if name == "Écluse" else "-"
        ours = f"**{name}**" if name == "Écluse" else name
        table.rows.append(
            [
                ours,
                round(total / 1e6 / into),
                round(base[0] / into, 2),
                round(total / 1e6 / out),
                round(base[1] / out, 2),
                round(cpu_in, 1),
                round(cpu_out, 1),
                held,
                len(took),
            ]
        )
    return table


def _parcel(spool: Path) -> tuple[int, str]:
    """The sealed parts and their manifest in a folder; octets of it all, and the manifest's digest."""
    _, recipient = new_identity()
    vault = DiskVault(spool.with_name("sealing"))
    digest = "sha256:" + "1" * 64
    sealer = Sealer(vault, migration=MIGRATION, instruction=digest, agreement=digest, recipients=[recipient], key=SigningKey.new())  # fmt: skip
    for _ in range(PARTS):
        sealer.seal(bytes(BODY), role="records", kind="patient", rows=1)
    at = Exchange(write_exchange(spool.with_name("made"), name="localhost", host="b", language="fr")).clock()
    manifest = sealer.close(created=at, expires=at + timedelta(days=1), sequence=1, previous="")
    (spool.with_name("sealing") / MIGRATION).rename(spool)
    return sum(file.stat().st_size for file in spool.iterdir()), manifest.digest


def _cpu(process: subprocess.Popen[bytes]) -> float:
    """Seconds of processor that a server and its ended children took so far: what else the machine does does not count."""
    words = Path(f"/proc/{process.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")


def _timed(home: Path, port: int, key: Path, *lines: str, folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(
        [
            "sftp", "-q", "-F", "none", "-c", CIPHER, "-i", str(key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
            "-o", f"UserKnownHostsFile={home}/known-{port}", "-b", "-", "-P", str(port), f"{LOGIN if key.name == 'ours' else _user()}@127.0.0.1",
        ],
        input="\n".join(lines) + "\n", text=True, check=True, cwd=folder, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return time.perf_counter() - began


def _user() -> str:
    return Path.home().owner()


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


@contextmanager
def _openssh(home: Path) -> Iterator[tuple[int, Path, subprocess.Popen[bytes]]]:
    """A private sshd with OpenSSH's sftp-server."""
    (home / "files").mkdir(parents=True)
    for name in ("host", "theirs"):
        _write_key(home / name)
    port = _port()
    (home / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {home}/host\nPidFile {home}/pid\nAuthorizedKeysFile {home}/theirs.pub\nStrictModes no\n"
        f"PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nSubsystem sftp {SERVER}\n"
    )
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    assert sshd is not None
    Path("/run/sshd").mkdir(exist_ok=True)
    process = subprocess.Popen([sshd, "-D", "-f", f"{home}/config"], stderr=subprocess.DEVNULL)
    try:
        _answers(port)
        yield port, home / "theirs", process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _ours(home: Path, digest: str) -> Iterator[tuple[int, Path, subprocess.Popen[bytes]]]:
    """Écluse's door alone, in a process of its own, on a chamber that awaits the parcel."""
    port = _port()
    served = Exchange(write_exchange(home, name="localhost", host="b", language="fr"))
    chamber = served.create_chamber("bench")
    for act, body in (
        (Act.DRAFT, {"instruction": "sha256:" + "1" * 64}),
        (Act.INSTRUCT, {}),
        (Act.OPEN_SOURCE, {}),
        (Act.CLOSE_SOURCE, {}),
        (Act.EXTRACT, {"manifest": digest}),
    ):
        chamber.record(act.value, by=LOGIN, subject=MIGRATION, body=body)
    _write_key(home / "ours")
    process = subprocess.Popen([sys.executable, "-m", "bench.sftp", str(home), str(port)])
    try:
        _answers(port)
        yield port, home / "ours", process
    finally:
        process.terminate()
        process.wait()


def _deposited(home: Path, digest: str) -> None:
    chamber = Exchange(read_exchange(home)).chamber("bench")
    kept = chamber.custody.names(MIGRATION)
    assert part_name(PARTS) in kept, kept
    chamber.record(Act.DEPOSIT.value, by=LOGIN, subject=MIGRATION, body={"manifest": digest})


def _write_key(file: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    file.touch(mode=0o600)
    file.write_bytes(key.export_private_key("openssh"))
    file.with_name(f"{file.name}.pub").write_bytes(key.export_public_key("openssh"))


def _port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _answers(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the server does not answer")


def main(home: Path, port: int) -> None:
    """The door, until it is ended."""
    line = (home / "ours.pub").read_text()

    class One:
        def find(self, login: str) -> Admitted | None:
            return (
                Admitted(LOGIN, ("bench",), sends=True, reads=True, keys=(line,)) if login == LOGIN else None
            )

    async def run() -> None:
        served, keys = Exchange(read_exchange(home)), SshKeys(home / "ssh")
        await serve(
            address="127.0.0.1", port=port, host_key=keys.host(), authority=keys.authority(), admissions=One(), intakes=served.intake, limits=Limits(),
        )  # fmt: skip
        await asyncio.Event().wait()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
