"""Django's settings, derived from Holdwater's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from psycopg2.extensions import parse_dsn

from entrypoints.settings import Settings

_settings = Settings.from_environment()

CONNECT_TIMEOUT_S: Final = 5

# Limits of the application's sessions, in ms; sent with each connection, so that they hold on every server.
# A transaction past its limit is ended with its session: that is the lease of a keyed request (H10).
# The others are shorter, so that what is stuck fails while its connection can still be used.
APP_LIMITS: Final = {
    "transaction_timeout": 10_000,
    "idle_in_transaction_session_timeout": 10_000,
    "statement_timeout": 8_000,
    "lock_timeout": 5_000,
}
# Background roles rebuild and purge in long batches: no limit for the whole, but none may sit idle.
SYSTEM_LIMITS: Final = {"idle_in_transaction_session_timeout": 60_000, "lock_timeout": 10_000}


def databases(settings: Settings) -> dict[str, dict[str, Any]]:
    """Django's DATABASES: an alias for each role; one without a URL of its own uses the application's."""
    return {
        "default": _database(settings.database_url, APP_LIMITS),
        "owner": _database(settings.database_owner_url or settings.database_url, {}),
        "system": _database(settings.database_system_url or settings.database_url, SYSTEM_LIMITS),
        "purge": _database(settings.database_purge_url or settings.database_url, SYSTEM_LIMITS),
    }


def _database(url: str, limits: Mapping[str, int]) -> dict[str, Any]:
    parts = parse_dsn(url) if url else {}
    limited = [f"-c {name}={limit}" for name, limit in limits.items()]
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", "holdwater"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", "127.0.0.1"),
        "PORT": parts.pop("port", "5432"),
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "holdwater",
            **parts,
            "options": " ".join(filter(None, (parts.get("options"), "-c timezone=UTC", *limited))),
        },
    }


DATABASES = databases(_settings)

SECRET_KEY = _settings.secret_key or "no cookie, session or signature of Django is in use"
DEBUG = False
ALLOWED_HOSTS = list(_settings.allowed_hosts)
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
ROOT_URLCONF = "entrypoints.django_site.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["adapters.django_orm"]
MIDDLEWARE = ["entrypoints.rest_api.request_log.RequestLog"]
WSGI_APPLICATION = "entrypoints.django_site.wsgi.application"
APPEND_SLASH = False
# Logs are set up by entrypoints.logs when a process starts; Django's own set-up would fight it.
LOGGING_CONFIG = None
REST_FRAMEWORK = {
    # Callers are principals, not Django users; django.contrib.auth isn't installed.
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_PARSER_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
