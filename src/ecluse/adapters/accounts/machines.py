"""Machines of an exchange: a site's agent, known by one key, in one chamber. Each act stands in the chamber's ledger.

Decides how a machine is enrolled and ended. Which key it is was compared by a person with the machine's own screen: a key is not believed because it came
through here.
"""

from __future__ import annotations

from typing import Final

from ecluse.adapters.accounts.chambers import Chambers
from ecluse.adapters.accounts.models import Account, Machine
from ecluse.base.refusal import Refusal
from ecluse.people.machine import MachineAccount
from ecluse.proof.keys import VerifyKey

__all__ = ["MachineAccounts", "end_machine", "enrol_machine", "find_machine"]

ENROLLED: Final = "machine.enrolled"
ENDED: Final = "machine.ended"


def enrol_machine(
    served: Chambers,
    *,
    chamber: str,
    by: Account,
    site: str,
    key: str,
    fingerprint: str,
    migration: str = "",
) -> Machine:
    """Enrol a machine by its public key, whose fingerprint the person typed as they read it at the machine.

    Raises Refusal `key/malformed`, `machine/fingerprint-differs`, `machine/exists`, `chamber/unknown`.
    """
    public = VerifyKey.parse(key.strip())
    typed = "".join(fingerprint.split())
    if typed != "".join(public.fingerprint().split()):
        raise Refusal("machine/fingerprint-differs")
    if Machine.objects.filter(key=public.encode()).exists():
        raise Refusal("machine/exists", where=site)
    body = {"site": site, "key": public.key_id, "migration": migration}
    served.chamber(chamber).record(ENROLLED, by=by.person, subject=site, body=body)
    return Machine.objects.create(
        key=public.encode(),
        site=site,
        chamber=chamber,
        migration=migration,
        enrolled_by=by,
        enrolled_at=served.clock(),
    )


def find_machine(key: VerifyKey) -> Machine | None:
    """The living machine of this key, enrolled by somebody whose account lives or has merely ended since: None when it was ended."""
    found: Machine | None = Machine.objects.filter(key=key.encode(), ended_at=None).first()
    return found


class MachineAccounts:
    """`people.machine.Machines` in the accounts' tables."""

    def enrolled(self, key: str) -> MachineAccount | None:
        """See `Machines.enrolled`."""
        public = VerifyKey.parse(key)
        found = find_machine(public)
        return found and MachineAccount(public, found.site, found.chamber, found.migration)


def end_machine(served: Chambers, machine: Machine, *, by: Account) -> None:
    """End a machine: it is known no more from now on."""
    served.chamber(machine.chamber).record(ENDED, by=by.person, subject=machine.site, body={})
    machine.ended_at = served.clock()
    machine.save()
