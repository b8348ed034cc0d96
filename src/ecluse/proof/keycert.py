"""Certified keys (« certificat de clé »): the laboratory's root says whose a key is, for what, and for how long.

A person's or a site's key is believed only through such a document, signed by the root whose fingerprint was compared by voice; never
through the exchange. This module decides whether a certificate holds at a given instant; `revocation` documents are the caller's to apply.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.proof.canonical import Json, canonical_json
from ecluse.proof.keys import SigningKey, VerifyKey, fingerprint
from ecluse.proof.passkey import Passkey
from ecluse.proof.sign import sign_document, strict_json, verify_document

__all__ = ["Keycert", "certify", "read_keycert", "verify_keycert"]

_FIELDS: Final = ("subject", "role", "purpose", "key", "issuer")
_INSTANT: Final = "%Y-%m-%dT%H:%M:%SZ"
_INSTANT_TEXT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


@dataclass(frozen=True, slots=True)
class Keycert:
    """Whose a key is, for what, and until when.

    `subject` is a person's or site's id; `purpose` is as "sign" or a migration's id; `key` is as written by `VerifyKey.encode`,
    by `Passkey.encode` or by `str(Recipient)`. It holds from `not_before` until just before `not_after` (UTC). `issuer` is the root's key id.
    """

    subject: str
    role: str
    purpose: str
    key: str
    not_before: datetime
    not_after: datetime
    issuer: str

    def fingerprint(self) -> str:
        """Eight groups of four digits of the certified key."""
        return fingerprint(self.key)

    def verify_key(self) -> VerifyKey:
        """The certified key when it is a key file's. Raises Refusal `key/malformed` when it is a passkey or a recipient."""
        return VerifyKey.parse(self.key)

    def passkey(self) -> Passkey:
        """The certified key when it is a passkey. Raises Refusal `passkey/key-malformed` when it is another key."""
        return Passkey.parse(self.key)

    def check(self, *, at: datetime) -> None:
        """Raises Refusal `key/cert-early` before its period, `key/cert-expired` after (UTC)."""
        if at < self.not_before:
            raise Refusal("key/cert-early", where=self.subject, got=self.not_before.strftime(_INSTANT))
        if at >= self.not_after:
            raise Refusal("key/cert-expired", where=self.subject, got=self.not_after.strftime(_INSTANT))


def certify(
    *,
    subject: str,
    role: str,
    purpose: str,
    key: str,
    not_before: datetime,
    not_after: datetime,
    root: SigningKey,
) -> bytes:
    """The envelope by which `root` certifies `key`. Raises Refusal `key/cert-malformed` for an empty field or an empty period."""
    cert = Keycert(
        subject=subject,
        role=role,
        purpose=purpose,
        key=key,
        not_before=_whole(not_before),
        not_after=_whole(not_after),
        issuer=root.key_id,
    )
    _check(cert)
    payload: dict[str, Json] = {name: getattr(cert, name) for name in _FIELDS}
    payload |= {
        "not_before": cert.not_before.strftime(_INSTANT),
        "not_after": cert.not_after.strftime(_INSTANT),
    }
    return sign_document(canonical_json(payload), type="keycert", keys=[root])


def verify_keycert(envelope: bytes, *, root: VerifyKey, at: datetime) -> Keycert:
    """The certificate that `root` signed, if it holds at `at` (UTC).

    Raises the refusals of `read_keycert` and `Keycert.check`.
    """
    cert = read_keycert(envelope, root=root)
    cert.check(at=at)
    return cert


def read_keycert(envelope: bytes, *, root: VerifyKey) -> Keycert:
    """The certificate that `root` signed, whatever the time: to judge the past. Raises the refusals of `verify_document`, `key/cert-malformed`."""
    verified = verify_document(envelope, type="keycert", keys={"root": root})
    cert = _read(strict_json(verified.payload))
    if cert.issuer != root.key_id:
        raise Refusal("key/cert-malformed", why="its issuer is not the root that signed it")
    return cert


def _read(value: Json) -> Keycert:
    match value:
        case {
            "subject": str(subject),
            "role": str(role),
            "purpose": str(purpose),
            "key": str(key),
            "issuer": str(issuer),
            "not_before": str(not_before),
            "not_after": str(not_after),
            **more,
        } if not more:
            cert = Keycert(
                subject=subject,
                role=role,
                purpose=purpose,
                key=key,
                issuer=issuer,
                not_before=_instant(not_before),
                not_after=_instant(not_after),
            )
            _check(cert)
            return cert
    raise Refusal("key/cert-malformed", why="its fields")


def _check(cert: Keycert) -> None:
    if not all(getattr(cert, name) for name in _FIELDS):
        raise Refusal("key/cert-malformed", why="an empty field")
    if cert.not_after <= cert.not_before:
        raise Refusal("key/cert-malformed", why="a period that ends before it begins")


def _whole(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)


def _instant(text: str) -> datetime:
    if _INSTANT_TEXT.fullmatch(text):
        with suppress(ValueError):
            return datetime.strptime(text, _INSTANT).replace(tzinfo=UTC)
    raise Refusal("key/cert-malformed", why="an instant that is not YYYY-MM-DDThh:mm:ssZ")
