"""A sitting at the laboratory's local page, for tests: a workspace in which something waits, its page opened, and a plain browser without script."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

from ecluse.doors.local import Door
from ecluse.passage.signing import sign
from ecluse.wiring.demonstration import PASSPHRASE, Cast
from ecluse.wiring.settings import read_settings
from ecluse.wiring.workspace import Workspace
from tests.workspaces import carried, laboratory

__all__ = ["PASSPHRASE", "Browser", "Desk", "Got", "copied", "prepared", "sitting"]

FORM = "application/x-www-form-urlencoded"
BOUNDARY = "----formofatest"


@dataclass(frozen=True)
class Desk:
    """A workspace: one migration erased, one that waits for acceptance, one agreement that waits for the biologist."""

    home: Path
    cast: Cast
    erased: str
    waiting: str
    agreement: str

    @property
    def workspace(self) -> Workspace:
        return Workspace(read_settings(self.home))


def prepared(home: Path) -> Desk:
    """The workspace, made."""
    _, ready = laboratory(home, patients=30)
    ids, keys = ready.cast.ids, ready.cast.keys
    erased = carried(ready)
    ready.course.reconcile(erased, by=ids["engineer"])
    ready.course.accept(erased, by=ids["biologist"], key=keys["biologist"])
    waiting = carried(ready, delta=True)
    ready.course.reconcile(waiting, by=ids["engineer"])
    ready.course.erase(erased, by=ids["biologist"])
    payload = (home / "agreement.toml").read_bytes() + b"\n"
    agreement, _ = sign(
        ready.source, "agreement", payload, by=ids["representative"], key=keys["representative"]
    )
    return Desk(home, ready.cast, erased, waiting, agreement.partition(":")[2])


def copied(desk: Desk, home: Path) -> Desk:
    """A copy of the workspace, for one test."""
    shutil.copytree(desk.home, home)
    settings = home / "ecluse.toml"
    settings.write_text(settings.read_text("utf-8").replace(str(desk.home), str(home)), "utf-8")
    return Desk(home, desk.cast, desk.erased, desk.waiting, desk.agreement)


@dataclass(frozen=True)
class Got:
    """An answer."""

    status: int
    headers: dict[str, str]
    text: str

    def hidden(self, name: str) -> str:
        """The value of a hidden field of the page."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        return found[1] if found else ""

    def attribute(self, name: str) -> str:
        found = re.search(rf'{name}="([^"]*)"', self.text)
        return found[1] if found else ""


@dataclass
class Browser:
    """A browser that runs no script and keeps one cookie. `sent`: what every request says beside."""

    door: Door
    cookie: str = ""
    at: str = ""
    seen: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Got:
        """One request, with exactly these headers beside the host and the cookie; "" leaves one out."""
        sent = {
            "Host": self.door.host,
            "Cookie": self.cookie,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        connection = HTTPConnection("127.0.0.1", self.door.port, timeout=20)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        if body is not None and "Content-Length" not in sent:
            sent["Content-Length"] = str(len(body))
        for name, value in sent.items():
            if value:
                connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        got = Got(
            answer.status,
            {name.lower(): value for name, value in answer.getheaders()},
            answer.read().decode(),
        )
        connection.close()
        self.seen += [*got.headers.values(), got.text]
        return got

    def enter(self) -> Got:
        """Open the address that the terminal showed."""
        got = self.ask("GET", f"/{self.door.address.split('/', 3)[3]}")
        self.cookie = got.headers.get("set-cookie", "").partition(";")[0]
        return got

    def path(self, path: str) -> str:
        return path if path.startswith("/") else f"/{self.door.session.door}/{path}"

    def get(self, path: str = "", **headers: str) -> Got:
        self.at = self.path(path)
        return self.ask("GET", self.at, **headers)

    def post(self, path: str, file: tuple[str, bytes] | None = None, csrf: str = "", **fields: str) -> Got:
        """Post the form of a page, as a browser does; where it leads is followed."""
        page = self.get(path)
        texts = {"csrf": csrf or page.hidden("csrf"), **fields}
        kind, body = (
            (FORM, urlencode(texts).encode())
            if file is None
            else (f"multipart/form-data; boundary={BOUNDARY}", multipart(texts, file))
        )
        got = self.ask("POST", self.path(path), body, Origin=f"http://{self.door.host}", Content_Type=kind)
        return self.get(got.headers["location"]) if got.status == 303 else got

    def sit(self, person: str) -> Got:
        """Say who sits there."""
        return self.post("who", person=person)

    def sign(self, passphrase: str = PASSPHRASE) -> Got:
        """Sign, by passphrase, the act whose page was reached."""
        assert "/act/" in self.at, self.at
        return self.post(self.at, passphrase=passphrase)


def multipart(texts: dict[str, str], file: tuple[str, bytes]) -> bytes:
    """A form with a file, as browsers write it."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in texts.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{file[0]}"\r\nContent-Type: application/octet-stream\r\n\r\n'
    return b"".join([*parts, head.encode(), file[1], f"\r\n--{BOUNDARY}--\r\n".encode()])


@contextmanager
def sitting(desk: Desk, *, language: str = "fr") -> Iterator[Browser]:
    """The page open, and a browser that has not entered yet."""
    door = Door(desk.workspace, language=language)
    with door.open():
        yield Browser(door)
