"""All settings, read from the environment in one place; nothing else in Holdwater reads it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import unquote, urlsplit

from application.ports.rate_limit import RateLimits

WEB_WORKERS_MAX: Final = 64
WEB_THREADS_MAX: Final = 64
WORKER_THREADS_MAX: Final = 64
RATE_LIMIT_TOKEN_DEFAULT: Final = 60_000
RATE_LIMIT_TENANT_DEFAULT: Final = 120_000
RATE_LIMIT_MAX: Final = 1_000_000_000
RATE_WINDOW_S_DEFAULT: Final = 60
RATE_WINDOW_S_MAX: Final = 86_400
KEEP_DELETED_DAYS_DEFAULT: Final = 90
KEEP_DELETED_DAYS_MAX: Final = 36_500
SMTP_SECURITY: Final = {"smtp": "none", "smtp+starttls": "starttls", "smtps": "tls"}
REDIS_SCHEMES: Final = ("redis://", "rediss://", "unix://")


METRICS_FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""As prometheus-client names it: set before that is imported, it makes processes count together."""


class SettingInvalid(Exception):
    """A setting can't be used; the message says which, and what it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment decides. Each field's variable is its name in capitals, after `HOLDWATER_` unless it is
    one of the well-known DATABASE_URL, DATABASE_OWNER_URL, DATABASE_SYSTEM_URL,
    DATABASE_PURGE_URL and REDIS_URL; `metrics_folder` is
    METRICS_FOLDER_VARIABLE."""

    database_url: str = field(default="", repr=False)
    """PostgreSQL as the application's role."""
    database_owner_url: str = field(default="", repr=False)
    """The same database as its owner; for migrations and for administering tenants and tokens."""
    database_system_url: str = field(default="", repr=False)
    """The same database as the role of relay, projector, scheduler and audit."""
    database_purge_url: str = field(default="", repr=False)
    """The same database as the role that removes personal data of what was deleted long ago."""
    redis_url: str = field(default="", repr=False)
    """Empty: poll mode, without a broker."""
    smtp_url: str = field(default="", repr=False)
    """Where mail goes: smtp://, smtp+starttls:// or smtps://[user:password@]host:port. Empty: no mail is sent."""
    mail_from: str = ""
    """The sender of mail."""
    persistence: Literal["django", "memory"] = "django"
    secret_key: str = field(default="", repr=False)
    allowed_hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    web_workers: int = 2
    web_threads: int = 8
    worker_threads: int = 4
    """Messages that one worker process handles at once."""
    rate_limit_token: int = RATE_LIMIT_TOKEN_DEFAULT
    """Requests of one token owner in a window."""
    rate_limit_tenant: int = RATE_LIMIT_TENANT_DEFAULT
    """Requests of one tenant in a window."""
    rate_window_s: int = RATE_WINDOW_S_DEFAULT
    keep_deleted_days: int = KEEP_DELETED_DAYS_DEFAULT
    """How long a deleted order can be restored, before a purge may remove what it says of persons."""
    metrics_folder: str = ""
    """Where the web processes of one server keep their counts; the server sets it. Empty: this process alone."""
    log_format: Literal["auto", "json", "text"] = "auto"
    """auto: text on a terminal, JSON elsewhere."""
    log_level: str = "INFO"

    @property
    def rate_limits(self) -> RateLimits:
        """What callers may send."""
        return RateLimits(
            owner=self.rate_limit_token, tenant=self.rate_limit_tenant, window_s=self.rate_window_s
        )

    @property
    def requests_are_counted(self) -> Literal["together", "by_process"]:
        """Processes count requests together where there is a Redis."""
        return "together" if self.redis_url else "by_process"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read os.environ, or the given mapping. Raises SettingInvalid."""
        env = os.environ if environment is None else environment
        return cls(
            database_url=env.get("DATABASE_URL", ""),
            database_owner_url=env.get("DATABASE_OWNER_URL", ""),
            database_system_url=env.get("DATABASE_SYSTEM_URL", ""),
            database_purge_url=env.get("DATABASE_PURGE_URL", ""),
            redis_url=_redis_url(env),
            smtp_url=_smtp_url(env),
            mail_from=_mail_from(env),
            persistence=_choice(env, "HOLDWATER_PERSISTENCE", ("django", "memory")),  # type: ignore[arg-type]
            secret_key=env.get("HOLDWATER_SECRET_KEY", ""),
            allowed_hosts=tuple(
                host.strip()
                for host in env.get("HOLDWATER_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
                if host.strip()
            ),
            web_workers=_count(env, "HOLDWATER_WEB_WORKERS", default=2, maximum=WEB_WORKERS_MAX),
            web_threads=_count(env, "HOLDWATER_WEB_THREADS", default=8, maximum=WEB_THREADS_MAX),
            worker_threads=_count(env, "HOLDWATER_WORKER_THREADS", default=4, maximum=WORKER_THREADS_MAX),
            rate_limit_token=_count(
                env, "HOLDWATER_RATE_LIMIT_TOKEN", default=RATE_LIMIT_TOKEN_DEFAULT, maximum=RATE_LIMIT_MAX
            ),
            rate_limit_tenant=_count(
                env, "HOLDWATER_RATE_LIMIT_TENANT", default=RATE_LIMIT_TENANT_DEFAULT, maximum=RATE_LIMIT_MAX
            ),
            rate_window_s=_count(
                env, "HOLDWATER_RATE_WINDOW_S", default=RATE_WINDOW_S_DEFAULT, maximum=RATE_WINDOW_S_MAX
            ),
            keep_deleted_days=_count(
                env,
                "HOLDWATER_KEEP_DELETED_DAYS",
                default=KEEP_DELETED_DAYS_DEFAULT,
                maximum=KEEP_DELETED_DAYS_MAX,
            ),
            metrics_folder=env.get(METRICS_FOLDER_VARIABLE, ""),
            log_format=_choice(env, "HOLDWATER_LOG_FORMAT", ("auto", "json", "text")),  # type: ignore[arg-type]
            log_level=_choice(env, "HOLDWATER_LOG_LEVEL", ("INFO", "DEBUG", "WARNING", "ERROR")),
        )


def adopt(environment: Mapping[str, str]) -> None:
    """Take these variables as though this process had been started with them; for commands that find a stack."""
    os.environ.update(environment)


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with these variables on top, for a child process."""
    return {**os.environ, **environment}


