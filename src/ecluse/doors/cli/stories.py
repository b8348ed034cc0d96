"""What a page tells of one migration, gathered from the ledger and the signed documents.

Decides where each part is found, and that only verified bytes are shown. What is said of them is decided by `ecluse.doors.pages`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ecluse.base.refusal import Refusal
from ecluse.doors.pages.story import Story, reconciliation_of
from ecluse.passage.acts import RECONCILIATION_SIGNED
from ecluse.passage.authority import signed_instruction
from ecluse.passage.migration import Act
from ecluse.proof.sign import Verified, verify_document

if TYPE_CHECKING:
    from ecluse.passage.site import Site

__all__ = ["report_of", "signed", "story_of"]


def story_of(site: Site, name: str) -> Story:
    """The story of a migration as this site can verify it. Raises Refusal `sign/...`, `document/absent`."""
    drafted = site.bodies(Act.DRAFT.value, subject=name)
    if not drafted:
        raise Refusal("migration/unknown", where=name)
    compared = site.bodies(RECONCILIATION_SIGNED, subject=name)
    erased = site.bodies(Act.ERASE.value, subject=name)
    return Story(
        name=name,
        events=tuple(site.journal.events()),
        instruction=signed_instruction(site, str(drafted[0]["instruction"]))[0],
        reconciliation=reconciliation_of(signed(site, "reconciliation", compared[-1]["document"]).payload)
        if compared
        else None,
        certificate=json.loads(signed(site, "erasure", erased[-1]["document"]).payload) if erased else None,
        people={person: known.person.name for person, known in site.people.items()},
    )


def report_of(site: Site, name: str, *, language: str, bundle: str = "") -> str:
    """The report's page."""
    from ecluse.doors.pages.report import report_page

    return report_page(story_of(site, name), language=language, at=site.clock(), bundle=bundle)


def signed(site: Site, kind: str, document: object) -> Verified:
    """A document that at least one of the two sites' machines signed, with those whose signatures hold. Raises Refusal `sign/...`."""
    return verify_document(site.documents.get(str(document)), type=kind, keys=dict(site.agents))
