"""The local page over HTTP: listens on the loopback addresses alone, reads a request strictly, has it admitted, and writes the answer.

Both loopback addresses, where there are two: browsers try one then the other for `localhost`, and whoever held the second could answer in our place. One
request at a time is answered, because one person sits there. Nothing is logged: what goes wrong inside is told on the page by its kind and place only.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any, Final
from urllib.parse import urlsplit

from ecluse.base.refusal import Fault, Refusal
from ecluse.doors.cli.door import place_of
from ecluse.doors.local.desk import Answer, Desk
from ecluse.doors.local.form import LARGEST, Form, read_form
from ecluse.doors.local.gate import COOKIE, HEADERS, Asked, admit, check_form, policy
from ecluse.doors.local.routes import found
from ecluse.doors.local.session import Session
from ecluse.doors.local.written import sheet
from ecluse.wiring.workspace import Workspace

__all__ = ["Door"]

_SLOWEST: Final = 20
"""Seconds that a browser may take to send a request."""
_POLL: Final = 0.1
"""Seconds after which a listener sees that it is to stop."""
_STATUS: Final = {
    "page/absent": 404, "page/other-host": 421, "page/other-origin": 403, "page/not-entered": 403, "page/used": 403,
    "page/form-forged": 403, "page/form-malformed": 400, "page/too-large": 413, "page/closed": 410,
}  # fmt: skip
_OUTSIDE: Final = frozenset(_STATUS) - {"page/absent"}
"""Refusals told without the page's frame, to whoever may not see it."""


class Door:
    """The page of one workspace, for one sitting. `port` 0 takes a free one. Raises Fault `page/port-taken`."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        language: str,
        port: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.session = Session(language=language, clock=clock)
        self._workspace, self._alone = workspace, threading.Lock()
        self._listeners = _listeners(self, port)
        self.port: int = self._listeners[0].server_port

    @property
    def host(self) -> str:
        """The name under which this page is asked for, and no other."""
        return f"localhost:{self.port}"

    @property
    def address(self) -> str:
        """The address to open, worth one visit."""
        return f"http://{self.host}/{self.session.door}/enter/{self.session.token}"

    def serve(self, *, wait: Callable[[float], object] = time.sleep) -> None:
        """Answer until the sitting closes itself."""
        with self.open():
            while not self.session.closed:
                wait(0.5)

    @contextlib.contextmanager
    def open(self) -> Iterator[Door]:
        """Answer as long as the block lasts."""
        threads = [
            threading.Thread(target=one.serve_forever, args=(_POLL,), daemon=True) for one in self._listeners
        ]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            for one in self._listeners:
                one.shutdown()
                one.server_close()

    def answer(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        """The status, headers and body of the answer."""
        with self._alone:
            try:
                return self._answered(asked)
            except (Refusal, Fault) as refusal:
                return self._outside(refusal)
            except Exception as error:  # noqa: BLE001 - the one place where everything that can go wrong is told, without its message
                return self._outside(Fault("page/internal", type=type(error).__name__, where=place_of(error)))

    def _answered(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        session = self.session
        if session.closed:
            raise Refusal("page/closed")
        if asked.method == "GET" and asked.path[:2] == (session.door, "enter"):
            return self._enter(asked)
        admit(asked, session, host=self.host)
        session.use()
        path = asked.path[1:]
        if path in (("style.css",), ("passkey.js",)):
            return _file(path[0])
        desk = Desk(self._workspace, session)
        if asked.method == "POST":
            check_form(asked, session, host=self.host)
        try:
            answer = _page(desk, asked.method, path, asked.form)
        except (Refusal, Fault) as refusal:
            if refusal.code in _OUTSIDE:
                raise
            desk = Desk(self._workspace, session, refusal, asked.form)
            answer = _again(desk, path, refusal)
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": policy(script=answer.scripted),
        }
        if answer.location:
            return answer.status, headers | {"Location": answer.location}, b""
        return answer.status, headers, desk.written(answer)

    def _enter(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        """The address given on the terminal is changed for a cookie, once. Raises Refusal `page/other-host`, `page/used`."""
        session = self.session
        if asked.headers.get("host") != self.host:
            raise Refusal("page/other-host", expected=self.host)
        if not session.token or asked.path[2:] != (session.token,):
            raise Refusal("page/used")
        place = f"/{session.door}/"
        cookie = f"{COOKIE}={session.entered()}; Path={place}; HttpOnly; SameSite=Strict"
        session.use()
        # A page that goes on by itself, and no redirection: a browser that followed a link from another site would keep a strict cookie back.
        body = (
            f'<!doctype html><html lang="{session.language}"><head><meta charset="utf-8"><title>Écluse</title>'
            f'<meta http-equiv="refresh" content="0; url={place}"></head><body><p><a href="{place}">Écluse</a></p></body></html>'
        )
        headers = {
            "Set-Cookie": cookie,
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": policy(script=False),
        }
        return 200, headers, body.encode()

    def _outside(self, refusal: Refusal | Fault) -> tuple[int, dict[str, str], bytes]:
        """What is told to whoever may not see the page: plain words, and none of the workspace's."""
        language = self.session.language
        text = f"Écluse: {refusal.message(language)}\n{refusal.hint(language)}\n"
        headers = {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Security-Policy": policy(script=False),
        }
        return _STATUS.get(refusal.code, 500), headers, text.encode()


