"""Signing the documents a migration rests on: agreement, classification of codes, code map, instruction.

A person signs the exact bytes with their own key. Once those whom the document needs have signed, the ledger notes it: from then on it is in force.
Decides who may sign what and when that is enough; what the documents must hold is decided by `terms`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.passage.acts import AGREEMENT_SIGNED, CODE_MAP_SIGNED, CODES_SIGNED, INSTRUCTION_SIGNED
from ecluse.passage.authority import document_signers
from ecluse.passage.site import Site
from ecluse.people.person import Person, check_may, distinct
from ecluse.people.role import Permission
from ecluse.proof.sign import Signer, add_signature, digest, sign_document
from ecluse.terms import agreement as agreements
from ecluse.terms import code_map, codes
from ecluse.terms import instruction as instructions
from ecluse.terms.vocabulary import vocabulary

__all__ = ["ACTS", "PERMISSIONS", "check_usable", "sign"]

PERMISSIONS: Final[Mapping[str, Permission]] = {
    "agreement": Permission.SIGN_AGREEMENT,
    "codes": Permission.SIGN_CODES,
    "code-map": Permission.SIGN_CODES,
    "instruction": Permission.SIGN_INSTRUCTION,
}
"""Which permission signing each kind of document takes."""

ACTS: Final[Mapping[str, str]] = {
    "agreement": AGREEMENT_SIGNED,
    "codes": CODES_SIGNED,
    "code-map": CODE_MAP_SIGNED,
    "instruction": INSTRUCTION_SIGNED,
}
"""What the ledger calls each document's coming into force."""


def sign(site: Site, name: str, payload: bytes, *, by: str, key: Signer) -> tuple[str, bool]:
    """Sign a document; its digest, and whether it is now in force. Signed twice by one person, it stays as it was.

    Raises Refusal `people/may-not`, `people/another-key`, and those of the document's own grammar: what could not be used is not signed.
    """
    known = site.known(by)
    check_may(known.person, PERMISSIONS[name])
    known.check_theirs(key.public)
    body = check_usable(site, name, payload, signer=known.person)
    document = digest(payload)
    site.documents.put(_envelope(site, name, payload, document, key), digest=document)
    if not _enough(name, payload, document_signers(site, name, document)):
        return document, False
    act = ACTS[name]
    if document not in [noted["document"] for noted in site.bodies(act)]:
        site.record(act, by=by, subject=str(body.pop("subject")), body={"document": document, **body})
    return document, True


def check_usable(site: Site, name: str, payload: bytes, *, signer: Person) -> dict[str, str | int]:
    """The document is one that could be used; what the ledger will say of it. Raises the refusals of the document's own grammar."""
    at = site.clock()
    if name == "agreement":
        agreements.parse(payload, at=at, vocabulary=vocabulary())
        return {"subject": "agreement"}
    if name == "codes":
        codes.parse(payload, vocabulary=vocabulary(), signers=[signer])
        return {"subject": "codes"}
    if name == "code-map":
        return {"subject": "code-map", "mapped": len(code_map.parse(payload, signers=[signer]).targets)}
    ordered = instructions.parse(payload, vocabulary=vocabulary())
    if at >= ordered.limits.not_after:
        raise Refusal(
            "instruction/expired",
            where=ordered.id,
            got=at.isoformat(),
            expected=ordered.limits.not_after.isoformat(),
        )
    return {"subject": ordered.id, "version": ordered.version, "supersedes": ordered.supersedes or ""}


def _envelope(site: Site, name: str, payload: bytes, document: str, key: Signer) -> bytes:
    try:
        return add_signature(site.documents.get(document), key)
    except Refusal as refusal:
        if refusal.code == "sign/already-signed":
            return site.documents.get(document)
        if refusal.code != "document/absent":
            raise
    return sign_document(payload, type=name, keys=[key])


def _enough(name: str, payload: bytes, signers: tuple[Person, ...]) -> bool:
    if name in ("codes", "code-map"):
        return True
    if name == "instruction":
        threshold = instructions.parse(payload, vocabulary=vocabulary()).threshold
        return len(distinct(signers)) >= threshold
    try:
        agreements.check_signers(signers)
    except Refusal:
        return False
    return True
