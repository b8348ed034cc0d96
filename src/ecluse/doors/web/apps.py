"""What Django asks of an application: the console's templates and words."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["Web"]


class Web(AppConfig):
    """The console."""

    name = "ecluse.doors.web"
    label = "console"
