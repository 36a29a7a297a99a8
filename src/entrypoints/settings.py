"""All settings, read from the environment in one place; nothing else in Holdwater reads it."""

from __future__ import annotations

import base64
import binascii
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parseaddr
from typing import Final, Literal
from urllib.parse import urlsplit

from application.ports.rate_limit import RateLimits
from domain.telemetry.retention import RawRetention

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
RAW_RETENTION_DAYS_MAX: Final = 36_500
PURGE_EVERY_S_DEFAULT: Final = 3_600
PURGE_EVERY_S_MAX: Final = 86_400
SMTP_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
"""By the way of TLS (RFC 8314, RFC 6409)."""
PORT_MAX: Final = 65_535
WEBHOOK_PREFIX: Final = "whsec_"
WEBHOOK_KEY_BYTES: Final = range(24, 65)
"""As the Standard Webhooks specification says."""
TOKEN_LENGTH_MIN: Final = 16
TOKEN_LENGTH_MAX: Final = 200
GATEWAY_IN_MEMORY: Final = "memory"
"""In place of a URL: a payment gateway within the process, for tests on HOLDWATER_PERSISTENCE=memory."""
REDIS_SCHEMES: Final = ("redis://", "rediss://", "unix://")
RABBITMQ_SCHEMES: Final = ("amqp://", "amqps://")

