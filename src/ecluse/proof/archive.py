"""The archive a laboratory keeps (« archive de portabilité »): what lies outside its seal, and the signed manifest that binds it.

    README.txt  archive.tar.age  evidence.zip  manifest.dsse.json

Nothing outside the seal tells of a patient: counts, dates and digests only, and no digest of one document, which would confirm it to whoever has
another copy. What is inside is bound by the digest of its list (`SHA256SUMS`) and by that of the sealed file. Decides the layout and what a
manifest says; `inspection.archive` judges an archive, `adapters.archive` writes one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ecluse.base.refusal import Refusal
from ecluse.proof.canonical import canonical_json, strict_json

__all__ = [
    "BOUND",
    "EVIDENCE",
    "FOLDER",
    "LIST",
    "MANIFEST",
    "NAMES",
    "README",
    "SEALED",
    "ArchiveManifest",
    "File",
    "check_layout",
    "is_archive",
]

README: Final = "README.txt"
SEALED: Final = "archive.tar.age"
EVIDENCE: Final = "evidence.zip"
MANIFEST: Final = "manifest.dsse.json"
BOUND: Final = (README, SEALED, EVIDENCE)
"""What the manifest binds by its digest."""
NAMES: Final = frozenset({*BOUND, MANIFEST})
FOLDER: Final = "archive"
"""The folder that everything inside the seal lies in."""
LIST: Final = "SHA256SUMS"
"""The list inside, in the order of the tar, itself last and not in it."""

_VERSION: Final = 1
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_TEXTS: Final = ("at", "by", "format", "instruction", "migration", "reconciliation", "sums", "tool")


@dataclass(frozen=True, slots=True)
class File:
    """One file: its size in octets and its SHA-256, 64 hexadecimal digits."""

    octets: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ArchiveManifest:
    """What the signer says of an archive.

    `at`: ISO instant; `by`: the person's id; `instruction`, `reconciliation`: digests of signed documents; `sums`: SHA-256 of `SHA256SUMS`;
    `records`: how many of each kind; `documents`: how many files of documents; `inside`: how many files the seal holds, the list apart.
    """

    migration: str
    instruction: str
    reconciliation: str
    at: str
    by: str
    tool: str
    format: str
    sums: str
    inside: int
    documents: int
    records: Mapping[str, int] = field(hash=False)
    recipients: tuple[str, ...]
    files: Mapping[str, File] = field(hash=False)

    def encode(self) -> bytes:
        """As signed: canonical JSON."""
        return canonical_json(
            {
                "archive": _VERSION,
                **{name: getattr(self, name) for name in _TEXTS},
                "inside": self.inside,
                "documents": self.documents,
                "records": dict(self.records),
                "recipients": list(self.recipients),
                "files": {
                    name: {"octets": it.octets, "sha256": it.sha256} for name, it in self.files.items()
                },
            }
        )

    @classmethod
    def decode(cls, payload: bytes) -> ArchiveManifest:
        """The inverse of `encode`. Raises Refusal `archive/manifest-malformed`, `sign/json-malformed`."""
        match strict_json(payload):
            case {
                "archive": 1,
                "inside": int(inside),
                "documents": int(documents),
                "records": Mapping() as records,
                "recipients": [*recipients],
                "files": Mapping() as files,
                **texts,
            } if set(texts) == set(_TEXTS) and set(files) == set(BOUND):
                pass
            case _:
                raise _malformed("its fields")
        said = [*texts.values(), *recipients]
        if not all(isinstance(text, str) for text in said) or not all(
            map(_count, (inside, documents, *records.values()))
        ):
            raise _malformed("its values")
        found: dict[str, Any] = {str(name): text for name, text in texts.items()}
        return cls(
            **found,
            inside=inside,
            documents=documents,
            records={str(kind): int(str(rows)) for kind, rows in records.items()},
            recipients=tuple(map(str, recipients)),
            files={str(name): _file(it) for name, it in files.items()},
        )


def is_archive(place: Path) -> bool:
    """Whether this folder is an archive, whole or not, and no bundle of evidence."""
    return place.is_dir() and any((place / name).exists() for name in (SEALED, MANIFEST))


def check_layout(place: Path) -> None:
    """Raise Refusal `archive/layout` unless these files, all of them and no other, are there, none of them a link."""
    there = {path.name for path in place.iterdir() if path.is_file() and not path.is_symlink()}
    others = sum(path.name not in there for path in place.iterdir())
    if there != NAMES or others:
        raise Refusal(
            "archive/layout",
            where=place.name,
            lacking=", ".join(sorted(NAMES - there)) or "-",
            count=len(there - NAMES) + others,
        )


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _file(content: object) -> File:
    match content:
        case {"octets": int(octets), "sha256": str(sha256), **more} if not more and _DIGEST.fullmatch(sha256):
            return File(octets, sha256)
    raise _malformed("a file's line")


def _malformed(why: str) -> Refusal:
    return Refusal("archive/manifest-malformed", why=why)