def _page(desk: Desk, method: str, path: tuple[str, ...], given: Form) -> Answer:
    """The page at an address, or what its form does. Raises Refusal `page/absent`, `page/nobody`, and those of the verb."""
    route, parts = found(path)
    if not route.free and desk.session.person not in desk.people():
        return desk.go("who")
    if method == "GET":
        return route.page(desk, *parts)
    if route.act is None:
        raise Refusal("page/absent")
    return route.act(desk, given, *parts)


def _again(desk: Desk, path: tuple[str, ...], refusal: Refusal | Fault) -> Answer:
    """The page on which something was refused, shown again; where it cannot be shown, a page of its own that tells the refusal."""
    status = _STATUS.get(refusal.code, 422 if isinstance(refusal, Refusal) else 503)
    with contextlib.suppress(Refusal, Fault):
        answer = _page(desk, "GET", path, Form())
        if answer.body is not None:
            return Answer(answer.body, answer.scripted, status)
    shown = desk.shown(
        desk.phrase("refused_title"), desk.phrase("refused_under"), desk.link(desk.phrase("refused_home"))
    )
    return Answer(shown.body, status=status)


def _file(name: str) -> tuple[int, dict[str, str], bytes]:
    """The style sheet and the script: the same for everyone, and nobody's secret."""
    if name == "style.css":
        return 200, {"Content-Type": "text/css; charset=utf-8"}, sheet()
    octets = resources.files(__package__).joinpath(name).read_bytes()
    return 200, {"Content-Type": "text/javascript; charset=utf-8"}, octets


class _Listener(ThreadingHTTPServer):
    """One loopback address."""

    daemon_threads = True
    request_queue_size = 64
    block_on_close = False

    def __init__(self, door: Door, family: socket.AddressFamily, place: tuple[str, int]) -> None:
        self.address_family, self.door = family, door
        super().__init__(place, _Exchange)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks is the browser's affair; nothing is printed."""


class _Exchange(BaseHTTPRequestHandler):
    """One request and its answer; the connection then closes."""

    timeout = _SLOWEST
    server: _Listener

    def __getattr__(self, name: str) -> Any:
        """Every method comes here: those that are none of ours are refused like any other request."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        door = self.server.door
        try:
            asked = self._asked()
        except Refusal as refusal:
            self._write(*door._outside(refusal))  # noqa: SLF001 - one thing in two classes, because the library asks for one
            return
        self._write(*door.answer(asked))

    def _asked(self) -> Asked:
        """The request, read. Raises Refusal `page/absent`, `page/form-malformed`, `page/too-large`."""
        names = [name.lower() for name in self.headers]
        split = urlsplit(self.path)
        if (
            self.command not in ("GET", "POST")
            or split.scheme
            or split.netloc
            or split.query
            or not self.path.startswith("/")
        ):
            raise Refusal("page/absent")
        if len(set(names)) != len(names) or "transfer-encoding" in names:  # one header, one meaning
            raise Refusal("page/form-malformed")
        headers = {name.lower(): value for name, value in self.headers.items()}
        form = self._form(headers) if self.command == "POST" else Form()
        return Asked(self.command, tuple(split.path.split("/")[1:]), headers, form)

    def _form(self, headers: dict[str, str]) -> Form:
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            raise Refusal("page/form-malformed")
        if len(length) > 9 or int(length) > LARGEST:
            raise Refusal("page/too-large", most=LARGEST)
        octets = self.rfile.read(int(length))
        if len(octets) != int(length):
            raise Refusal("page/form-malformed")
        return read_form(headers.get("content-type", ""), octets)

    def _write(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in {
            **HEADERS,
            **headers,
            "Content-Length": str(len(body)),
            "Connection": "close",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the library itself refuses: a request that is no HTTP."""
        del message, explain
        self.request_version = "HTTP/1.0"
        self._write(
            code,
            {"Content-Type": "text/plain; charset=utf-8", "Content-Security-Policy": policy(script=False)},
            b"",
        )

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged: an address holds what the page is about."""


def _listeners(door: Door, port: int) -> list[_Listener]:
    """A listener on each loopback address of this machine, on the same port."""
    for _ in range(20):
        first = _listener(door, socket.AF_INET, ("127.0.0.1", port))
        if first is None:
            raise Fault("page/port-taken", where=port)
        try:
            second = _listener(door, socket.AF_INET6, ("::1", first.server_port))
        except OSError as error:
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                raise
            return [first]  # this machine has one loopback address
        if second is not None:
            return [first, second]
        first.server_close()  # somebody has the other address of this port: another port
        if port:
            break
    raise Fault("page/port-taken", where=port)


def _listener(door: Door, family: socket.AddressFamily, place: tuple[str, int]) -> _Listener | None:
    """A listener; None where another process has the port."""
    try:
        return _Listener(door, family, place)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        return None