METRICS_FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""As prometheus-client names it: set before that is imported, it makes processes count together."""


class SettingInvalid(Exception):
    """A setting can't be used; the message says which, and what it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment decides. Each field's variable is its name in capitals, after `HOLDWATER_` unless it is
    one of the well-known DATABASE_URL, DATABASE_OWNER_URL, DATABASE_SYSTEM_URL,
    DATABASE_PURGE_URL, REDIS_URL and BROKER_URL; `metrics_folder` is
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
    """Empty: requests are counted by process."""
    broker_url: str = field(default="", repr=False)
    """What carries wakes, Redis or RabbitMQ; `redis_url` unless told. Empty: poll mode, without a broker."""
    persistence: Literal["django", "memory"] = "django"
    secret_key: str = field(default="", repr=False)
    allowed_hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    web_workers: int = 2
    web_threads: int = 8
    worker_threads: int = 4
    """Messages that one worker process handles at once."""
    saga_threads: int = 8
    """Sagas that one worker process advances at once, beside the messages."""
    intake_threads: int = 2
    """Batches of readings that one worker process loads at once, beside both."""
    rate_limit_token: int = RATE_LIMIT_TOKEN_DEFAULT
    """Requests of one token owner in a window."""
    rate_limit_tenant: int = RATE_LIMIT_TENANT_DEFAULT
    """Requests of one tenant in a window."""
    rate_window_s: int = RATE_WINDOW_S_DEFAULT
    keep_deleted_days: int = KEEP_DELETED_DAYS_DEFAULT
    """How long a deleted order can be restored, before a purge may remove what it says of persons."""
    purge_every_s: int = PURGE_EVERY_S_DEFAULT
    """Pause between two purges of the scheduler."""
    raw_retention_days: int | None = None
    """How long readings are kept; None: for good."""
    smtp_host: str = ""
    """Empty: no e-mail is sent."""
    smtp_port: int = SMTP_PORTS["starttls"]
    smtp_user: str = ""
    smtp_password: str = field(default="", repr=False)
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"
    smtp_from: str = ""
    """An address, or "Name <address>"."""
    webhook_url: str = field(default="", repr=False)
    """Where notices are posted to; it may hold a secret of the receiver's. Empty: nowhere."""
    webhook_secret: str = field(default="", repr=False)
    webhook_secret_previous: str = field(default="", repr=False)
    """Signs too, while receivers learn the new one."""
    webhook_allow_private: bool = False
    """Whether webhooks may go to addresses that are not public, and over plain http."""
    payment_gateway_url: str = ""
    """Where the payment gateway answers. Empty: there is none, and orders stay as they are placed."""
    payment_gateway_token: str = field(default="", repr=False)
    payment_callback_secret: str = field(default="", repr=False)
    """The payment gateway signs with it what it tells of its own accord."""
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
    def raw_retention(self) -> RawRetention:
        """Which readings are too old."""
        days = self.raw_retention_days
        return RawRetention(None if days is None else timedelta(days=days))

    @property
    def broker(self) -> Literal["redis", "rabbitmq", "none"]:
        """What `broker_url` leads to."""
        if not self.broker_url:
            return "none"
        return "rabbitmq" if self.broker_url.startswith(RABBITMQ_SCHEMES) else "redis"

    @property
    def requests_are_counted(self) -> Literal["together", "by_process"]:
        """Processes count requests together where there is a Redis."""
        return "together" if self.redis_url else "by_process"

    @property
    def sends_mail(self) -> Literal["on", "off"]:
        """E-mail is sent where there is a server for it."""
        return "on" if self.smtp_host else "off"

    @property
    def sends_webhooks(self) -> Literal["on", "off"]:
        """Webhooks are sent where there is a URL for them."""
        return "on" if self.webhook_url else "off"

    @property
    def pays_through(self) -> Literal["sandbox", "memory", "none"]:
        """Which payment gateway there is."""
        if self.payment_gateway_url == GATEWAY_IN_MEMORY:
            return "memory"
        return "sandbox" if self.payment_gateway_url else "none"

    @property
    def fulfils_orders(self) -> bool:
        """Orders are fulfilled where they can be paid."""
        return self.pays_through != "none"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read os.environ, or the given mapping. Raises SettingInvalid."""
        env = os.environ if environment is None else environment
        smtp_tls = _choice(env, "HOLDWATER_SMTP_TLS", tuple(SMTP_PORTS))
        allow_private = _choice(env, "HOLDWATER_WEBHOOK_ALLOW_PRIVATE", ("no", "yes")) == "yes"
        return cls(
            database_url=env.get("DATABASE_URL", ""),
            database_owner_url=env.get("DATABASE_OWNER_URL", ""),
            database_system_url=env.get("DATABASE_SYSTEM_URL", ""),
            database_purge_url=env.get("DATABASE_PURGE_URL", ""),
            redis_url=_redis_url(env),
            broker_url=_broker_url(env),
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
            saga_threads=_count(env, "HOLDWATER_SAGA_THREADS", default=8, maximum=WORKER_THREADS_MAX),
            intake_threads=_count(env, "HOLDWATER_INTAKE_THREADS", default=2, maximum=WORKER_THREADS_MAX),
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
            raw_retention_days=_count_or_none(
                env, "HOLDWATER_RAW_RETENTION_DAYS", maximum=RAW_RETENTION_DAYS_MAX
            ),
            purge_every_s=_count(
                env, "HOLDWATER_PURGE_EVERY_S", default=PURGE_EVERY_S_DEFAULT, maximum=PURGE_EVERY_S_MAX
            ),
            smtp_host=env.get("HOLDWATER_SMTP_HOST", ""),
            smtp_port=_count(env, "HOLDWATER_SMTP_PORT", default=SMTP_PORTS[smtp_tls], maximum=PORT_MAX),
            smtp_user=env.get("HOLDWATER_SMTP_USER", ""),
            smtp_password=env.get("HOLDWATER_SMTP_PASSWORD", ""),
            smtp_tls=smtp_tls,  # type: ignore[arg-type]
            smtp_from=_smtp_from(env),
            webhook_url=_webhook_url(env, allow_private=allow_private),
            webhook_secret=_webhook_secret(
                env, "HOLDWATER_WEBHOOK_SECRET", needed=bool(env.get("HOLDWATER_WEBHOOK_URL"))
            ),
            webhook_secret_previous=_webhook_secret(env, "HOLDWATER_WEBHOOK_SECRET_PREVIOUS", needed=False),
            webhook_allow_private=allow_private,
            payment_gateway_url=_payment_gateway_url(env),
            payment_gateway_token=_payment_gateway_token(env),
            payment_callback_secret=_webhook_secret(env, "HOLDWATER_PAYMENT_CALLBACK_SECRET", needed=False),
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


def http_url(name: str, url: str, schemes: tuple[str, ...]) -> str:
    """The URL, or nothing. Raises SettingInvalid, which names the setting alone: a URL may hold a secret."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    # Anything else can't stand in the first line of an HTTP request.
    if url and not (
        usable
        and url.isascii()
        and url.isprintable()
        and not set(url) & set(" #")
        and "@" not in parts.netloc
    ):
        raise SettingInvalid(
            f"{name}: let it begin with {' or '.join(f'{one}://' for one in schemes)}, name a host, "
            "and hold no user, @, fragment, space or character beyond ASCII"
        )
    return url


def _redis_url(env: Mapping[str, str]) -> str:
    url = env.get("REDIS_URL", "")
    if url and not url.startswith(REDIS_SCHEMES):
        raise SettingInvalid(f"REDIS_URL: let it begin with {', '.join(REDIS_SCHEMES)}, or leave it empty")
    return url


