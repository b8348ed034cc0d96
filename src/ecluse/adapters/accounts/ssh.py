"""SSH certificates of an exchange's people: the register of those that were given, which is also their revocation list.

Decides how a certificate's row begins and ends, each with an entry in the chambers it opens. How a key is certified is `adapters.ssh_keys`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ecluse.adapters.accounts.chambers import Chambers
from ecluse.adapters.accounts.models import Account, SshCertificate

__all__ = ["SerialRegister", "end_certificate", "living_certificates"]

ISSUED: Final = "certificate.issued"
ENDED: Final = "certificate.ended"


class SerialRegister:
    """`ssh_keys.Serials` in the accounts' tables."""

    def __init__(self, served: Chambers) -> None:
        self._served = served

    def issue(
        self, login: str, *, fingerprint: str, chambers: Sequence[str], at: datetime, until: datetime
    ) -> int:
        """See `Serials.issue`. The ledgers tell of it before the row is there: one that is not used was merely announced."""
        account = Account.objects.get(person=login, ended_at=None)
        for chamber in chambers:
            body = {"key": fingerprint, "until": until.isoformat()}
            self._served.chamber(chamber).record(ISSUED, by=login, subject=login, body=body)
        row = SshCertificate.objects.create(
            account=account, chambers=list(chambers), fingerprint=fingerprint, issued_at=at, until=until
        )
        return int(row.pk)


def living_certificates(account: Account, *, at: datetime) -> list[SshCertificate]:
    """Those that are neither over nor ended, newest first."""
    return list(SshCertificate.objects.filter(account=account, ended_at=None, until__gt=at).order_by("-pk"))


def end_certificate(served: Chambers, certificate: SshCertificate, *, by: Account) -> None:
    """End a certificate: from now on it opens nothing, and who is in by it is put out."""
    for chamber in certificate.chambers:
        body = {"key": certificate.fingerprint}
        served.chamber(chamber).record(ENDED, by=by.person, subject=certificate.account.person, body=body)
    certificate.ended_at = served.clock()
    certificate.save()
