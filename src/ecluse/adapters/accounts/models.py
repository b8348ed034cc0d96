"""The accounts' tables: organisations, people, where each is admitted, machines, certificates, invitations.

One account is one human; it is ended, never deleted, and never given to another. A ledger names it by `person` alone, so that names and addresses
here can be erased when their retention ends. Nothing here says what a role allows (`people.role` does) nor opens a parcel.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from ecluse.people.person import Person
from ecluse.people.role import ROLES, Role

__all__ = ["Account", "Admission", "Invitation", "Machine", "Organisation", "SshCertificate"]


class Organisation(models.Model):
    """`kind`: laboratory, vendor (its processor), host or authority. `identifier`: FINESS or SIREN."""

    kind = models.CharField(max_length=10)
    name = models.CharField(max_length=200, unique=True)
    identifier = models.CharField(max_length=20, blank=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class _Accounts(BaseUserManager["Account"]):
    """What Django's log-in asks for."""

    def get_by_natural_key(self, username: str | None) -> Account:
        """The account with this address, however it is written."""
        return self.get(email__iexact=username)


class Account(AbstractBaseUser):
    """One human. `person` is the pseudonymous id that ledgers name (`p-…`); `ended_at` is None while it lives."""

    person = models.CharField(max_length=34, unique=True)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200)
    professional_id = models.CharField(max_length=40)
    role = models.CharField(max_length=20)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="accounts")
    language = models.CharField(max_length=2, default="fr")
    joined_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = _Accounts()

    class Meta:
        """One professional has one account in an organisation."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation", "professional_id"],
                condition=models.Q(ended_at__isnull=True),
                name="one_human_one_account",
            )
        ]

    def __str__(self) -> str:
        return self.person

    @property
    def is_active(self) -> bool:
        """Whether it lives: an ended account logs in nowhere."""
        return self.ended_at is None

    def as_person(self) -> Person:
        """The human, as rules know them."""
        return Person(self.person, self.name, self.professional_id, Role(self.role))

    def role_label(self, language: str) -> str:
        """The role in words."""
        return ROLES[Role(self.role)].label[language]


class Admission(models.Model):
    """An account may enter a chamber, until `until` where that is set (an inspector's always is)."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="admissions")
    chamber = models.CharField(max_length=40)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Once for each chamber."""

        constraints: ClassVar = [models.UniqueConstraint(fields=["account", "chamber"], name="admitted_once")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.chamber}"


class Machine(models.Model):
    """A site's machine: one key, one chamber, one migration where `migration` names it. `site` is the name under which it acts in the ledger."""

    key = models.CharField(max_length=120, unique=True)
    site = models.CharField(max_length=80)
    chamber = models.CharField(max_length=40)
    migration = models.CharField(max_length=80, blank=True)
    enrolled_by = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="machines")
    enrolled_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.chamber} {self.site}"


class SshCertificate(models.Model):
    """A short-lived SSH certificate: its serial (the row's id), whose, for which key (SHA-256 fingerprint), until when."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="certificates")
    chambers: Any = models.JSONField(default=list)
    fingerprint = models.CharField(max_length=60)
    issued_at = models.DateTimeField()
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return str(self.pk)


class Invitation(models.Model):
    """A one-time link by which one named human joins. Only the digest of its token is kept."""

    digest = models.CharField(max_length=64, unique=True)
    email = models.EmailField()
    name = models.CharField(max_length=200)
    professional_id = models.CharField(max_length=40)
    role = models.CharField(max_length=20)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    chambers: Any = models.JSONField(default=list)
    invited_by = models.ForeignKey(Account, null=True, on_delete=models.PROTECT)
    until = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"invitation {self.pk}"
