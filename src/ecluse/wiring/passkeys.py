"""Where a site keeps its persons' passkeys: public keys that its root certified, how a browser finds each again, and its counter last seen.

    laboratory-old/
      passkeys/p-1a2b3c-1.cert .toml     the certificate; the credential's id, and the counter of its last use

The private halves are in the authenticators and nowhere else. A certificate lives as long as that of a key file.
"""

from __future__ import annotations

import re
import tomllib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.people.person import Person
from ecluse.proof.enrolment import Enrolled
from ecluse.proof.keycert import Keycert, certify, read_keycert
from ecluse.proof.keys import SigningKey
from ecluse.proof.passkey import Passkey, check_counter
from ecluse.wiring.folders import SiteFolder

__all__ = ["Held", "PasskeyFolder"]

_PERSONS: Final = timedelta(days=3652)
_NUMBER: Final = re.compile(r"p-[0-9a-f]+-([0-9]+)")


@dataclass(frozen=True, slots=True)
class Held:
    """One passkey of a person: its certificate, the credential's id, and the counter it showed last."""

    stem: Path
    certificate: Keycert
    credential: bytes
    counter: int

    @property
    def key(self) -> Passkey:
        """The public key."""
        return self.certificate.passkey()


@dataclass(frozen=True, slots=True)
class PasskeyFolder:
    """The passkeys of one site's persons."""

    site: SiteFolder

    def held(self, person: str, *, at: datetime) -> list[Held]:
        """The person's passkeys whose certificates hold. Raises Refusal `sign/...`, `key/cert-malformed` for one that the root did not sign."""
        return [
            one for one in self._all(person) if one.certificate.not_before <= at < one.certificate.not_after
        ]

    def keys(self, person: str, *, at: datetime) -> tuple[Passkey, ...]:
        """Their public keys."""
        return tuple(one.key for one in self.held(person, at=at))

    def certificates(self, person: str) -> list[bytes]:
        """The envelopes of every certificate that a passkey of this person was given, for evidence."""
        return [stem.with_suffix(".cert").read_bytes() for stem in self._stems(person)]

    def add(self, person: Person, new: Enrolled, *, root: SigningKey, at: datetime) -> Held:
        """Have the root certify a new passkey for ten years. Raises Refusal `passkey/held-already`, when the site has this key already."""
        if any(new.key == one.key for one in self._all()):
            raise Refusal("passkey/held-already", where=person.id)
        folder = self.site.path / "passkeys"
        folder.mkdir(mode=0o700, exist_ok=True)
        numbers = [
            int(match[1]) for stem in self._stems(person.id) if (match := _NUMBER.fullmatch(stem.name))
        ]
        stem = folder / f"{person.id}-{max(numbers, default=0) + 1}"
        envelope = certify(
            subject=person.id,
            role=person.role.value,
            purpose="sign",
            key=new.key.encode(),
            not_before=at,
            not_after=at + _PERSONS,
            root=root,
        )
        _write(stem.with_suffix(".toml"), _written(new.credential, new.counter))
        _write(stem.with_suffix(".cert"), envelope)
        return self._read(stem)

    def count(self, held: Held, counter: int) -> None:
        """Note the counter of a use. Raises Refusal `passkey/counter-back` when it did not go on: the passkey may have been copied."""
        check_counter(counter, seen=held.counter, where=held.certificate.subject)
        _write(held.stem.with_suffix(".toml"), _written(held.credential, counter))

    def _all(self, person: str = "*") -> Iterator[Held]:
        return map(self._read, self._stems(person))

    def _stems(self, person: str) -> list[Path]:
        return sorted(file.with_suffix("") for file in (self.site.path / "passkeys").glob(f"{person}-*.cert"))

    def _read(self, stem: Path) -> Held:
        table = tomllib.loads(stem.with_suffix(".toml").read_text("utf-8"))
        cert = read_keycert(stem.with_suffix(".cert").read_bytes(), root=self.site.root)
        if cert.subject != stem.name.rpartition("-")[0]:
            raise Refusal("key/another-person", where=cert.subject)
        return Held(stem, cert, b64decode(table["credential"]), table["counter"])


def _written(credential: bytes, counter: int) -> bytes:
    return f'credential = "{b64encode(credential).decode()}"\ncounter = {counter}\n'.encode()


def _write(file: Path, octets: bytes) -> None:
    """Aside, for this account alone, then renamed over: a counter is never half written."""
    aside = file.with_suffix(".partial")
    aside.unlink(missing_ok=True)
    aside.touch(mode=0o600)
    aside.write_bytes(octets)
    aside.replace(file)
