"""Which page is where: its address, what it shows, and what its form does.

A form posts to the page it stands on; what is refused is told there, above what was being done, so that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.base.words import LANGUAGES
from ecluse.doors.local import acts, comparing, home, papers, passages, passkeys
from ecluse.doors.local.desk import Answer, Desk

__all__ = ["ROUTES", "Route", "found"]

Page = Callable[..., Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One address: `*` stands for what changes. `free`: whether nobody need sit there."""

    path: tuple[str, ...]
    page: Page
    act: Page | None = None
    free: bool = False

    def match(self, path: tuple[str, ...]) -> list[str] | None:
        """What stands in place of each `*`; None where it is another address."""
        if len(path) != len(self.path) or any(
            mine not in ("*", part) for mine, part in zip(self.path, path, strict=True)
        ):
            return None
        return [part for mine, part in zip(self.path, path, strict=True) if mine == "*"]


def speak(desk: Desk, language: str) -> Answer:
    """The sitting goes on in another language."""
    if language not in LANGUAGES:
        raise Refusal("page/absent")
    desk.session.language = language
    return desk.go()


ROUTES: Final = (
    Route(("",), home.home_page, free=True),
    Route(("who",), home.who_page, home.choose, free=True),
    Route(("language", "*"), speak, free=True),
    Route(("bring", "*"), papers.bring_page, papers.bring),
    Route(("paper", "*"), papers.paper_page, papers.sign_paper),
    Route(("revoke", "*"), papers.revoke_page, papers.ask_revocation),
    Route(("act", "*"), acts.act_page, acts.sign_by_passphrase),
    Route(("act", "*", "passkey"), acts.passkey_page, acts.sign_by_passkey),
    Route(("migration", "*"), passages.migration_page),
    Route(("report", "*"), passages.report_page),
    Route(("sample", "*"), passages.sample_page, passages.ask_sample),
    Route(("accept", "*"), passages.accept_page, passages.ask_acceptance),
    Route(("certificate", "*"), passages.certificate_page),
    Route(("recipient", "*"), comparing.recipient_page, comparing.compare_recipient),
    Route(("peer", "*", "*"), comparing.peer_page, comparing.compare_peer),
    Route(("keys",), passkeys.keys_page),
    Route(("keys", "new"), passkeys.enrol_page, passkeys.enrol),
)


def found(path: tuple[str, ...]) -> tuple[Route, list[str]]:
    """The page at an address, and what changes in it. Raises Refusal `page/absent`."""
    for route in ROUTES:
        parts = route.match(path)
        if parts is not None:
            return route, parts
    raise Refusal("page/absent")