def _redis_url(env: Mapping[str, str]) -> str:
    url = env.get("REDIS_URL", "")
    if url and not url.startswith(REDIS_SCHEMES):
        raise SettingInvalid(f"REDIS_URL: let it begin with {', '.join(REDIS_SCHEMES)}, or leave it empty")
    return url


def _smtp_url(env: Mapping[str, str]) -> str:
    url = env.get("HOLDWATER_SMTP_URL", "")
    if url:
        smtp_options(url)
    return url


def _mail_from(env: Mapping[str, str]) -> str:
    sender = env.get("HOLDWATER_MAIL_FROM", "")
    if env.get("HOLDWATER_SMTP_URL") and "@" not in sender:
        raise SettingInvalid(
            "HOLDWATER_MAIL_FROM: set it to the address that mail comes from, shop@example.org"
        )
    return sender


def smtp_options(url: str) -> dict[str, Any]:
    """host, port, user, password and security of a mail server's URL. Raises SettingInvalid, without the URL."""
    wrong = SettingInvalid(
        "HOLDWATER_SMTP_URL: write smtp://, smtp+starttls:// or smtps://[user:password@]host:port"
    )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in SMTP_SECURITY or not parts.hostname or port is None:
        raise wrong
    return {
        "host": parts.hostname,
        "port": port,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "security": SMTP_SECURITY[parts.scheme],
    }


def _count(env: Mapping[str, str], name: str, *, default: int, maximum: int) -> int:
    text = env.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= maximum:
        raise SettingInvalid(f"{name}={text!r}: set it to a whole number from 1 to {maximum}")
    return int(text)


def _choice(env: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    text = env.get(name, choices[0])
    if text not in choices:
        raise SettingInvalid(f"{name}={text!r}: set it to one of {', '.join(choices)}")
    return text
