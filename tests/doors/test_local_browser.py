"""The local page in a real browser: axe finds nothing on any page, on a desk or on a telephone; nothing comes from elsewhere; nothing overflows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browsers import authenticator, axe, chromium
from tests.sittings import PASSPHRASE, Browser, Desk, copied, sitting

WIDTHS = {"desk": {"width": 1280, "height": 900}, "telephone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def tour(
    local_desk: Desk, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, Browser, Desk, list[str]]]:
    """A browser in which the biologist sits, with a passkey; all that it asked of anyone, and all that it complained of."""
    desk = copied(local_desk, tmp_path_factory.mktemp("tour") / "labo")
    with sitting(desk) as plain, chromium() as browser:
        page, told = browser.new_context().new_page(), []
        page.on("request", lambda request: told.append(request.url))
        page.on("pageerror", lambda error: told.append(f"error: {error}"))
        page.on(
            "console",
            lambda message: (
                told.append(f"console: {message.text}") if "Content Security" in message.text else None
            ),
        )
        authenticator(page)
        page.goto(plain.door.address)
        page.get_by_label("Camille Aubert").check()
        page.locator("button").click()
        go(page, plain, "keys/new")
        page.get_by_label("Phrase de passe").fill(PASSPHRASE)
        page.locator("button").click()
        page.get_by_role("status").wait_for()
        yield page, plain, desk, told


def go(page: Any, plain: Browser, path: str) -> None:
    page.goto(f"http://{plain.door.host}/{plain.door.session.door}/{path}")


def judged(page: Any, where: str) -> list[str]:
    """What is wider than the screen, at both widths, and what axe finds on a telephone."""
    found = []
    for name, size in WIDTHS.items():
        page.set_viewport_size(size)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found += [f"{where}, {name}: {wide} px too wide"] if wide else []
    return found + [f"{where}: {one}" for one in axe(page)]


def test_every_page_can_be_read_and_used_by_everyone(tour: tuple[Any, Browser, Desk, list[str]]) -> None:
    """No page breaks a rule of WCAG 2.1 AA that axe can see, or overflows, in French or in English; refusals and the sample included."""
    page, plain, desk, _ = tour
    found: list[str] = []
    for path in (
        "who", "", "keys", "keys/new", "bring/agreement", f"paper/{desk.agreement}", f"migration/{desk.waiting}", f"sample/{desk.waiting}",
        f"accept/{desk.waiting}", f"certificate/{desk.erased}", f"report/{desk.erased}", "peer/laboratory-old/laboratory-new", "nothing",
    ):  # fmt: skip
        go(page, plain, path)
        found += judged(page, path)
    go(page, plain, "bring/codes")
    page.get_by_label("Le fichier").set_input_files(desk.home / "codes.toml")
    page.locator("button").click()
    found += judged(page, "codes")
    go(page, plain, "bring/instruction")
    page.get_by_label("Le fichier").set_input_files(desk.home / "instruction.toml")
    page.locator("button").click()
    found += judged(page, "instruction")
    page.get_by_role("link", name="Révoquer").click()
    page.get_by_label("raison").fill("court")
    page.locator("button").click()
    found += judged(page, "refused")
    go(page, plain, f"sample/{desk.waiting}")
    page.locator("button").click()
    found += judged(page, "act")
    page.get_by_role("link", name="Signer avec une clé d'accès").click()
    found += judged(page, "passkey")
    page.locator("button").click()
    page.get_by_role("heading", name="Et maintenant").wait_for()
    found += judged(page, "sample shown")
    page.get_by_role("link", name="English").click()
    found += judged(page, "in English")
    go(page, plain, "language/fr")
    assert "\n".join(found) == ""


def test_in_the_dark_too(tour: tuple[Any, Browser, Desk, list[str]]) -> None:
    """On a screen set to dark, contrast is as good."""
    page, plain, desk, _ = tour
    page.emulate_media(color_scheme="dark")
    found = []
    for path in ("", "keys", f"paper/{desk.agreement}", f"accept/{desk.waiting}"):
        go(page, plain, path)
        found += judged(page, path)
    page.emulate_media(color_scheme="light")
    assert "\n".join(found) == ""


def test_nothing_comes_from_elsewhere(tour: tuple[Any, Browser, Desk, list[str]]) -> None:
    """The browser asks nothing of anyone but this page, and no page breaks its own policy."""
    _, plain, _, told = tour
    assert told
    assert [
        url for url in told if not url.startswith(f"http://{plain.door.host}/{plain.door.session.door}/")
    ] == []


def test_a_refused_passkey_is_told(tour: tuple[Any, Browser, Desk, list[str]]) -> None:
    """Where the browser gives no passkey, the page says so, nothing is posted, and the passphrase is still there."""
    page, plain, desk, _ = tour
    go(page, plain, f"paper/{desk.agreement}")
    page.locator("button").click()
    page.get_by_role("link", name="Signer avec une clé d'accès").click()
    page.evaluate(
        "() => { navigator.credentials.get = () => Promise.reject(new DOMException('', 'NotAllowedError')); }"
    )
    before = page.url
    page.locator("button").click()
    page.get_by_text("Le navigateur n'a rien donné").wait_for()
    assert page.url == before
    page.get_by_role("link", name="Signer plutôt avec la phrase de passe").click()
    page.get_by_label("Phrase de passe").fill(PASSPHRASE)
    page.locator("button").click()
    page.get_by_role("status").filter(has_text="Le document est en vigueur").wait_for()


def test_a_page_of_another_origin_signs_nothing(
    tour: tuple[Any, Browser, Desk, list[str]], tmp_path: Path
) -> None:
    """A page of another address on this machine, in the same browser, posts the forms of this one: each is refused, and nothing is signed."""
    page, plain, _, _ = tour
    other = page.context.new_page()
    other.goto("about:blank")
    form = f"<form method=post action='http://{plain.door.host}/{plain.door.session.door}/who'><input name=csrf value=x><input name=person value=x><button>go</button></form>"
    (tmp_path / "evil.html").write_text(form)
    other.goto((tmp_path / "evil.html").as_uri())
    with other.expect_navigation() as went:
        other.locator("button").click()
    assert went.value.status == 403
    other.close()
    go(page, plain, "")
    assert page.get_by_text("Camille Aubert, biologiste").count() == 1
