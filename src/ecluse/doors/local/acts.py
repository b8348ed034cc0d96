"""The page on which an act is signed: with the passphrase of the person's key file, or with their passkey; the same for every act.

Decides that an act is done by the person who sits there, with a key that their laboratory's root certified for them, and that a passkey's counter went on.
What the act is and what it takes is decided by the page that began it.
"""

from __future__ import annotations

from base64 import b64encode

from ecluse.base.refusal import Refusal
from ecluse.doors.local.desk import Answer, Desk
from ecluse.doors.local.form import Form
from ecluse.doors.local.session import Act
from ecluse.doors.local.written import button, form, hidden, secret
from ecluse.doors.pages.markup import Markup, element
from ecluse.proof.canonical import canonical_json
from ecluse.proof.encoding import from_base64
from ecluse.proof.passkey import Asserted, Assertion, challenge_of
from ecluse.proof.sign import DOCUMENT_TYPES, Signer, digest, pae, sign_document, verify_document
from ecluse.wiring.passkeys import PasskeyFolder

__all__ = ["act_page", "passkey_page", "present", "sign_by_passkey", "sign_by_passphrase", "told_failures"]


def act_page(desk: Desk, name: str) -> Answer:
    """What is about to be signed, and the two ways of signing it."""
    act = desk.session.act(name)
    held = desk.passkeys()
    by_passkey = (
        element("p", desk.link(desk.phrase("act_passkey"), "act", name, "passkey"), class_="way")
        if held
        else element(
            "p",
            desk.phrase("act_no_passkey"),
            " ",
            desk.link(desk.phrase("keys_enrol"), "keys", "new"),
            class_="soft",
        )
    )
    by_passphrase = form(
        desk.session.csrf,
        secret(
            "passphrase",
            desk.phrase("passphrase"),
            hint=desk.phrase("passphrase_hint", name=desk.person.name),
        ),
        button(desk.phrase("act_sign")),
    )
    return desk.shown(
        desk.phrase("act_title"),
        act.what,
        _signed(desk, act),
        element("h2", desk.phrase("act_with_passphrase")),
        by_passphrase,
        element("h2", desk.phrase("act_with_passkey")),
        by_passkey,
        element("p", desk.link(desk.phrase("act_back"), *act.back.split("/"))),
    )


def sign_by_passphrase(desk: Desk, given: Form, name: str) -> Answer:
    """Open the person's key file, and do the act with it."""
    act = desk.session.act(name)
    try:
        key = desk.folder.unlock_person(desk.person.id, given.text("passphrase"))
    except Refusal as refusal:
        if refusal.code == "key/wrong-passphrase":
            desk.session.wrong()
        raise
    return _done(desk, name, act, key)


def passkey_page(desk: Desk, name: str) -> Answer:
    """The page that asks the browser for the passkey."""
    act = desk.session.act(name)
    asked = form(
        desk.session.csrf,
        [hidden(field) for field in ("credential", "authenticator", "client", "signature")],
        button(desk.phrase("act_use_passkey")),
        data_passkey="get",
        data_challenge=b64encode(challenge_of(_over(act))).decode(),
        data_credentials=" ".join(b64encode(held.credential).decode() for held in desk.passkeys()),
    )
    return desk.shown(
        desk.phrase("act_title"),
        act.what,
        _signed(desk, act),
        element("p", desk.phrase("act_passkey_how")),
        asked,
        told_failures(desk),
        element("p", desk.link(desk.phrase("act_other_way"), "act", name)),
        scripted=True,
    )


def sign_by_passkey(desk: Desk, given: Form, name: str) -> Answer:
    """Verify what the passkey gave for this very act, note its counter, and do the act. Raises Refusal `passkey/...`, `page/passkey-unknown`."""
    act = desk.session.act(name)
    credential, authenticator, client, signature = (
        from_base64(given.text(field)) or b""
        for field in ("credential", "authenticator", "client", "signature")
    )
    held = next((one for one in desk.passkeys() if one.credential == credential), None)
    if held is None:
        raise Refusal("page/passkey-unknown")
    assertion = Assertion(authenticator, client, signature)
    account = held.key.check(assertion, over=_over(act))
    PasskeyFolder(desk.folder).count(held, account.counter)
    return _done(desk, name, act, Asserted(held.key, assertion))


def present(desk: Desk, signer: Signer, act: Act) -> None:
    """The person is there: what they signed to look or to compare holds, by a key of theirs. Raises Refusal `people/another-key`, `sign/...`."""
    known = desk.site().known(act.person)
    known.check_theirs(signer.public)
    envelope = sign_document(act.payload, type="presence", keys=[signer])
    verify_document(envelope, type="presence", keys={act.person: signer.public})


def presence_of(desk: Desk, *, to: str, subject: str, nonce: str) -> bytes:
    """What is signed by who looks at what only they may see, or compares a key: for this once."""
    return canonical_json(
        {"to": to, "subject": subject, "person": desk.person.id, "at": desk.at.isoformat(), "nonce": nonce}
    )


def told_failures(desk: Desk) -> Markup:
    """What the script uncovers when the browser gives nothing, or has no script or no passkeys at all."""
    return element(
        "div",
        element("p", desk.phrase("passkey_no_script"), class_="soft", id="passkey-waiting"),
        element("p", desk.phrase("passkey_failed"), id="passkey-failed", hidden=True, class_="bad"),
        role="status",
    )


def _done(desk: Desk, name: str, act: Act, signer: Signer) -> Answer:
    answer = act.done(desk, signer)
    desk.session.end(name)
    return answer


def _over(act: Act) -> bytes:
    return pae(DOCUMENT_TYPES[act.type], act.payload)


def _signed(desk: Desk, act: Act) -> Markup:
    """Whose signature, and over which bytes."""
    tongue = desk.tongue
    return tongue.card(
        [
            (desk.phrase("act_person"), tongue.person(act.person)),
            (desk.phrase("act_digest"), element("code", digest(act.payload))),
        ]
    )
