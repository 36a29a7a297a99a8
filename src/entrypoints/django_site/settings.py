"""Django's settings, derived from Holdwater's."""

from __future__ import annotations

from typing import Any, Final

from psycopg2.extensions import parse_dsn

from entrypoints.settings import Settings

_settings = Settings.from_environment()

CONNECT_TIMEOUT_S: Final = 5


def _database(url: str) -> dict[str, Any]:
    parts = parse_dsn(url) if url else {}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", "holdwater"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", "127.0.0.1"),
        "PORT": parts.pop("port", "5432"),
        "CONN_MAX_AGE": None,
        "OPTIONS": {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "holdwater", **parts},
    }


DATABASES = {
    "default": _database(_settings.database_url),
    "owner": _database(_settings.database_owner_url or _settings.database_url),
    "system": _database(_settings.database_system_url or _settings.database_url),
}

SECRET_KEY = _settings.secret_key or "no cookie, session or signature of Django is in use"
DEBUG = False
ALLOWED_HOSTS = list(_settings.allowed_hosts)
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
ROOT_URLCONF = "entrypoints.django_site.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["adapters.django_orm"]
MIDDLEWARE: list[str] = []
