"""Whom a verifier believes (« politique de vérification »): a laboratory's own file, given by another way than the bundle it judges.

    {"log": "<vkey>", "quorum": 1, "roots": {"<site>": "ecluse-ed25519:..."}, "witnesses": ["<vkey>", ...]}

The ledger's policy (C2SP tlog-policy) and the sites' root keys. Decides what such a file says; comparing its keys by voice is people's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ecluse.base.refusal import Refusal
from ecluse.proof.canonical import canonical_json, strict_json
from ecluse.proof.evidence import Policy
from ecluse.proof.keys import VerifyKey

__all__ = ["Trust"]


@dataclass(frozen=True, slots=True)
class Trust:
    """The ledger's policy, and the root key of each site by its name."""

    ledger: Policy
    roots: Mapping[str, VerifyKey] = field(hash=False)

    @classmethod
    def parse(cls, octets: bytes) -> Trust:
        """From its JSON. Raises Refusal `bundle/trust-malformed`, `ledger/policy-malformed`, `ledger/note-key-malformed`, `key/malformed`."""
        content = strict_json(octets)
        roots = content.get("roots") if isinstance(content, dict) else None
        if not isinstance(content, dict) or not isinstance(roots, dict) or not roots:
            raise Refusal("bundle/trust-malformed")
        policy = {key: value for key, value in content.items() if key != "roots"}
        return cls(
            Policy.parse(canonical_json(policy)),
            {name: VerifyKey.parse(str(key)) for name, key in roots.items()},
        )

    def encode(self) -> bytes:
        """Its JSON."""
        policy = strict_json(self.ledger.encode())
        assert isinstance(policy, dict)
        return canonical_json({**policy, "roots": {name: key.encode() for name, key in self.roots.items()}})
