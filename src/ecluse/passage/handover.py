"""The hand-over (« remise »): the recipient takes a parcel and verifies it whole before the target may open.

Numbered steps, the same in the docs and in `ecluse verify`:

 1. the manifest is signed by the source laboratory
 2. it is of this migration, this instruction and this recipient, in sequence, and not expired
 3. every part it lists is there, and nothing else
 4. every sealed part has the listed size and SHA-256
 5. each part opens with the recipient's key up to its final chunk
 6. its header, signed by the source laboratory, says the same migration, number, instruction and recipient
 7. its body has the header's size and SHA-256, followed by nothing but padding

Steps 1 to 4 pass for all parts before any part is opened, steps 5 to 7 for a part before any of its rows is seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ecluse.base.refusal import Refusal
from ecluse.passage.custody import Vault, digest_of
from ecluse.passage.parcel import (
    MANIFEST,
    Manifest,
    PartHeader,
    PartLine,
    part_name,
    read_header,
    read_manifest,
)
from ecluse.proof.keys import VerifyKey
from ecluse.proof.unseal import Opener, unseal

__all__ = ["Part", "check_parcel", "open_part"]


@dataclass(frozen=True, slots=True)
class Part:
    """A part opened and verified: its header and its body."""

    header: PartHeader
    body: bytes


def check_parcel(
    vault: Vault,
    migration: str,
    *,
    sender: VerifyKey,
    instruction: str,
    recipient: str,
    sequence: int,
    previous: str,
    at: datetime,
) -> Manifest:
    """Steps 1 to 4: the parcel is the one expected and is whole. Raises Refusal `sign/...`, `parcel/...`, `vault/absent`."""
    with vault.open(migration, MANIFEST) as file:
        manifest = read_manifest(file.read(), sender=sender)  # step 1
    expected = {
        "migration": migration,
        "instruction": instruction,
        "recipient": recipient,
        "sequence": sequence,
        "previous": previous,
    }
    for name, value in expected.items():  # step 2
        if getattr(manifest, name) != value:
            raise Refusal("parcel/another", where=migration, what=name)
    if datetime.fromisoformat(manifest.expires) <= at:
        raise Refusal("parcel/expired", where=migration, got=manifest.expires)
    names = [part_name(part.number) for part in manifest.parts]  # step 3
    strangers = set(vault.names(migration)) ^ {MANIFEST, *names}
    if strangers:
        raise Refusal("parcel/parts-differ", where=migration, got=", ".join(sorted(strangers)))
    for part in manifest.parts:  # step 4
        if digest_of(vault, migration, part_name(part.number)) != (part.sha256, part.size):
            raise Refusal("parcel/part-altered", where=f"{migration}/{part_name(part.number)}")
    return manifest


def open_part(
    vault: Vault, manifest: Manifest, line: PartLine, *, sender: VerifyKey, identities: Sequence[Opener]
) -> Part:
    """Steps 5 to 7 for one part. Raises Refusal `unseal/...`, `sign/...`, `parcel/...`; nothing of it is used before."""
    where = f"{manifest.migration}/{part_name(line.number)}"
    with vault.open(manifest.migration, part_name(line.number)) as file:
        plain = b"".join(unseal(file, identities=identities))  # step 5
    first, newline, rest = plain.partition(b"\n")
    header = read_header(first, sender=sender)  # step 6
    said = (header.migration, header.number, header.instruction, header.recipient)
    if not newline or said != (manifest.migration, line.number, manifest.instruction, manifest.recipient):
        raise Refusal("parcel/another", where=where, what="header")
    body, padding = rest[: header.size], rest[header.size :]  # step 7
    if len(body) != header.size or hashlib.sha256(body).hexdigest() != header.sha256 or padding.strip(b"\0"):
        raise Refusal("parcel/part-altered", where=where)
    return Part(header, body)
