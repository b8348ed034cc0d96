"""Django, given its settings from an exchange's: people, sessions, pages and the API. One process serves one exchange.

No setting here can be changed from outside: what is safe is not a choice. The views find the exchange by `exchange()`.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import django
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader

from ecluse.adapters.private import check_private
from ecluse.base.refusal import Refusal
from ecluse.wiring.exchange import Exchange, ExchangeSettings

__all__ = ["configure", "exchange", "forget", "upgrade"]

_SECRET: Final = "secret.key"  # noqa: S105 - the file's name
_ACCOUNTS: Final = "accounts.sqlite"
_DAY: Final = 24 * 3600
REMEMBERED: Final = timedelta(days=30)
"""How long failed log-ins are kept, with their addresses."""


def configure(served: Exchange) -> None:
    """Make Django know this exchange. Called once in a process. Raises Refusal `settings/secret-open`."""
    home = served.settings.home
    (home / _ACCOUNTS).touch(mode=0o600)  # SQLite makes its own files beside it with the same mode
    django_settings.configure(**_settings(served.settings, _secret(home / _SECRET)), ECLUSE_EXCHANGE=served)
    django.setup()


def exchange() -> Exchange:
    """The exchange that this process serves."""
    found: Exchange = django_settings.ECLUSE_EXCHANGE
    return found


def upgrade() -> None:
    """Bring the accounts' tables to what this version knows; ledgers are never touched, and there is no way back.

    Raises Refusal `exchange/newer` when a later version has been here: it would not know what it reads.
    """
    loader = MigrationLoader(connection)
    if unknown := set(loader.applied_migrations) - set(loader.disk_migrations):
        raise Refusal("exchange/newer", got=", ".join(sorted(f"{app}.{name}" for app, name in unknown)))
    call_command("migrate", interactive=False, verbosity=0)


def forget() -> None:
    """Sessions that are over, and failed log-ins older than `REMEMBERED`, are deleted. Tables that are busy are left for the next time."""
    from allauth.usersessions.models import UserSession
    from axes.models import AccessAttempt
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    now = timezone.now()
    try:
        with suppress(DatabaseError):
            Session.objects.filter(expire_date__lt=now).delete()
            UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
            AccessAttempt.objects.filter(attempt_time__lt=now - REMEMBERED).delete()
    finally:
        connection.close()  # the round is in a thread of its own, where no request's end would


def _settings(told: ExchangeSettings, secret: str) -> dict[str, Any]:
    origin = f"https://{told.name}" if told.https.port == 443 else f"https://{told.name}:{told.https.port}"
    return {
        "SECRET_KEY": secret,
        "DEBUG": False,
        "ALLOWED_HOSTS": [told.name],
        "ROOT_URLCONF": "ecluse.doors.web.urls",
        "DATABASES": {
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": told.home / _ACCOUNTS,
                "OPTIONS": {
                    "transaction_mode": "IMMEDIATE",
                    "timeout": 5,
                    "init_command": "pragma journal_mode=wal; pragma synchronous=full; pragma secure_delete=on",
                },
            }
        },
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "INSTALLED_APPS": [
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "django.contrib.humanize",
            "ecluse.adapters.accounts.apps.Accounts",
            "ecluse.doors.web.apps.Web",
            "allauth",
            "allauth.account",
            "allauth.mfa",
            "allauth.usersessions",
            "axes",
        ],
        "MIDDLEWARE": [
            "django.middleware.security.SecurityMiddleware",
            "ecluse.doors.web.guard.Policy",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "allauth.account.middleware.AccountMiddleware",
            "ecluse.doors.web.guard.Language",
            "ecluse.doors.web.guard.Lasting",
            "ecluse.doors.web.guard.OneNetwork",
            "allauth.usersessions.middleware.UserSessionsMiddleware",
            "ecluse.doors.web.guard.SecondFactor",
            "ecluse.doors.web.guard.CountedCodes",
            "axes.middleware.AxesMiddleware",
        ],
        "TEMPLATES": [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                        "ecluse.doors.web.guard.spoken",
                    ],
                    "string_if_invalid": "",
                },
            }
        ],
        "LANGUAGE_CODE": told.language,
        "LANGUAGES": [("fr", "Français"), ("en", "English")],
        "USE_TZ": True,
        "TIME_ZONE": "UTC",
        "AUTH_USER_MODEL": "accounts.Account",
        "AUTHENTICATION_BACKENDS": [
            "axes.backends.AxesStandaloneBackend",
            "allauth.account.auth_backends.AuthenticationBackend",
        ],
        "PASSWORD_HASHERS": ["django.contrib.auth.hashers.Argon2PasswordHasher"],
        "AUTH_PASSWORD_VALIDATORS": [
            {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
            for name, options in (
                ("MinimumLengthValidator", {"min_length": 12}),
                ("UserAttributeSimilarityValidator", {"user_attributes": ("email", "name")}),
                ("CommonPasswordValidator", {}),
            )
        ],
        "STATIC_URL": "/script/",
        "LOGIN_URL": "account_login",
        "LOGIN_REDIRECT_URL": "home",
        "ACCOUNT_LOGOUT_REDIRECT_URL": "account_login",
        # People: an address to log in with, no sign-up but by invitation, and a second factor for all.
        "ACCOUNT_ADAPTER": "ecluse.doors.web.entrance.Entrance",
        "ACCOUNT_LOGIN_METHODS": {"email"},
        "ACCOUNT_SIGNUP_FIELDS": ["email*", "password1*"],
        "ACCOUNT_USER_MODEL_USERNAME_FIELD": None,
        "ACCOUNT_EMAIL_VERIFICATION": "none",
        "ACCOUNT_LOGIN_BY_CODE_ENABLED": False,
        "ACCOUNT_SESSION_REMEMBER": False,
        "ACCOUNT_PREVENT_ENUMERATION": True,
        "ACCOUNT_REAUTHENTICATION_TIMEOUT": 300,
        "MFA_ADAPTER": "ecluse.doors.web.entrance.Factors",
        "MFA_SUPPORTED_TYPES": ["webauthn", "totp", "recovery_codes"],
        "MFA_PASSKEY_LOGIN_ENABLED": True,
        "MFA_TOTP_ISSUER": told.name,
        "MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN": False,
        "USERSESSIONS_TRACK_ACTIVITY": True,
        # Lock-out: ten failures by pair of account and address (issue of the exchange, point 2).
        # allauth's own limit counts by account alone, so that anybody could shut somebody out: it stands above ours.
        "ACCOUNT_RATE_LIMITS": {"login_failed": "100/m/ip,100/10m/key"},
        "AXES_FAILURE_LIMIT": 10,
        "AXES_COOLOFF_TIME": 1,
        "AXES_LOCKOUT_PARAMETERS": [["username", "ip_address"]],
        "AXES_USERNAME_CALLABLE": "ecluse.doors.web.guard.tried",
        "AXES_RESET_ON_SUCCESS": False,
        "AXES_LOCKOUT_TEMPLATE": "console/locked.html",
        "AXES_HTTP_RESPONSE_CODE": 429,
        "AXES_VERBOSE": False,
        "AXES_DISABLE_ACCESS_LOG": True,
        # Cookies and headers. Messages lie in the session: a cookie of theirs would bear another name than `__Host-`.
        "MESSAGE_STORAGE": "django.contrib.messages.storage.session.SessionStorage",
        "SESSION_COOKIE_NAME": "__Host-session",
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_AGE": _DAY // 2,
        "SESSION_EXPIRE_AT_BROWSER_CLOSE": True,
        "CSRF_COOKIE_NAME": "__Host-csrf",
        "CSRF_COOKIE_SECURE": True,
        "CSRF_COOKIE_HTTPONLY": True,
        "CSRF_COOKIE_SAMESITE": "Strict",
        "CSRF_TRUSTED_ORIGINS": [origin],
        "SECURE_HSTS_SECONDS": 365 * _DAY,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
        "SECURE_CONTENT_TYPE_NOSNIFF": True,
        "SECURE_REFERRER_POLICY": "same-origin",
        "SECURE_CROSS_ORIGIN_OPENER_POLICY": "same-origin",
        "DATA_UPLOAD_MAX_MEMORY_SIZE": 2 << 20,
        "FILE_UPLOAD_MAX_MEMORY_SIZE": 10 << 20,
        "EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend",
        "LOGGING_CONFIG": None,
    }


def _secret(file: Path) -> str:
    """What signs sessions and forms: made once, read by this account alone. Raises Refusal `settings/secret-open`."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(64), "utf-8")
    check_private(file)
    return file.read_text("utf-8")
