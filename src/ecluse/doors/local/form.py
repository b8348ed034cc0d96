"""What a form posts, read strictly: short texts, and at most one file, each under one name, once.

Decides which octets are a form. The boundary of a form with a file is read by the standard library's reader of e-mail, which is one for the same format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Final
from urllib.parse import parse_qsl

from ecluse.base.refusal import Refusal

__all__ = ["LARGEST", "Form", "read_form"]

LARGEST: Final = (1 << 20) + (1 << 16)
"""Octets of the largest form: one document, and the form around it."""
_FIELDS: Final = 24


@dataclass(frozen=True, slots=True)
class Form:
    """The texts of a form by name, and its file: the name its owner gave it, and its octets."""

    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    file: tuple[str, bytes] | None = field(default=None, repr=False)

    def text(self, name: str) -> str:
        """A text, "" where it is not given."""
        return self.texts.get(name, "")


def read_form(kind: str, octets: bytes) -> Form:
    """The form in `octets`, of a media type `kind`. Raises Refusal `page/form-malformed`."""
    if kind == "application/x-www-form-urlencoded":
        return _plain(octets)
    if kind.startswith("multipart/form-data;"):
        return _with_file(kind, octets)
    raise Refusal("page/form-malformed")


def _plain(octets: bytes) -> Form:
    try:
        pairs = parse_qsl(
            octets.decode("ascii"), keep_blank_values=True, strict_parsing=bool(octets), errors="strict", max_num_fields=_FIELDS
        )  # fmt: skip
    except ValueError:
        raise Refusal("page/form-malformed") from None
    return Form(_once(pairs))


def _with_file(kind: str, octets: bytes) -> Form:
    head = f"Content-Type: {kind}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(EmailMessage, policy=policy.HTTP).parsebytes(head + octets)
    if message.defects or not message.is_multipart():
        raise Refusal("page/form-malformed")
    pairs, files = [], []
    for part in message.iter_parts():
        name, file = part.get_param("name", header="content-disposition"), part.get_filename()
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes) or part.is_multipart():
            raise Refusal("page/form-malformed")
        if file is None:
            pairs.append((name, content.decode("utf-8", "replace")))
        else:
            files.append((file, content))
    if len(pairs) > _FIELDS or len(files) > 1:
        raise Refusal("page/form-malformed")
    return Form(_once(pairs), files[0] if files else None)


def _once(pairs: list[tuple[str, str]]) -> Mapping[str, str]:
    texts = dict(pairs)
    if len(texts) != len(pairs):
        raise Refusal("page/form-malformed")
    return texts
