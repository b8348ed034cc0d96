"""The local page's gate: who is answered, what every answer says, and what a request may be."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ecluse.base.refusal import Fault
from ecluse.doors.local import Door
from ecluse.doors.local.form import LARGEST
from ecluse.doors.local.routes import ROUTES
from ecluse.doors.local.session import IDLE, TRIES
from ecluse.wiring.workspace import Workspace
from tests.sittings import FORM, PASSPHRASE, Browser, Desk, sitting


@pytest.fixture
def desk(local_desk: Desk) -> Desk:
    """The workspace, which these tests leave as it is."""
    return local_desk


@pytest.fixture
def browser(desk: Desk) -> Iterator[Browser]:
    """A browser that entered, and in which the biologist sits."""
    with sitting(desk) as browser:
        browser.enter()
        browser.sit(desk.cast.ids["biologist"])
        yield browser


def paths() -> list[str]:
    """An address for each page there is."""
    return ["/".join(part if part != "*" else "x" for part in route.path) for route in ROUTES] + [
        "style.css",
        "passkey.js",
    ]


def test_an_address_is_worth_one_visit(desk: Desk) -> None:
    """The address printed on the terminal is changed for a cookie once; whoever comes second, or guesses, is told that it was used."""
    with sitting(desk) as browser:
        address = f"/{browser.door.address.split('/', 3)[3]}"
        assert browser.ask("GET", address[:-1] + "_").status == 403
        first = browser.enter()
        assert first.status == 200
        assert re.fullmatch(
            rf"ecluse=[\w-]{{43}}; Path=/{browser.door.session.door}/; HttpOnly; SameSite=Strict",
            first.headers["set-cookie"],
        )
        assert Browser(browser.door).ask("GET", address).status == 403
        assert browser.get("who").status == 200


def test_nothing_is_shown_without_the_cookie(browser: Browser) -> None:
    """Every page, and even the style sheet, is refused to a browser without the cookie, with another, or under another first part."""
    for cookie in ("", "ecluse=", "ecluse=x", "other=x", 'ecluse="', browser.cookie[:-1]):
        for path in paths():
            got = Browser(browser.door, cookie).get(path)
            assert (got.status, "laboratory" in got.text) == (403, False), (cookie, path)
    assert browser.ask("GET", "/").status == 404
    assert browser.ask("GET", "/other/keys").status == 404


def test_a_name_made_to_point_here_is_refused(browser: Browser) -> None:
    """A site whose name was made to point to this machine (DNS rebinding) is refused by its Host, cookie or not."""
    for host in (
        "evil.example",
        f"evil.example:{browser.door.port}",
        "localhost",
        f"127.0.0.1:{browser.door.port}",
        f"[::1]:{browser.door.port}",
    ):
        assert browser.get("keys", Host=host).status == 421
        assert browser.ask("GET", f"/{browser.door.session.door}/enter/x", Host=host).status == 421
    assert browser.get("keys", Host="").status in (400, 421)


def test_another_page_s_request_is_refused(browser: Browser) -> None:
    """What another site asks for, or posts, in this browser is refused, though the browser sent the cookie."""
    path, csrf = browser.path("who"), browser.get("who").hidden("csrf")
    body = f"csrf={csrf}&person=x".encode()
    for site in ("cross-site", "same-site", "anything"):
        assert browser.get("keys", Sec_Fetch_Site=site).status == 403
    for origin in (
        "http://evil.example",
        "null",
        "",
        f"https://{browser.door.host}",
        f"http://localhost:{browser.door.port + 1}",
        f"http://127.0.0.1:{browser.door.port}",
    ):
        assert browser.ask("POST", path, body, Origin=origin, Content_Type=FORM).status == 403


def test_every_form_bears_the_page_s_secret(browser: Browser) -> None:
    """A form without the page's secret, or with another, does nothing, whatever it posts."""
    for path in paths():
        for csrf in ("", "csrf=x&", f"csrf={'a' * 43}&"):
            got = browser.ask(
                "POST",
                browser.path(path),
                f"{csrf}person=x".encode(),
                Origin=f"http://{browser.door.host}",
                Content_Type=FORM,
            )
            assert got.status in (403, 200), path
            assert got.status == 403 or path in ("style.css", "passkey.js")


