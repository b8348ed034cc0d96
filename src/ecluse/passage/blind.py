"""What a host that can open nothing (« hôte aveugle ») can still see of a parcel's file: that it is sealed as ours are, whole, and the one listed.

A part: an age v1 header of hybrid recipients alone, then as many octets as whole chunks take. The chunks' tags are for the recipient's key; that none is
lacking at the end is seen by the manifest, whose digest the ledger states. Decides what such a file must look like; never what it holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from io import BytesIO
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.passage.parcel import LARGEST, MANIFEST, PADDING, Manifest, PartLine, listed, part_name
from ecluse.proof import agefile
from ecluse.proof.agefile import Header, Stanza, read_header
from ecluse.proof.canonical import LIMIT
from ecluse.proof.keys import VerifyKey
from ecluse.proof.sign import claimed, verify_document

__all__ = [
    "LONGEST_HEADER",
    "check_begins_sealed",
    "check_header",
    "check_listed",
    "check_part_size",
    "check_same_parcel",
    "final_name",
    "largest",
    "line_of",
    "manifest_in",
]

LONGEST_HEADER: Final = 64 * 1024
"""Octets of a part's header: some forty recipients."""
_VERSION: Final = b"age-encryption.org/v1\n"
_CHUNK: Final = agefile.CHUNK + agefile.TAG
_WHOLE_PLAIN: Final = LARGEST + 2 * PADDING  # a body, its signed line, zeros
_LARGEST_PART: Final = LONGEST_HEADER + agefile.NONCE + _WHOLE_PLAIN // agefile.CHUNK * _CHUNK
_STANZA: Final = (1120, 32)
"""Octets of a hybrid recipient's share and wrapped key (C2SP age.md, mlkem768x25519)."""
_NAMES: Final = re.compile(
    r"(part-([0-9]{4,6})\.age|manifest\.dsse\.json)(\.filepart|\.part|(\.[0-9a-z]{8})?\.partial)?"
)
"""A parcel's file, or the name that WinSCP (`.filepart`), rclone (`.a1b2c3d4.partial`) and others give it until it is whole."""


def final_name(name: str) -> str:
    """The parcel's file that a name stands for, itself or while it comes. Raises Refusal `intake/name`, which does not repeat it."""
    match = _NAMES.fullmatch(name)
    if match is None or (match[2] and (int(match[2]) < 1 or match[1] != part_name(int(match[2])))):
        raise Refusal("intake/name")
    return match[1]


def largest(name: str) -> int:
    """The most octets that a parcel's file of this final name has."""
    return LIMIT if name == MANIFEST else _LARGEST_PART


def check_begins_sealed(first: bytes) -> None:
    """The first octets of a part, however few, are those of a sealed file. Raises Refusal `intake/not-sealed`."""
    if not (first.startswith(_VERSION) or _VERSION.startswith(first)):
        raise Refusal("intake/not-sealed")


def check_header(first: bytes) -> int:
    """The size of the header within a part's first octets. Raises Refusal `intake/not-sealed`, `seal/header-malformed`, `intake/other-recipient`."""
    check_begins_sealed(first)
    source = BytesIO(first[:LONGEST_HEADER])
    header: Header = read_header(source)
    for stanza in header.stanzas:
        if not _hybrid(stanza):
            raise Refusal("intake/other-recipient")
    return source.tell()


def _hybrid(stanza: Stanza) -> bool:
    match stanza.arguments:
        case ("mlkem768x25519", share):
            octets = agefile.from_base64(share)
            return octets is not None and (len(octets), len(stanza.body)) == _STANZA
    return False


def check_part_size(name: str, size: int, *, header: int) -> None:
    """A part of `size` octets can end there: whole chunks, as its padding makes them. Raises Refusal `intake/incomplete`."""
    payload = size - header - agefile.NONCE
    if payload <= 0 or payload % _CHUNK:
        raise Refusal("intake/incomplete", where=name, got=size)


def manifest_in(envelope: bytes, *, senders: Mapping[str, VerifyKey]) -> Manifest:
    """The manifest in these octets, signed by one of `senders`; with none told, its structure alone is judged.

    Raises Refusal `sign/...`, `parcel/manifest-malformed`.
    """
    if senders:
        return listed(verify_document(envelope, type="manifest", keys=senders))
    return listed(claimed(envelope, type="manifest"))


def check_same_parcel(
    manifest: Manifest, *, migration: str, instruction: str, stated: str, at: datetime
) -> None:
    """The manifest is the one that the ledger states for this migration. Raises Refusal `parcel/another`, `parcel/expired`."""
    said = {"migration": migration, "instruction": instruction, "digest": stated}
    for field, value in said.items():
        if getattr(manifest, field) != value:
            raise Refusal("parcel/another", where=migration, what=field)
    if datetime.fromisoformat(manifest.expires) <= at:
        raise Refusal("parcel/expired", where=migration, got=manifest.expires)


def line_of(manifest: Manifest, name: str) -> PartLine:
    """What the manifest says of a part. Raises Refusal `intake/contradicted` when it does not list it."""
    for part in manifest.parts:
        if part_name(part.number) == name:
            return part
    raise Refusal("intake/contradicted", where=name, expected=len(manifest.parts), got="-")


def check_listed(line: PartLine, *, sha256: str, size: int) -> None:
    """The part is the one of that line. Raises Refusal `intake/contradicted` with the sizes, or how the digests begin."""
    where = part_name(line.number)
    if size != line.size:
        raise Refusal("intake/contradicted", where=where, expected=line.size, got=size)
    if sha256 != line.sha256:
        raise Refusal("intake/contradicted", where=where, expected=line.sha256[:16], got=sha256[:16])
