"""The accounts as the SFTP door asks for them: a person's living certificates, where they are admitted, and whether they send or read."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import close_old_connections

from ecluse.adapters.accounts.models import Account
from ecluse.adapters.accounts.people import admitted
from ecluse.adapters.accounts.ssh import living_certificates
from ecluse.doors.sftp.admitted import Admitted
from ecluse.people.role import Permission, Role, permissions
from ecluse.wiring.exchange import Exchange

__all__ = ["People"]


@dataclass(frozen=True, slots=True)
class People:
    """`Admissions` over the exchange's accounts. A login name is the person's pseudonymous id."""

    served: Exchange

    def find(self, login: str) -> Admitted | None:
        """See `Admissions.find`."""
        close_old_connections()
        account = Account.objects.filter(person=login, ended_at=None).first()
        if account is None:
            return None
        at, may = self.served.clock(), permissions(Role(account.role))
        return Admitted(
            id=account.person,
            chambers=tuple(admitted(account, at=at)),
            sends=Permission.DEPOSIT in may,
            reads=Permission.LOAD in may,
            certificates={int(it.pk): tuple(it.chambers) for it in living_certificates(account, at=at)},
        )
