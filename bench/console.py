"""The console's pages at ten thousand migrations, and how an exchange starts: one process, SQLite, as `ecluse serve` runs it.

Decides the chamber: every migration deposited, six acts each. A page is asked for over HTTPS on the loopback network, by one browser, cookies and all.
"""

from __future__ import annotations

import http.client
import json
import secrets
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median

from bench.asked import Asked, Table
from ecluse.passage.migration import Act
from ecluse.wiring.exchange import Exchange, read_exchange, write_exchange
from ecluse.wiring.starting import make_certificate

__all__ = ["pages"]

MIGRATIONS, ASKED = 10_000, 50
ACTS = (Act.DRAFT, Act.INSTRUCT, Act.OPEN_SOURCE, Act.CLOSE_SOURCE, Act.EXTRACT, Act.DEPOSIT)


def pages(asked: Asked) -> Table:
    """Milliseconds of each page, median; seconds to be ready; memory of the whole process."""
    many = asked.entries or MIGRATIONS
    table = Table(
        "The console's pages",
        f"{many:,} migrations in one chamber ({many * len(ACTS):,} entries); {ASKED} requests of each page by HTTPS, one after the other, median and worst; the first one reads the ledger.",
        ["page", "ms, first", "ms, median", "ms, worst", "octets"],
    )
    with tempfile.TemporaryDirectory(prefix="ecluse-bench-") as folder:
        home = Path(folder)
        cookie, name, chamber = _made(home / "exchange", many)
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-u", "-c", "from ecluse.doors.cli import main; main()", "--home", folder, "serve", "--json"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            while (line := process.stdout.readline()) and not line.rstrip().endswith("}"):
                pass
            ready = time.perf_counter() - started
            settings = read_exchange(home / "exchange")
            for page, path in {
                "home": "/",
                "chamber": f"/chamber/{chamber}/",
                "migration": f"/chamber/{chamber}/migration/{name}/",
                "people": f"/chamber/{chamber}/people/",
                "machines": f"/chamber/{chamber}/machines/",
                "register": f"/chamber/{chamber}/register/",
            }.items():
                spent, size = _asked(
                    settings.https.port, path, cookie, home / "exchange" / settings.https.certificate
                )
                table.rows.append(
                    [
                        page,
                        *(round(1000 * it, 1) for it in (spent[0], median(spent[1:]), max(spent[1:]))),
                        size,
                    ]
                )
            told = Path(f"/proc/{process.pid}/status").read_text("utf-8")
            memory = int(told.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
        finally:
            process.terminate()
            process.wait()
    table.said += f" Ready in {ready:.1f} s with that ledger, {memory:.0f} MB at most."
    return table


def _made(home: Path, many: int) -> tuple[str, str, str]:
    """An exchange with one chamber and one person logged in: their cookie, a migration's name, the chamber's."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = one.getsockname()[1], other.getsockname()[1]
    settings = write_exchange(
        home, name="localhost", host="Bench", language="fr", port=ports[0], sftp_port=ports[1]
    )
    served = Exchange(settings)
    make_certificate(settings, at=served.clock())
    home.chmod(0o700)
    chamber = served.create_chamber("bench")
    for number in range(many):
        for act in ACTS:
            chamber.record(
                act.value,
                by="p-0001",
                subject=f"m-{number:05}",
                body={"instruction": f"sha256:{number}", "run": "whole"},
            )
    from ecluse.wiring.console import configure, upgrade

    warnings.simplefilter("ignore")
    configure(served)
    upgrade()
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
    from django.test import Client

    from ecluse.adapters.accounts.models import Organisation
    from ecluse.adapters.accounts.people import accept_invitation, invite
    from ecluse.people.role import Role

    of = Organisation.objects.create(kind="laboratory", name="Bench")
    token = invite(
        served, by=None, email="bench@example.org", name="Bench", professional_id="1", role=Role.ENGINEER, organisation=of,
        chambers=["bench"],
    )  # fmt: skip
    account = accept_invitation(served, token, password=secrets.token_urlsafe(20))
    TOTP.activate(account, generate_totp_secret())
    browser = Client(headers={"host": "localhost"})
    browser.force_login(account, backend="allauth.account.auth_backends.AuthenticationBackend")
    return browser.cookies["__Host-session"].value, f"m-{many - 1:05}", "bench"


def _asked(port: int, path: str, cookie: str, certificate: Path) -> tuple[list[float], int]:
    """Seconds of each request over one kept connection, and the page's size. A page that is not one ends the bench."""
    context = ssl.create_default_context(cafile=str(certificate))
    connection = http.client.HTTPSConnection("localhost", port, context=context)
    spent, size = [], 0
    for _ in range(ASKED):
        began = time.perf_counter()
        connection.request("GET", path, headers={"Cookie": f"__Host-session={cookie}"})
        answer = connection.getresponse()
        size = len(answer.read())
        spent.append(time.perf_counter() - began)
        if answer.status != http.client.OK:
            raise SystemExit(json.dumps({"path": path, "status": answer.status}))
    connection.close()
    return spent, size
