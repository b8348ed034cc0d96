"""Keys: this laboratory's fingerprint to read aloud, the passkeys of the person who sits there, and a new one certified by the root.

Decides that a passkey is enrolled by the person and certified at once, by whoever types the root's passphrase; and shows no private half of anything.
"""

from __future__ import annotations

import secrets
from base64 import b64encode

from ecluse.base.refusal import Refusal
from ecluse.base.words import day
from ecluse.doors.local.acts import told_failures
from ecluse.doors.local.desk import Answer, Desk
from ecluse.doors.local.form import Form
from ecluse.doors.local.written import button, form, hidden, secret
from ecluse.doors.pages.markup import element
from ecluse.doors.pages.tongue import Column
from ecluse.proof.encoding import from_base64
from ecluse.proof.enrolment import ALGORITHMS, enrolled
from ecluse.proof.passkey import RP_ID
from ecluse.wiring.cards import write_card
from ecluse.wiring.passkeys import PasskeyFolder

__all__ = ["enrol", "enrol_page", "keys_page"]


def keys_page(desk: Desk) -> Answer:
    """The fingerprints, and the passkeys."""
    language, tongue, held = desk.session.language, desk.tongue, desk.passkeys()
    roots = [
        (folder.name, element("code", folder.root.fingerprint()))
        for folder in map(desk.workspace.folder, desk.sides)
    ]
    rows = [
        (str(number), one.key.algorithm.upper(), element("code", one.certificate.fingerprint()), day(one.certificate.not_after, language))
        for number, one in enumerate(held, 1)
    ]  # fmt: skip
    columns = [
        Column(desk.phrase(f"column_{name}")) for name in ("number", "algorithm", "fingerprint", "until")
    ]
    return desk.shown(
        desk.phrase("keys_title"),
        desk.phrase("keys_under"),
        element("h2", desk.phrase("keys_roots")),
        element("p", desk.phrase("keys_roots_how")),
        tongue.card(roots),
        element("h2", desk.phrase("keys_passkeys", name=desk.person.name)),
        tongue.table(desk.phrase("keys_caption"), columns, rows) if rows else element("p", desk.phrase("keys_none"), class_="soft"),
        element("p", desk.link(desk.phrase("keys_enrol"), "keys", "new"), class_="way"),
    )  # fmt: skip


def enrol_page(desk: Desk) -> Answer:
    """A new passkey: the browser makes it, the root certifies it."""
    desk.session.challenge = secrets.token_bytes(32)
    person, folder = desk.person, desk.folder
    asked = form(
        desk.session.csrf,
        [hidden(field) for field in ("authenticator", "client")],
        secret(
            "root", desk.phrase("root_passphrase", site=folder.name), hint=desk.phrase("root_passphrase_hint")
        ),
        button(desk.phrase("enrol_go")),
        data_passkey="create",
        data_challenge=b64encode(desk.session.challenge).decode(),
        data_credentials=" ".join(b64encode(held.credential).decode() for held in desk.passkeys()),
        data_site=RP_ID,
        data_user=b64encode(person.id.encode()).decode(),
        data_name=f"{person.name} ({folder.name})",
        data_algorithms=" ".join(map(str, ALGORITHMS)),
    )
    return desk.shown(
        desk.phrase("enrol_title"),
        desk.phrase("enrol_under", name=person.name),
        element("p", desk.phrase("enrol_how")),
        asked,
        told_failures(desk),
        element("p", desk.link(desk.phrase("enrol_back"), "keys")),
        scripted=True,
    )


def enrol(desk: Desk, given: Form) -> Answer:
    """Read the new passkey, and have the root certify it. Raises Refusal `passkey/...`, `key/wrong-passphrase`, `settings/words-not-typed-back`."""
    challenge, desk.session.challenge = desk.session.challenge, b""
    if not challenge:
        raise Refusal("page/act-over")
    authenticator, client = (from_base64(given.text(field)) or b"" for field in ("authenticator", "client"))
    new = enrolled(authenticator=authenticator, client=client, challenge=challenge)
    folder = desk.folder
    try:
        root = folder.unlock_root(given.text("root"))
    except Refusal as refusal:
        if refusal.code == "key/wrong-passphrase":
            desk.session.wrong()
        raise
    PasskeyFolder(folder).add(desk.person, new, root=root, at=desk.at)
    if desk.workspace.settings.chamber:  # the other laboratory learns of it by the site's card
        write_card(folder, root=root, at=desk.at)
    desk.session.told.append(desk.phrase("enrolled"))
    return desk.go("keys")
