"""The parcel (« colis scellé ») and its manifest (« bordereau »): how a migration's records are sealed, numbered and listed.

    <migration>/part-0001.age ... part-NNNN.age     one record kind each, a few megabytes, sealed to the recipient
    <migration>/manifest.dsse.json                  signed by the source laboratory; no personal datum; readable by the exchange

The plaintext of a part is one signed header line (DSSE), a line feed, the body, and zeros up to a multiple of 64 KiB, so that a size tells little.
The header is inside the seal and the manifest outside: neither can be stripped, swapped or mixed between migrations (security.md 3.2).
With stock age alone: `age -d -i key part-0001.age | tail -n +2 > rows.arrow` (an Arrow IPC stream; trailing zeros are ignored by readers).
This module seals; it cannot open (`passage.handover` does, at the recipient).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import Any, Final, Literal

from ecluse.base.refusal import Refusal
from ecluse.passage.custody import Vault
from ecluse.proof.canonical import strict_json
from ecluse.proof.keys import SigningKey, VerifyKey
from ecluse.proof.seal import Recipient, seal
from ecluse.proof.sign import Verified, sign_document, verify_document

__all__ = [
    "LARGEST",
    "MANIFEST",
    "PADDING",
    "Manifest",
    "PartHeader",
    "PartLine",
    "Role",
    "Sealer",
    "listed",
    "part_name",
    "read_header",
    "read_manifest",
]

Role = Literal["statement", "records"]
MANIFEST: Final = "manifest.dsse.json"
PADDING: Final = 64 * 1024
LARGEST: Final = 256 << 20
"""A part's plaintext is at most this many octets (security.md 3.2)."""
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class PartHeader:
    """What a part says of itself, inside the seal. `size` and `sha256` are of the body alone; `rows` is 0 for a statement."""

    migration: str
    number: int
    role: Role
    kind: str
    rows: int
    size: int
    sha256: str
    instruction: str
    recipient: str
    vocabulary: int = 1


@dataclass(frozen=True, slots=True)
class PartLine:
    """What the manifest says of a part: its number, and the digest and size of the sealed file."""

    number: int
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The signed list of a parcel's parts. `digest` is that of the signed bytes; `previous` that of the manifest before, for one instruction."""

    migration: str
    instruction: str
    agreement: str
    recipient: str
    created: str
    expires: str
    sequence: int
    previous: str
    parts: tuple[PartLine, ...]
    digest: str = field(default="", compare=False)


def part_name(number: int) -> str:
    """The file name of a part."""
    return f"part-{number:04d}.age"


class Sealer:
    """Seals bodies into numbered parts in a vault, then signs the manifest. One for each migration; not shared between threads."""

    def __init__(
        self,
        vault: Vault,
        *,
        migration: str,
        instruction: str,
        agreement: str,
        recipients: Sequence[Recipient],
        key: SigningKey,
    ) -> None:
        self._vault, self._migration, self._instruction, self._agreement = (
            vault,
            migration,
            instruction,
            agreement,
        )
        self._recipients, self._key = tuple(recipients), key
        self._fingerprint = fingerprint(self._recipients)
        self.parts: list[PartLine] = []

    def seal(self, body: bytes, *, role: Role, kind: str, rows: int) -> PartLine:
        """One more part. Raises Refusal `parcel/part-too-large`, Fault `vault/disk-full`."""
        number = len(self.parts) + 1
        if len(body) > LARGEST:
            raise Refusal("parcel/part-too-large", where=kind, got=len(body), expected=LARGEST)
        header = PartHeader(
            migration=self._migration,
            number=number,
            role=role,
            kind=kind,
            rows=rows,
            size=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
            instruction=self._instruction,
            recipient=self._fingerprint,
        )
        sealed = BytesIO()
        result = seal(_plain(header, body, self._key), to=self._recipients, out=sealed)
        self._vault.put(self._migration, part_name(number), (sealed.getbuffer(),))  # type: ignore[arg-type] # a buffer is written as bytes are
        line = PartLine(number, result.sha256, result.size)
        self.parts.append(line)
        return line

    def close(self, *, created: datetime, expires: datetime, sequence: int, previous: str) -> Manifest:
        """Sign the list of the parts sealed so far and keep it beside them: from here on the parcel is whole."""
        content = {
            "migration": self._migration,
            "instruction": self._instruction,
            "agreement": self._agreement,
            "recipient": self._fingerprint,
            "created": created.isoformat(),
            "expires": expires.isoformat(),
            "sequence": sequence,
            "previous": previous,
            "parts": [
                {"number": part.number, "sha256": part.sha256, "size": part.size} for part in self.parts
            ],
        }
        envelope = sign_document(_json(content), type="manifest", keys=[self._key])
        self._vault.put(self._migration, MANIFEST, (envelope,))
        return read_manifest(envelope, sender=self._key.public)


def fingerprint(recipients: Sequence[Recipient]) -> str:
    """SHA-256 (hex) of the recipients' public keys, in order: how a header and a manifest name whom they are sealed to."""
    return hashlib.sha256(b"\n".join(str(recipient).encode() for recipient in recipients)).hexdigest()


def read_manifest(envelope: bytes, *, sender: VerifyKey) -> Manifest:
    """The manifest in these signed bytes. Raises Refusal `sign/...` when not the sender's, `parcel/manifest-malformed`."""
    return listed(verify_document(envelope, type="manifest", keys={sender.key_id: sender}))


def listed(document: Verified) -> Manifest:
    """The manifest that a document tells, whoever signed it: a host that knows no key reads what `sign.claimed` gave. Raises `parcel/manifest-malformed`."""
    content: Any = strict_json(document.payload)
    try:
        parts = tuple(PartLine(**part) for part in content.pop("parts"))
        manifest = Manifest(**content, parts=parts, digest=document.digest)
    except (KeyError, TypeError, AttributeError):
        raise Refusal("parcel/manifest-malformed") from None
    numbers = [part.number for part in parts]
    if not parts or numbers != list(range(1, len(parts) + 1)) or not _typed(manifest):
        raise Refusal("parcel/manifest-malformed")
    return manifest


def _typed(manifest: Manifest) -> bool:
    """Whether each field is of its type: a host holds strangers' manifests too."""
    texts = (manifest.migration, manifest.instruction, manifest.agreement, manifest.recipient)
    whole = (manifest.sequence, *(number for part in manifest.parts for number in (part.number, part.size)))
    return (
        all(type(text) is str for text in (*texts, manifest.previous))
        and all(type(number) is int and number >= 0 for number in whole)
        and all(type(part.sha256) is str and _SHA256.fullmatch(part.sha256) for part in manifest.parts)
        and all(_instant(text) for text in (manifest.created, manifest.expires))
    )


def _instant(text: object) -> bool:
    try:
        return datetime.fromisoformat(str(text)).tzinfo is not None
    except ValueError:
        return False


def read_header(line: bytes, *, sender: VerifyKey) -> PartHeader:
    """The header in a part's first line. Raises Refusal `sign/...`, `parcel/header-malformed`."""
    verified = verify_document(line, type="part", keys={sender.key_id: sender})
    try:
        content: Any = strict_json(verified.payload)
        return PartHeader(**content)
    except TypeError:
        raise Refusal("parcel/header-malformed") from None


def _plain(header: PartHeader, body: bytes, key: SigningKey) -> Iterator[bytes]:
    content = {name: getattr(header, name) for name in PartHeader.__slots__}
    line = sign_document(_json(content), type="part", keys=[key])
    yield line
    yield b"\n"
    yield body
    yield bytes(-(len(line) + 1 + len(body)) % PADDING)


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
