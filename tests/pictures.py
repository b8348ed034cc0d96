"""Take the pictures of the manual: the laboratory's local page, on an invented laboratory, as a browser shows it.

    .venv/bin/python -m tests.pictures

Nobody on them exists. Taken again whenever the page changes; small, so that they cost nobody anything.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tests.browsers import authenticator, chromium
from tests.sittings import PASSPHRASE, Browser, prepared, sitting

PLACE = Path(__file__).parents[1] / "docs" / "pictures"
DESK, TELEPHONE = {"width": 960, "height": 760}, {"width": 390, "height": 700}


def go(page: Any, plain: Browser, path: str) -> None:
    page.goto(f"http://{plain.door.host}/{plain.door.session.door}/{path}")


def take(page: Any, name: str, size: dict[str, int]) -> None:
    """One picture, of what the screen shows first."""
    page.set_viewport_size(size)
    page.screenshot(path=PLACE / f"{name}.png")


def pictures() -> None:
    """Home, an instruction's foot, and the signature by passkey on a telephone."""
    PLACE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        desk = prepared(Path(home) / "labo")
        with sitting(desk) as plain, chromium() as browser:
            page = browser.new_context().new_page()
            authenticator(page)
            page.goto(plain.door.address)
            page.get_by_label("Camille Aubert").check()
            page.locator("button").click()
            take(page, "local-home", DESK)
            go(page, plain, "keys/new")
            page.get_by_label("Phrase de passe").fill(PASSPHRASE)
            page.locator("button").click()
            go(page, plain, f"accept/{desk.waiting}")
            take(page, "local-accept", DESK)
            page.locator("button").click()
            page.get_by_role("link", name="Signer avec une clé d'accès").click()
            take(page, "local-passkey", TELEPHONE)


if __name__ == "__main__":
    pictures()
