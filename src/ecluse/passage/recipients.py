"""The recipient's key (« clé du destinataire »): made for one passage at the target, certified there, compared by the source.

Decides how a certificate is noted and found again. That a compared and certified key is needed before anything leaves is decided by `authority`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ecluse.base.refusal import Refusal
from ecluse.passage.acts import RECIPIENT_CERTIFIED, RECIPIENT_COMPARED
from ecluse.passage.site import Site
from ecluse.people.person import check_may
from ecluse.people.role import Permission
from ecluse.proof.keycert import Keycert, certify, verify_keycert
from ecluse.proof.keys import SigningKey
from ecluse.proof.sign import verify_document

__all__ = [
    "RecipientKey",
    "certified",
    "certify_recipient",
    "note_compared",
    "recipients",
]


@dataclass(frozen=True, slots=True)
class RecipientKey:
    """One certified key: the digest of its certificate, what the certificate says, whether a source compared it."""

    certificate: str
    keycert: Keycert
    compared: bool


def certify_recipient(site: Site, name: str, *, root: SigningKey, until: datetime) -> RecipientKey:
    """Make the key `name` in this site's keystore and certify it. Raises Refusal `key/already-held`."""
    at = site.clock()
    recipient = site.keys.create(name)
    envelope = certify(
        subject=site.name,
        role="recipient",
        purpose=name,
        key=str(recipient),
        not_before=at,
        not_after=until,
        root=root,
    )
    certificate = verify_document(envelope, type="keycert", keys={"root": root.public}).digest
    site.documents.put(envelope, digest=certificate)
    site.record(RECIPIENT_CERTIFIED, by=site.name, subject=site.name, body={"certificate": certificate})
    return RecipientKey(certificate, certified(site, certificate, at=at), compared=False)


def certified(site: Site, certificate: str, *, at: datetime) -> Keycert:
    """What a certificate says, if a root this site compared signed it. Raises Refusal `recipient/not-certified`, `key/...`."""
    envelope = site.documents.get(certificate)
    for root in site.roots.values():
        try:
            return verify_keycert(envelope, root=root, at=at)
        except Refusal as refusal:
            if not refusal.code.startswith("sign/"):
                raise
    raise Refusal("recipient/not-certified", where=certificate)


def note_compared(site: Site, certificate: str, *, by: str, subject: str) -> None:
    """Note that a person of this site compared the certificate's fingerprint. Raises Refusal `people/may-not`."""
    check_may(site.known(by).person, Permission.SIGN_INSTRUCTION)
    site.record(RECIPIENT_COMPARED, by=by, subject=subject, body={"certificate": certificate})


def recipients(site: Site) -> list[RecipientKey]:
    """Every certificate noted that this site can verify now, oldest first."""
    compared = {body["certificate"] for body in site.bodies(RECIPIENT_COMPARED)}
    noted = dict.fromkeys(
        str(body["certificate"])
        for act in (RECIPIENT_CERTIFIED, RECIPIENT_COMPARED)
        for body in site.bodies(act)
    )
    found = []
    for certificate in noted:
        try:
            found.append(
                RecipientKey(
                    certificate, certified(site, certificate, at=site.clock()), certificate in compared
                )
            )
        except Refusal:
            continue  # expired, or of a laboratory not compared: it opens nothing, and says so when it is named
    return found
