"""What `--json` gives for each verb: the keys of its one object, stable, documented in docs/reference/commands.md.

A refusal gives {"refusal": {code, exit, message, rule, hint, retry}} instead. A verb that shows anything else fails its own test.
"""

from __future__ import annotations

from typing import Final

__all__ = ["SHOWN"]

_STEP: Final = ("migration", "dry_run", "result")

SHOWN: Final[dict[str, tuple[str, ...]]] = {
    "serve": ("url", "fingerprint", "link"),
    "exchange chamber": ("chamber", "fingerprint"),
    "exchange invite": ("link",),
    "init": ("home", "file", "dry_run"),
    "site new": ("site", "fingerprint", "words", "dry_run"),
    "site confirm": ("site", "confirmed", "dry_run"),
    "site recover": ("site", "dry_run"),
    "site renew": ("site", "until", "dry_run"),
    "site show": ("site", "fingerprint", "key", "confirmed", "peers"),
    "site compare": ("site", "peer", "dry_run"),
    "person add": ("id", "role", "site", "dry_run"),
    "person list": ("people",),
    "agreement new": ("file", "text", "dry_run"),
    "agreement check": ("digest", "complete", "found", "mentions"),
    "agreement sign": ("digest", "in_force", "dry_run"),
    "codes draft": ("file", "text", "dry_run"),
    "codes check": ("digest", "classified", "revealing", "unclassified"),
    "codes propose": (
        "file",
        "text",
        "codes",
        "likely",
        "unproposed",
        "undecided",
        "targets",
        "unnamed",
        "dry_run",
    ),
    "codes review": ("decided", "undecided"),
    "codes sign": ("digest", "in_force", "dry_run"),
    "mapping list": ("mappings",),
    "mapping show": ("name", "text"),
    "mapping draft": ("file", "text"),
    "mapping check": ("system", "digest", "kinds", "mistakes"),
    "mapping page": ("file", "digest"),
    "profile": ("system", "dialect", "skipped", "tables"),
    "recipient new": ("certificate", "fingerprint", "until", "dry_run"),
    "recipient show": ("recipients",),
    "recipient compare": ("certificate", "dry_run"),
    "instruction draft": ("file", "text", "dry_run"),
    "instruction show": ("digest", "sections"),
    "instruction sign": ("digest", "in_force", "dry_run"),
    "instruction verify": ("digest", "id", "signers"),
    "instruction revoke": ("digest", "stopped", "dry_run"),
    "plan": ("instruction", "patients", "octets", "kinds", "grants", "sql"),
    "lock status": ("open", "instruction", "id", "until", "lamps", "account", "migrations"),
    "run": ("migration", "state", "done", "left", "dry_run"),
    "extract": _STEP,
    "deposit": _STEP,
    "hand-over": _STEP,
    "load": _STEP,
    "reconcile": _STEP,
    "erase": _STEP,
    "rollback": ("migration", "to", "removed", "dry_run"),
    "accept": ("migration", "document", "dry_run"),
    "rejects list": ("migration", "rows", "reasons"),
    "rejects replay": ("migration", "written", "left", "dry_run"),
    "sample": ("migration", "patients", "verdicts", "risks", "differing", "dry_run"),
    "report": ("migration", "file", "state", "unexplained", "dry_run"),
    "bundle": ("bundle", "policy", "files", "octets", "dry_run"),
    "verify": ("holds", "trusted", "steps"),
    "agent page": ("address",),
    "archive make": ("archive", "migration", "files", "octets", "documents", "records", "dry_run"),
    "archive open": ("folder", "files", "octets"),
    "archive check": ("holds", "trusted", "steps"),
    "demo": ("folder", "migration", "unexplained", "kinds", "bundle", "dry_run"),
    "ledger show": ("entries", "shown"),
    "doctor": ("well", "checks"),
    "invent": ("patients", "seed", "rows", "dry_run"),
}
