"""What must be safe before an exchange starts, each looked at anew every time; and what a new one is made with.

Decides that an exchange does not start on an expired certificate, a key that others can read, a clock behind its own ledgers, or a private key that could open
a parcel within its reach. It refuses naming all that it found; there is no switch to go on.
"""

from __future__ import annotations

import ipaddress
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ecluse.base.refusal import Refusal
from ecluse.base.words import Sentence
from ecluse.proof.ledger import MOST_DRIFT
from ecluse.wiring.exchange import Exchange, ExchangeSettings
from ecluse.wiring.stores import unfit

__all__ = ["certificate_fingerprint", "check_start", "make_certificate", "unsafe"]

LIFE: Final = timedelta(days=397)
"""As long as browsers let a certificate live (CA/Browser Forum, 6.3.2)."""
_OPENS: Final = ("root.age", "agent.age", "keystore.sqlite")
"""Files of a laboratory's site: where one lies, a parcel could be opened."""


def check_start(served: Exchange) -> None:
    """Returns only when nothing is unsafe. Raises Refusal `exchange/unsafe` naming all that is."""
    if found := list(unsafe(served, at=served.clock())):
        raise Refusal("exchange/unsafe", got=tuple(found))


def unsafe(served: Exchange, *, at: datetime) -> Iterator[Sentence | str]:
    """Everything in the way."""
    settings = served.settings
    yield from _certificate(settings, at=at)
    for file in _secrets(settings):
        if file.is_file() and stat.S_IMODE(file.stat().st_mode) & 0o077:
            yield _said("open", where=file.relative_to(settings.home), mode="600")
    if stat.S_IMODE(settings.home.stat().st_mode) & 0o077:
        yield _said("open", where=settings.home.name, mode="700")
    for name in _OPENS:
        yield from (
            _said("opens", where=file.relative_to(settings.home)) for file in settings.home.rglob(name)
        )
    for chamber in served.chambers():
        last = None
        for entry in served.chamber(chamber).ledger.entries():
            last = entry
        if last is not None and last.time - at > MOST_DRIFT:
            yield _said("clock", where=chamber, when=last.time.isoformat())
        first = chamber == served.chambers()[0]  # one server for all of them
        yield from unfit(settings.objects, served.chamber(chamber), language=settings.language, probe=first)


def make_certificate(settings: ExchangeSettings, *, at: datetime) -> None:
    """A self-signed certificate for the exchange's name: enough where agents and people compare its fingerprint. Nothing is replaced."""
    certificate, key = settings.home / settings.https.certificate, settings.home / settings.https.key
    if certificate.exists() or key.exists():
        return
    for place in (certificate.parent, key.parent):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, settings.name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(minutes=5))
        .not_valid_after(at + LIFE)
        .add_extension(x509.SubjectAlternativeName(_names(settings)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(secret, hashes.SHA256())
    )
    key.touch(mode=0o600)
    key.write_bytes(
        secret.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))


def certificate_fingerprint(settings: ExchangeSettings) -> str:
    """SHA-256 of the certificate, as browsers show it: 32 pairs of digits. Raises Refusal `exchange/unsafe` when there is none to read."""
    octets = _read_certificate(settings).fingerprint(hashes.SHA256())
    return ":".join(f"{octet:02X}" for octet in octets)


def _names(settings: ExchangeSettings) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName(settings.name)]
    with suppress(ValueError):
        names.append(x509.IPAddress(ipaddress.ip_address(settings.https.address)))
    return names


def _secrets(settings: ExchangeSettings) -> Iterator[Path]:
    home = settings.home
    yield from (home / "secret.key", home / settings.https.key)
    yield from (home / "ssh").glob("*.key")
    yield from (home / "chambers").glob("*/log.key")


def _certificate(settings: ExchangeSettings, *, at: datetime) -> Iterator[Sentence]:
    where = settings.https.certificate
    try:
        certificate = _read_certificate(settings)
    except Refusal:
        yield _said("no_certificate", where=where)
        return
    if at < certificate.not_valid_before_utc:
        yield _said("early", where=where, when=certificate.not_valid_before_utc.isoformat())
    if at >= certificate.not_valid_after_utc:
        yield _said("expired", where=where, when=certificate.not_valid_after_utc.isoformat())
    if not (settings.home / settings.https.key).is_file():
        yield _said("absent", where=settings.https.key)


def _read_certificate(settings: ExchangeSettings) -> x509.Certificate:
    file = settings.home / settings.https.certificate
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError):
        raise Refusal(
            "exchange/unsafe", got=(_said("no_certificate", where=settings.https.certificate),)
        ) from None


def _said(what: str, **values: object) -> Sentence:
    return Sentence(f"console.unsafe_{what}", values)
