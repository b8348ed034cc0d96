"""SFTP cut in the middle: the client killed, the exchange killed with SIGKILL; the upload goes on from what was kept, and nothing is twice or half there."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecluse.adapters.ssh_keys import SshKeys
from ecluse.doors.sftp import Admitted, Limits, serve
from ecluse.wiring.exchange import Exchange, read_exchange
from tests.chambers import AT, MIGRATION
from tests.conftest import ROOT
from tests.servers import free_port
from tests.sftp import FILES, GENEROUS, PARTS, Opened, opened

NAME = PARTS[2]
SLOW = Limits(burst=1000, per_address=50, octets=150_000.0)
"""So that a file of 330 KB takes a second or two."""


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Opened]:
    with opened(tmp_path / "exchange", limits=SLOW) as door:
        door.enrol("p-00e1", sends=True)
        (tmp_path / NAME).write_bytes(FILES[NAME])
        yield door


def until(true: Callable[[], object], seconds: float = 20) -> None:
    """Wait for something of another process, with an end."""
    for _ in range(int(seconds / 0.02)):
        if true():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def putting(door: Opened, port: int, folder: Path) -> subprocess.Popen[str]:
    said = [
        "sftp",
        *door.options("p-00e1"),
        "-b",
        "-",
        "-B",
        "32768",
        "-R",
        "1",
        "-P",
        str(port),
        "p-00e1@127.0.0.1",
    ]
    client = subprocess.Popen(
        said,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=folder,
    )
    assert client.stdin is not None
    client.stdin.write(f"put {NAME} {MIGRATION}/{NAME}\n")
    client.stdin.close()
    return client


def test_a_client_killed_in_the_middle_goes_on(door: Opened, tmp_path: Path) -> None:
    """Killed while it sends, its upload waits with what came; sent on, it is whole, and it was never in custody before."""
    intake = door.exchange.intake("labo-a")
    client = putting(door, door.port, tmp_path)
    until(lambda: intake.unfinished(MIGRATION).get(NAME, 0) > 100_000)
    client.kill()
    client.wait(10)
    until(lambda: not door.listening._door.inside)
    size = intake.unfinished(MIGRATION)[NAME]
    assert 100_000 < size < len(FILES[NAME])
    assert intake.kept(MIGRATION) == {}
    time.sleep(0.1)
    sent = door.sftp("p-00e1", f"cd {MIGRATION}\nput -a {NAME}\n", folder=tmp_path)
    assert sent.well, sent.out
    assert intake.kept(MIGRATION) == {NAME: len(FILES[NAME])}
    with intake.chamber.custody.open(MIGRATION, NAME) as file:
        assert file.read() == FILES[NAME]


def test_an_exchange_killed_in_the_middle_goes_on(tmp_path: Path) -> None:
    """SIGKILL while a file comes: started again, the exchange tells what it has, and the client goes on from there."""
    with opened(tmp_path / "exchange") as door:
        door.enrol("p-00e1", sends=True)
        (tmp_path / NAME).write_bytes(FILES[NAME])
        (tmp_path / "key.pub").write_text(door.accounts.held["p-00e1"].keys[0])
        port = free_port()
        host = door.known.read_text().split(" ", 1)[1]
        door.known.write_text(f"[127.0.0.1]:{port} {host}")

        def start(limits: str) -> subprocess.Popen[bytes]:
            server = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.attacks.test_sftp_cut",
                    str(door.home),
                    str(port),
                    str(tmp_path / "key.pub"),
                    limits,
                ],
                cwd=ROOT,
            )

            def answers() -> bool:
                with socket.socket() as probe:
                    return probe.connect_ex(("127.0.0.1", port)) == 0

            until(answers)
            return server

        server = start("slow")
        client = putting(door, port, tmp_path)
        uploads = door.exchange.intake("labo-a").uploads
        until(lambda: (found := uploads.found(MIGRATION, NAME)) is not None and found.size > 100_000)
        server.send_signal(signal.SIGKILL)
        server.wait(10)
        assert client.wait(20) != 0
        size = uploads.found(MIGRATION, NAME)
        assert size is not None
        assert size.size < len(FILES[NAME])
        server = start("fast")
        try:
            sent = subprocess.run(
                ["sftp", *door.options("p-00e1"), "-b", "-", "-P", str(port), "p-00e1@127.0.0.1"], text=True, cwd=tmp_path, capture_output=True,
                input=f"cd {MIGRATION}\nls -l\nput -a {NAME}\nls -l\n", check=False, timeout=30,
            )  # fmt: skip
        finally:
            server.kill()
            server.wait(10)
        assert sent.returncode == 0, sent.stderr
        assert str(size.size) in sent.stdout
        custody = Exchange(read_exchange(door.home), clock=lambda: AT).chamber("labo-a").custody
        with custody.open(MIGRATION, NAME) as file:
            assert file.read() == FILES[NAME]


def main(home: Path, port: int, key: str, limits: Limits) -> None:
    """An exchange of its own process, which the test kills."""

    class One:
        def find(self, login: str) -> Admitted | None:
            return Admitted("p-00e1", ("labo-a",), sends=True, keys=(key,)) if login == "p-00e1" else None

    async def run() -> None:
        exchange, keys = Exchange(read_exchange(home), clock=lambda: AT), SshKeys(home / "ssh")
        exchange.intake("labo-a").settle()
        await serve(
            address="127.0.0.1", port=port, host_key=keys.host(), authority=keys.authority(), admissions=One(),
            intakes=exchange.intake, limits=limits,
        )  # fmt: skip
        await asyncio.Event().wait()

    asyncio.run(run())


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        int(sys.argv[2]),
        Path(sys.argv[3]).read_text(),
        SLOW if sys.argv[4] == "slow" else GENEROUS,
    )
