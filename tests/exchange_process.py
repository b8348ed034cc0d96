"""A whole exchange in a process of its own, as a host runs it: made, its machines enrolled, served, killed, served again.

python -m tests.exchange_process FOLDER CHAMBER SITE=KEY...      makes people and machines, as the console would after a second factor
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from ecluse.wiring.exchange import Exchange, read_exchange, write_exchange

ECLUSE = (sys.executable, "-c", "import sys; from ecluse.doors.cli import main; sys.exit(main())")
"""The command line in a process of its own, wherever the tests run."""


@dataclass
class Served:
    """An exchange in `home`, with one chamber."""

    home: Path
    chamber: str = "labo-a"
    port: int = 0
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def make(self) -> None:
        """The exchange's file, its certificate and its chamber."""
        from ecluse.adapters.clock import SystemClock
        from ecluse.wiring.starting import make_certificate

        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
            self.port, sftp = one.getsockname()[1], other.getsockname()[1]
        settings = write_exchange(self.home, name="localhost", host="Hôte", language="fr")
        file = self.home / "exchange.toml"
        text = file.read_text("utf-8").replace("port = 8443", f"port = {self.port}")
        file.write_text(text.replace("port = 2222", f"port = {sftp}"), "utf-8")
        make_certificate(settings, at=SystemClock().now())
        Exchange(read_exchange(self.home)).create_chamber(self.chamber)

    def enrol(self, **keys: str) -> None:
        """Machines of these sites, in a process that is Django's."""
        told = [f"{site}={key}" for site, key in keys.items()]
        subprocess.run(
            [sys.executable, "-m", "tests.exchange_process", str(self.home), self.chamber, *told], check=True
        )

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/{self.chamber}"

    @property
    def ledger_fingerprint(self) -> str:
        return Exchange(read_exchange(self.home)).chamber(self.chamber).ledger.log.key.fingerprint()

    @property
    def certificate_fingerprint(self) -> str:
        from ecluse.wiring.starting import certificate_fingerprint

        return certificate_fingerprint(read_exchange(self.home))

    def start(self) -> None:
        """`ecluse serve`, until its doors are open."""
        self.process = subprocess.Popen(
            [*ECLUSE, "--home", str(self.home.parent), "serve", "--exchange", self.home.name, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        json.loads(line)

    def kill(self) -> None:
        """As if the host's power had failed."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.communicate()
            self.process = None


def enrol(home: Path, chamber: str, keys: dict[str, str]) -> None:
    """One person who joined, and the machines that they enrolled."""
    served = Exchange(read_exchange(home))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ecluse.wiring.console import configure, upgrade

        configure(served)
        upgrade()
    from ecluse.adapters.accounts.machines import enrol_machine
    from ecluse.adapters.accounts.models import Organisation
    from ecluse.adapters.accounts.people import accept_invitation, invite
    from ecluse.people.role import Role
    from ecluse.proof.keys import VerifyKey

    of = Organisation.objects.create(name="Laboratoire", kind="laboratory")
    token = invite(
        served, by=None, email="a@example.org", name="A", professional_id="1", role=Role.ENGINEER, organisation=of, chambers=[chamber]
    )  # fmt: skip
    person = accept_invitation(served, token, password="agrafe cheval pile correct")
    for site, key in keys.items():
        enrol_machine(
            served,
            chamber=chamber,
            by=person,
            site=site,
            key=key,
            fingerprint=VerifyKey.parse(key).fingerprint(),
        )


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        enrol(Path(sys.argv[1]), sys.argv[2], dict(told.split("=", 1) for told in sys.argv[3:]))