def _broker_url(env: Mapping[str, str]) -> str:
    """The URL itself is not shown: it may hold a password."""
    url = env.get("BROKER_URL", "")
    if url and not url.startswith(REDIS_SCHEMES + RABBITMQ_SCHEMES):
        raise SettingInvalid(
            f"BROKER_URL: let it begin with {', '.join(REDIS_SCHEMES)} for Redis, {', '.join(RABBITMQ_SCHEMES)} for "
            "RabbitMQ, or leave it empty, which means REDIS_URL"
        )
    if url.startswith(RABBITMQ_SCHEMES) and importlib.util.find_spec("pika") is None:
        raise SettingInvalid(
            "BROKER_URL: for RabbitMQ install the extra `rabbitmq`: pip install 'holdwater[rabbitmq]'"
        )
    try:
        has_place = bool(urlsplit(url).hostname) and urlsplit(url).port != 0
    except ValueError:
        has_place = False
    if url.startswith(RABBITMQ_SCHEMES) and not has_place:
        raise SettingInvalid(
            "BROKER_URL: name RabbitMQ's host, and its port as a number, e.g. amqp://user:PASSWORD@mq:5672/"
        )
    return url or _redis_url(env)


def _smtp_from(env: Mapping[str, str]) -> str:
    text = env.get("HOLDWATER_SMTP_FROM", "")
    address = parseaddr(text)[1]
    local, _, domain = address.rpartition("@")
    if (text or env.get("HOLDWATER_SMTP_HOST")) and not (
        local and domain and text.isprintable() and len(address.split()) == 1
    ):
        raise SettingInvalid(
            f"HOLDWATER_SMTP_FROM={text!r}: set it to the address that e-mail comes from, e.g. "
            "'Shop <orders@shop.example>'"
        )
    return text


def _webhook_url(env: Mapping[str, str], *, allow_private: bool) -> str:
    schemes = ("https", "http") if allow_private else ("https",)
    return http_url("HOLDWATER_WEBHOOK_URL", env.get("HOLDWATER_WEBHOOK_URL", ""), schemes)


def _payment_gateway_url(env: Mapping[str, str]) -> str:
    """The sandbox speaks plain HTTP. What is kept in memory may be paid there too."""
    name = "HOLDWATER_PAYMENT_GATEWAY_URL"
    if env.get(name) == GATEWAY_IN_MEMORY and env.get("HOLDWATER_PERSISTENCE") == "memory":
        return GATEWAY_IN_MEMORY
    url = http_url(name, env.get(name, ""), ("http",))
    if "?" in url:
        raise SettingInvalid(f"{name}: let it end before the question mark")
    return url


def _payment_gateway_token(env: Mapping[str, str]) -> str:
    token = env.get("HOLDWATER_PAYMENT_GATEWAY_TOKEN", "")
    is_usable = TOKEN_LENGTH_MIN <= len(token) <= TOKEN_LENGTH_MAX and token.isascii() and token.isprintable()
    is_needed = _payment_gateway_url(env) not in {"", GATEWAY_IN_MEMORY}
    if (token or is_needed) and (not is_usable or " " in token):
        raise SettingInvalid(
            f"HOLDWATER_PAYMENT_GATEWAY_TOKEN: set it to the gateway's token, {TOKEN_LENGTH_MIN} to "
            f"{TOKEN_LENGTH_MAX} ASCII characters without spaces"
        )
    return token


def _webhook_secret(env: Mapping[str, str], name: str, *, needed: bool) -> str:
    secret = env.get(name, "")
    try:
        length = len(base64.b64decode(secret.removeprefix(WEBHOOK_PREFIX), validate=True))
    except (binascii.Error, ValueError):
        length = 0
    if (secret or needed) and not (secret.startswith(WEBHOOK_PREFIX) and length in WEBHOOK_KEY_BYTES):
        raise SettingInvalid(
            f"{name}: set it to {WEBHOOK_PREFIX} and the base64 of {WEBHOOK_KEY_BYTES[0]} to "
            f"{WEBHOOK_KEY_BYTES[-1]} random bytes"
        )
    return secret


def _count(env: Mapping[str, str], name: str, *, default: int, maximum: int) -> int:
    text = env.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= maximum:
        raise SettingInvalid(f"{name}={text!r}: set it to a whole number from 1 to {maximum}")
    return int(text)


def _count_or_none(env: Mapping[str, str], name: str, *, maximum: int) -> int | None:
    """None if it is not set, or empty."""
    return _count(env, name, default=maximum, maximum=maximum) if env.get(name) else None


def _choice(env: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    text = env.get(name, choices[0])
    if text not in choices:
        raise SettingInvalid(f"{name}={text!r}: set it to one of {', '.join(choices)}")
    return text
