"""What a refusal becomes on the wire: a status, and `{"code": ..., "values": {...}, "message": {...}}`, by which the client raises it again.

Decides the status of each code. A rule that said no is the caller's to mend (4xx); only a fault of the world is 503, to be tried again.
"""

from __future__ import annotations

from typing import Any, Final

from ecluse.base.refusal import Fault, Refusal
from ecluse.base.words import LANGUAGES

__all__ = ["refused", "status_of"]

_STATUS: Final = {
    "session/needed": 401,
    "session/refused": 401,
    "api/unknown": 404,
    "api/malformed": 400,
    "api/method": 405,
    "api/too-large": 413,
    "api/range": 416,
    "api/too-many": 429,
    "api/version": 412,
    "chamber/unknown": 404,
    "chamber/not-theirs": 403,
    "document/absent": 404,
    "migration/unknown": 404,
    "vault/absent": 404,
    "vault/name": 404,
    "vault/exists": 409,
    "chamber/takes-none": 409,
    "chamber/gives-none": 409,
    "chamber/keeps": 409,
    "document/fewer-signatures": 409,
    "migration/not-now": 409,
    "migration/gate-open": 409,
    "ledger/concurrent": 409,
    "ledger/body-too-large": 413,
}


def status_of(said: Refusal | Fault) -> int:
    """The HTTP status (RFC 9110) of what was said."""
    return _STATUS.get(said.code, 503 if isinstance(said, Fault) else 422)


def refused(said: Refusal | Fault) -> dict[str, Any]:
    """The body that tells it: values as they were given, and the sentence for whoever has no table."""
    return {
        "code": said.code,
        "values": {
            name: value if isinstance(value, int | str) else str(value) for name, value in said.values.items()
        },
        "message": {language: said.message(language) for language in LANGUAGES},
    }
