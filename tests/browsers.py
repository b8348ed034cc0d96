"""Debian's Chromium, led by Playwright, with a virtual authenticator that gives passkeys; whoever lacks it has those tests skipped by name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.vectors import judges

CHROMIUM = Path("/usr/bin/chromium")
AXE = judges.MODULES / "axe-core" / "axe.min.js"


@contextmanager
def chromium() -> Iterator[Any]:
    """Playwright's Browser, open as long as the block lasts; the test is skipped where there is no Chromium."""
    if not CHROMIUM.is_file():
        pytest.skip("chromium is absent (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    words = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=words)
        try:
            yield browser
        finally:
            browser.close()


def authenticator(page: Any, **options: object) -> tuple[Any, str]:
    """A virtual authenticator for this page, which verifies its person and never waits: the session that speaks to it, and its id."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    made = session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
                **options,
            }
        },
    )
    return session, str(made["authenticatorId"])


def axe(page: Any) -> list[str]:
    """What axe-core finds against WCAG 2.1 A and AA, and its own good practice, on the page as it stands; the test is skipped where there is no axe-core."""
    if not AXE.is_file():
        pytest.skip(f"axe-core is absent ({judges.HOW})")
    # Beside the page's policy, which lets no script in: through the debugger, as a browser's own tools do.
    found = page.evaluate(
        f"async () => {{ {AXE.read_text('utf-8')}; return (await axe.run(document, {{resultTypes: ['violations']}})).violations; }}"
    )
    return [f"{one['id']} ({node['target']})" for one in found for node in one["nodes"]]