def test_every_answer_is_closed_to_others(browser: Browser) -> None:
    """Every answer, good or not, is kept by no cache, framed by nobody, and lets nothing load; a script runs on the passkey pages alone."""
    answers = {path: browser.get(path) for path in [*paths(), "nothing"]} | {
        "outside": Browser(browser.door).get("keys"),
        "bad": browser.ask("PUT", "/"),
    }
    for path, got in answers.items():
        assert got.headers["cache-control"] == "no-store", path
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["x-frame-options"] == "DENY"
        assert "server" not in got.headers
        if "text/html" in got.headers.get("content-type", ""):
            policy = got.headers["content-security-policy"]
            assert policy.startswith(
                "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            )
            assert ("script-src 'self'" in policy) == ("<script" in got.text) == (path == "keys/new"), path
            assert "unsafe" not in policy
    assert not re.search(
        r"(?:src|href|action)=\"(?!/)",
        "".join(got.text for got in answers.values() if "text/html" in got.headers.get("content-type", "")),
    )


def test_only_this_machine_is_answered(browser: Browser) -> None:
    """The page listens on the loopback addresses and on no other, and on both of them, so that nobody else answers to its name."""
    places = {one.server_address[0] for one in browser.door._listeners}
    assert "127.0.0.1" in places
    assert places <= {"127.0.0.1", "::1"}
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return  # this machine has one loopback address
    assert "::1" in places


def test_a_port_that_is_taken_is_said(desk: Desk) -> None:
    """A port that another program holds, on either loopback address, is refused with its number."""
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(Fault, match="page/port-taken"):
        Door(desk.workspace, language="fr", port=other.getsockname()[1])
    try:
        other = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        return
    with other, pytest.raises(Fault, match="page/port-taken"):
        Door(desk.workspace, language="fr", port=other.getsockname()[1])


@pytest.mark.parametrize(
    ("method", "headers", "body", "status"),
    [
        ("PUT", {}, b"", 404),
        ("HEAD", {}, None, 404),
        ("OPTIONS", {}, None, 404),
        ("POST", {"Content-Length": "x"}, b"", 400),
        ("POST", {"Content-Length": "-1"}, b"", 400),
        ("POST", {"Content-Length": str(LARGEST + 1)}, b"", 413),
        ("POST", {"Content-Length": "9" * 20}, b"", 413),
        ("POST", {"Transfer-Encoding": "chunked"}, b"0\r\n\r\n", 400),
        ("POST", {"Content-Type": "text/plain"}, b"csrf=x", 400),
        ("POST", {"Content-Type": FORM}, b"csrf=x&csrf=y", 400),
        ("POST", {"Content-Type": FORM}, b"csrf", 400),
        ("POST", {"Content-Type": FORM}, b"csrf=%ff", 400),
        ("POST", {"Content-Type": FORM}, "csrf=é".encode(), 400),
        ("POST", {"Content-Type": FORM}, b"&".join(b"a%d=1" % number for number in range(30)), 400),
        ("POST", {"Content-Type": "multipart/form-data; boundary=x"}, b"nothing", 400),
        ("POST", {"Content-Type": "multipart/form-data"}, b"--x\r\n\r\n--x--", 400),
        ("POST", {"Content-Type": "multipart/form-data; boundary=x"}, b"--x\r\n\r\na\r\n--x--\r\n", 400),
    ],
)  # fmt: skip
def test_a_request_of_another_form_is_refused(
    browser: Browser, method: str, headers: dict[str, str], body: bytes | None, status: int
) -> None:
    """Another method, a length that is none or too much, a body in pieces, a form that reads in two ways: refused before anything is done."""
    assert browser.ask(method, browser.path("who"), body, **headers).status == status


def test_what_is_no_http_is_refused(browser: Browser) -> None:
    """Two headers of one name, an address with a host or a query, a line that is no request: each is refused, and the page goes on."""
    port = browser.door.port
    for raw in (
        f"GET /{browser.door.session.door}/ HTTP/1.1\r\nHost: a\r\nHost: {browser.door.host}\r\n\r\n",
        f"GET http://localhost:{port}/ HTTP/1.1\r\nHost: {browser.door.host}\r\n\r\n",
        f"GET /{browser.door.session.door}/?a=b HTTP/1.1\r\nHost: {browser.door.host}\r\n\r\n",
        "\x16\x03\x01\r\n\r\n",
        "GET\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(raw.encode("latin-1"))
            answered = connection.makefile("rb").read()
        assert not answered.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")), raw
        assert b"Traceback" not in answered
    assert browser.get("keys").status == 200


def test_a_slow_browser_holds_nobody_up(browser: Browser) -> None:
    """Whoever opens connections and says nothing keeps no one else from being answered."""
    idle = [socket.create_connection(("127.0.0.1", browser.door.port)) for _ in range(50)]
    assert browser.get("keys").status == 200
    for one in idle:
        one.close()


def test_a_page_where_nobody_is_any_more_closes(desk: Desk) -> None:
    """After half an hour without a request the page answers no more, and its process ends."""
    now = [0.0]
    door = Door(desk.workspace, language="fr", clock=lambda: now[0])
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 1:
            browser = Browser(door)
            browser.enter()
            assert browser.get("who").status == 200
            now[0] += IDLE + 1
            assert browser.get("who").status == 410

    server = threading.Thread(target=door.serve, kwargs={"wait": wait})
    server.start()
    server.join(20)
    assert not server.is_alive()
    with pytest.raises(OSError, match="refused"):
        HTTPConnection("127.0.0.1", door.port, timeout=2).connect()


def test_a_passphrase_is_not_guessed_here(browser: Browser, desk: Desk) -> None:
    """After five wrong passphrases in a row the page closes; one that is right before that signs."""
    browser.post(f"paper/{desk.agreement}")
    for tries in range(TRIES):
        got = browser.sign("une autre phrase de passe")
        assert got.status == 422
        if tries < TRIES - 1:
            assert "key/wrong-passphrase" in got.text
    assert browser.get("keys").status == 410
    assert PASSPHRASE not in "".join(browser.seen)


def test_what_fails_inside_shows_no_value(desk: Desk, tmp_path: Path) -> None:
    """A fault of our own is told by its kind and place; the browser sees nothing of what it held, and the terminal nothing at all."""

    class Broken(Workspace):
        def holds(self, side: object) -> bool:
            raise ValueError("Aubert Camille 1 84 12 76 451 089 46")

    door = Door(Broken(desk.workspace.settings), language="en")
    with door.open():
        browser = Browser(door)
        browser.enter()
        got = browser.get("keys")
    assert got.status == 500
    assert "ValueError" in got.text
    assert "Aubert" not in got.text


def test_the_command_prints_its_address_once_and_closes_by_ctrl_c(desk: Desk) -> None:
    """`ecluse agent page` prints one address, which opens the page; Ctrl-C closes it, and the command ends well."""
    words = ["--home", str(desk.home), "--language", "en", "agent", "page", "--json"]
    # Whoever runs the tests in the background has Ctrl-C ignored, and Python then leaves it so.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heard}; import sys; from ecluse.doors.cli import main; sys.exit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = urlsplit(json.loads(process.stdout.readline())["address"])
        assert address.hostname == "localhost"
        assert address.port is not None
        connection = HTTPConnection("127.0.0.1", address.port, timeout=20)
        connection.request("GET", address.path, headers={"Host": f"localhost:{address.port}"})
        assert connection.getresponse().status == 200
        connection.close()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, out) == (0, "")
    assert address.path.rpartition("/")[2] not in err
