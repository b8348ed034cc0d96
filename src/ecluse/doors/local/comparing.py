"""Keys of others, compared by voice before their first use: a site's root, a recipient's key.

Decides that the digits are typed and never shown here: the fingerprint is read where the key is, and told on the telephone. A key that differs goes no further.
"""

from __future__ import annotations

import secrets

from ecluse.base.refusal import Refusal
from ecluse.doors.cli.sites import check_digits
from ecluse.doors.local.acts import presence_of, present
from ecluse.doors.local.desk import Answer, Desk
from ecluse.doors.local.form import Form
from ecluse.doors.local.session import Act
from ecluse.doors.local.written import button, field, form
from ecluse.doors.pages.markup import Markup, element
from ecluse.passage.recipients import certified, note_compared
from ecluse.people.person import check_may
from ecluse.people.role import Permission
from ecluse.proof.keys import VerifyKey
from ecluse.proof.sign import Signer
from ecluse.wiring.folders import SiteFolder

__all__ = ["compare_peer", "compare_recipient", "peer_page", "recipient_page"]


def recipient_page(desk: Desk, hexadecimal: str) -> Answer:
    """A recipient's key, to be compared."""
    check_may(desk.person, Permission.SIGN_INSTRUCTION)
    cert = certified(desk.site("source"), f"sha256:{hexadecimal}", at=desk.at)
    under = desk.phrase("compare_recipient_under", name=cert.purpose, site=cert.subject)
    return desk.shown(desk.phrase("compare_title"), under, _how(desk), form(desk.session.csrf, _digits(desk), button(desk.phrase("compare_go"))))  # fmt: skip


def compare_recipient(desk: Desk, given: Form, hexadecimal: str) -> Answer:
    """The digits typed are the key's: to the signature of who compared. Raises Refusal `door/fingerprint-differs`, `recipient/not-certified`."""
    check_may(desk.person, Permission.SIGN_INSTRUCTION)
    certificate = f"sha256:{hexadecimal}"
    cert = certified(desk.site("source"), certificate, at=desk.at)
    check_digits(given.text("digits"), cert.fingerprint(), where=cert.purpose)
    payload = presence_of(desk, to="compare", subject=certificate, nonce=secrets.token_hex(16))

    def done(desk: Desk, signer: Signer) -> Answer:
        present(desk, signer, act)
        note_compared(desk.site("source"), certificate, by=act.person, subject=cert.subject)
        desk.session.told.append(desk.phrase("compared", name=cert.purpose))
        return desk.go()

    what = desk.phrase("act_compare", name=cert.purpose, site=cert.subject)
    act = Act(what, "presence", payload, desk.person.id, f"recipient/{hexadecimal}", done)
    return desk.begin(act)


def peer_page(desk: Desk, mine: str, theirs: str) -> Answer:
    """Another laboratory's root, to be compared."""
    _, other = _pair(desk, mine, theirs)
    asked = form(desk.session.csrf, None if _held(other) else _key(desk), _digits(desk), button(desk.phrase("compare_go")))  # fmt: skip
    return desk.shown(
        desk.phrase("compare_title"), desk.phrase("compare_peer_under", site=theirs), _how(desk), asked
    )


def compare_peer(desk: Desk, given: Form, mine: str, theirs: str) -> Answer:
    """The digits typed are the root's: it is trusted from now on. Raises Refusal `door/fingerprint-differs`, `key/malformed`."""
    own, other = _pair(desk, mine, theirs)
    root = other.root if _held(other) else VerifyKey.parse(given.text("key").strip())
    check_digits(given.text("digits"), root.fingerprint(), where=theirs)
    if theirs not in own.peers():
        own.compare(theirs, root)
    desk.session.told.append(desk.phrase("compared", name=theirs))
    return desk.go()


def _pair(desk: Desk, mine: str, theirs: str) -> tuple[SiteFolder, SiteFolder]:
    """A site held here, and the other one of this workspace."""
    known = {desk.workspace.folder(side).name: desk.workspace.folder(side) for side in ("source", "target")}
    if (
        mine not in [desk.workspace.folder(side).name for side in desk.sides]
        or theirs not in known
        or mine == theirs
    ):
        raise Refusal("page/absent")
    return known[mine], known[theirs]


def _held(other: SiteFolder) -> bool:
    """Whether the other's public root lies here already; else it is typed, from what was given on paper."""
    return (other.path / "root.pub").is_file()


def _how(desk: Desk) -> Markup:
    return element(
        "ol", [element("li", desk.phrase(f"compare_how_{step}")) for step in ("call", "read", "type")]
    )


def _digits(desk: Desk) -> Markup:
    return field(
        "digits", desk.phrase("compare_digits"), hint=desk.phrase("compare_digits_hint"),
        value=desk.typed("digits"), inputmode="numeric", autocomplete="off", pattern="[0-9 ]{32,60}", class_="digits", maxlength=60,
    )  # fmt: skip


def _key(desk: Desk) -> Markup:
    return field(
        "key",
        desk.phrase("compare_key"),
        hint=desk.phrase("compare_key_hint"),
        value=desk.typed("key"),
        autocomplete="off",
        maxlength=200,
    )
