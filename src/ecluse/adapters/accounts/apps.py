"""What Django asks of an application."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["Accounts"]


class Accounts(AppConfig):
    """The exchange's accounts."""

    name = "ecluse.adapters.accounts"
    label = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
