"""What a server's refusal means, without what it says: its OperationOutcome may repeat the very values it complains of.

Decides, by the codes of the issues (R4, "IssueType") and the status of the answer, which of the short list of reasons a row was refused for, and tells
it from a server that failed. No text of the answer is kept.
"""

from __future__ import annotations

from typing import Final

from ecluse.adapters.connectors.fhir.elements import Element
from ecluse.adapters.connectors.fhir.server import Answer
from ecluse.base.refusal import Fault
from ecluse.passage.load import RowsRefused

__all__ = ["refused_by", "said_of"]

REASONS: Final = {
    "required": "not-null", "duplicate": "unique", "multiple-matches": "unique", "conflict": "unique", "not-found": "foreign-key",
    "deleted": "foreign-key", "too-long": "too-long", "too-costly": "too-long", "value": "type", "structure": "type", "invalid": "type",
    "code-invalid": "type", "extension": "type", "not-supported": "type", "invariant": "check", "business-rule": "check",
}  # fmt: skip
"""By IssueType; `processing` and the rest say nothing that could be told: `other`."""

STATUSES: Final = {409: "unique", 412: "unique", 413: "too-long"}
REFUSALS: Final = frozenset({400, 404, 409, 410, 412, 413, 422})


def refused_by(answer: Answer) -> str | None:
    """The reason why a transaction was refused, by the whole answer or by one of its entries; none where it was done."""
    outcome = answer.element()
    if not answer.good:
        return _reason(outcome) or STATUSES.get(answer.status, "other")
    entries = outcome.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        response = entry.get("response") if isinstance(entry, dict) else None
        status = response.get("status") if isinstance(response, dict) else None
        if isinstance(status, str) and not status.startswith("2"):
            told = response.get("outcome") if isinstance(response, dict) else None
            return (_reason(told) if isinstance(told, dict) else None) or "other"
    return None


def said_of(answer: Answer, reason: str, *, where: str) -> RowsRefused | Fault:
    """The refusal of rows, or the fault of a server, that an answer is."""
    if answer.good or answer.status in REFUSALS:
        return RowsRefused("target/rows-refused", where=where, reason=reason)
    return Fault("target/failed", where=where, got=f"HTTP {answer.status}")


def _reason(outcome: Element) -> str | None:
    issues = outcome.get("issue")
    for issue in issues if isinstance(issues, list) else ():
        if isinstance(issue, dict) and issue.get("severity") in ("error", "fatal"):
            code = issue.get("code")
            if isinstance(code, str) and code in REASONS:
                return REASONS[code]
    return None
