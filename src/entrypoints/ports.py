"""Where ports meet adapters: the only file that knows both."""

from __future__ import annotations

import functools
import importlib
import itertools
import time
from collections.abc import Callable
from typing import Any

from dependency_injector import containers, providers

from adapters import system_clock
from application.delivery.sample_lag import SampleLagHandler
from application.ports.intakes import LOAD_INTAKE
from application.ports.notifier import Notifier
from application.ports.outbox import Subscriptions
from application.ports.payment_callbacks import CallbackReader
from application.ports.task_queue import Bell
from application.subscriptions import ORDER_EMAIL, ORDER_WEBHOOK, reactions_of
from entrypoints.limits import (
    GATEWAY_SETTLE_S,
    GATEWAY_TIMEOUT_S,
    LAG_KEPT_S,
    LAG_TIME_LIMIT_S,
    LAG_WAIT_S,
    MAIL_TIMEOUT_S,
    REDIS_ASK_AGAIN_AFTER_S,
    REDIS_STEP_TIMEOUT_MS,
    WEBHOOK_TIMEOUT_S,
)
from entrypoints.settings import Settings


def _named(path: str) -> Callable[..., Any]:
    """The class of that path, imported when it is first called: Django's adapters need `django.setup()` before."""
    module, _, name = path.rpartition(".")

    @functools.cache
    def load() -> Callable[..., Any]:
        return getattr(importlib.import_module(module), name)

    def make(*args: Any, **kwargs: Any) -> Any:
        return load()(*args, **kwargs)

    return make


def _joined(*groups: list[Any]) -> tuple[Any, ...]:
    return tuple(itertools.chain.from_iterable(groups))


def _by_consumer(notifiers: tuple[Notifier, ...]) -> dict[str, Notifier]:
    """Those that are configured, each with a consumer of its own, which retries by itself."""
    names = {"e-mail": ORDER_EMAIL, "webhook": ORDER_WEBHOOK}
    return {names[notifier.channel]: notifier for notifier in notifiers}


def _subscriptions(notifiers: dict[str, Notifier]) -> Subscriptions:
    """What was received is loaded, whether or not anybody is told of anything."""
    return reactions_of((*notifiers, LOAD_INTAKE))


def _ring_of(redis_url: str, bell: Callable[[], Bell]) -> Callable[[], None]:
    """What to do when messages were committed: without a broker the workers look by themselves."""
    return bell().ring if redis_url else lambda: None


def _callback_readers(secret: str, sandbox: Callable[[str], CallbackReader]) -> dict[str, CallbackReader]:
    return {"sandbox": sandbox(secret)} if secret else {}


def _audited_url(settings: Settings) -> str:
    return settings.database_system_url or settings.database_url


def _by_store(settings: Any, memory: Any, module: str, name: str) -> providers.Selector[Any]:
    """One in a process, over the store that is chosen; its adapters have the port's name after their own."""
    return providers.Selector(
        settings.provided.persistence,
        django=providers.Singleton(_named(f"adapters.django_orm.{module}.Django{name}")),
        memory=providers.Singleton(_named(f"adapters.memory.{module}.InMemory{name}"), memory),
    )


class Ports(containers.DeclarativeContainer):
    """One entry for each port: the adapter that the settings choose."""

    settings = providers.Singleton(Settings.from_environment)

    now = providers.Object(system_clock.now)
    new_id = providers.Object(system_clock.new_id)
    new_secret = providers.Object(system_clock.new_secret)
    back_off = providers.Object(system_clock.back_off)
    jitter = providers.Object(system_clock.jitter)

    memory: providers.Singleton[Any] = providers.Singleton(
        _named("adapters.memory.database.InMemoryDatabase"), new_id=new_id
    )
    notifiers: providers.Callable[Any] = providers.Callable(
        _joined,
        providers.Selector(
            settings.provided.sends_mail,
            on=providers.List(
                providers.Singleton(
                    _named("adapters.notifiers.smtp.SmtpNotifier"),
                    settings.provided.smtp_host,
                    port=settings.provided.smtp_port,
                    sender=settings.provided.smtp_from,
                    user=settings.provided.smtp_user,
                    password=settings.provided.smtp_password,
                    tls=settings.provided.smtp_tls,
                    timeout_s=MAIL_TIMEOUT_S,
                )
            ),
            off=providers.List(),
        ),
        providers.Selector(
            settings.provided.sends_webhooks,
            on=providers.List(
                providers.Singleton(
                    _named("adapters.notifiers.webhook.WebhookNotifier"),
                    settings.provided.webhook_url,
                    secret=settings.provided.webhook_secret,
                    previous_secret=settings.provided.webhook_secret_previous,
                    allow_private=settings.provided.webhook_allow_private,
                    timeout_s=WEBHOOK_TIMEOUT_S,
                    now=now,
                )
            ),
            off=providers.List(),
        ),
    )
    # One of each in a process: connections are kept, and the one in memory is its own provider.
    payment_gateway: providers.Selector[Any] = providers.Selector(
        settings.provided.pays_through,
        sandbox=providers.ThreadSafeSingleton(
            _named("adapters.payment_gateways.sandbox.SandboxPaymentGateway"),
            settings.provided.payment_gateway_url,
            token=settings.provided.payment_gateway_token,
            timeout_s=GATEWAY_TIMEOUT_S,
            settle_s=GATEWAY_SETTLE_S,
        ),
        memory=providers.ThreadSafeSingleton(
            _named("adapters.memory.payment_gateway.InMemoryPaymentGateway"),
            now=now,
            timeout_s=GATEWAY_TIMEOUT_S,
            settle_s=GATEWAY_SETTLE_S,
        ),
        none=providers.Object(None),
    )
    notifier_by_consumer = providers.Singleton(_by_consumer, notifiers)
    subscriptions = providers.Singleton(_subscriptions, notifier_by_consumer)
    bell = providers.ThreadSafeSingleton(_named("adapters.redis_bell.RedisBell"), settings.provided.redis_url)
    ring = providers.ThreadSafeSingleton(_ring_of, settings.provided.redis_url, bell.provider)
    unit_of_work = providers.Selector(
        settings.provided.persistence,
        django=providers.Factory(
            _named("adapters.django_orm.unit_of_work.DjangoUnitOfWork"),
            subscriptions=subscriptions,
            ring=ring,
        ),
        memory=providers.Factory(
            _named("adapters.memory.unit_of_work.InMemoryUnitOfWork"),
            database=memory,
            subscriptions=subscriptions,
            ring=ring,
        ),
    )
    message_claims = providers.Selector(
        settings.provided.persistence,
        django=providers.Singleton(_named("adapters.django_orm.outbox.DjangoMessageClaims")),
        memory=providers.Singleton(_named("adapters.memory.outbox.InMemoryMessageClaims"), database=memory),
    )
    backlog = providers.Selector(
        settings.provided.persistence,
        django=providers.Singleton(_named("adapters.django_orm.outbox.DjangoBacklog")),
        memory=providers.Singleton(_named("adapters.memory.outbox.InMemoryBacklog"), database=memory),
    )
    sample_lag = providers.ThreadSafeSingleton(
        SampleLagHandler,
        ask=providers.Selector(
            settings.provided.persistence,
            django=providers.Object(
                functools.partial(
                    _named("adapters.django_orm.message_lag.watched_lag"), time_limit_s=LAG_TIME_LIMIT_S
                )
            ),
            memory=backlog.provided.lag,
        ),
        seconds=providers.Object(time.monotonic),
        kept_s=LAG_KEPT_S,
        wait_s=LAG_WAIT_S,
    )
    saga_views = _by_store(settings, memory, "saga_views", "SagaViews")
    due_sagas = _by_store(settings, memory, "saga_repositories", "DueSagas")
    saga_directory = _by_store(settings, memory, "saga_repositories", "SagaDirectory")
    stray_replies = _by_store(settings, memory, "stray_replies", "StrayReplies")
    # By the gateway's name in the address; none without a secret.
    callback_readers = providers.Singleton(
        _callback_readers,
        settings.provided.payment_callback_secret,
        providers.Object(_named("adapters.payment_gateways.sandbox_callbacks.SandboxCallbackReader")),
    )
    late_replies = _by_store(settings, memory, "saga_repositories", "LateReplies")
    dead_letters = providers.Selector(
        settings.provided.persistence,
        django=providers.Singleton(_named("adapters.django_orm.outbox.DjangoDeadLetters")),
        memory=providers.Singleton(_named("adapters.memory.outbox.InMemoryDeadLetters"), database=memory),
    )
    schedules = providers.Selector(
        settings.provided.persistence,
        django=providers.Singleton(_named("adapters.django_orm.schedules.DjangoSchedules")),
        memory=providers.Singleton(_named("adapters.memory.schedules.InMemorySchedules"), now=now),
    )
    heartbeats = providers.Selector(
        settings.provided.persistence,
        django=providers.Singleton(_named("adapters.django_orm.heartbeats.DjangoHeartbeats")),
        memory=providers.Singleton(_named("adapters.memory.heartbeats.InMemoryHeartbeats"), now=now),
    )
    release_thread: providers.Selector[Any] = providers.Selector(
        settings.provided.persistence,
        django=providers.Object(_named("adapters.django_orm.tenant_session.close_connections")),
        memory=providers.Object(lambda: None),
    )
    task_queue = providers.Selector(
        settings.provided.broker,
        redis=providers.Factory(
            _named("adapters.dramatiq_queue.over_redis.queue_over_redis"),
            settings.provided.broker_url,
            release_thread=release_thread,
        ),
        rabbitmq=providers.Factory(
            _named("adapters.dramatiq_queue.over_rabbitmq.queue_over_rabbitmq"),
            settings.provided.broker_url,
            release_thread=release_thread,
        ),
    )
    thread_queue = providers.Factory(_named("adapters.thread_queue.ThreadQueue"))
    worker_of = providers.Callable(_named("adapters.dramatiq_queue.queue.worker_of"))
    reading_decoder = providers.Singleton(_named("adapters.reading_formats.decoder.BodyDecoder"))
    column_operations = providers.Singleton(
        _named("adapters.reading_formats.operations.NumpyColumnOperations")
    )
    partitions_in_memory: providers.Singleton[Any] = providers.Singleton(
        _named("adapters.memory.partitions.InMemoryPartitions"), database=memory
    )
    partition_keeper = providers.Selector(
        settings.provided.persistence,
        django=providers.Singleton(_named("adapters.django_orm.partitions.DjangoPartitionKeeper")),
        memory=partitions_in_memory,
    )
    # The scheduler's, in the role that it has a connection for.
    partitions_ahead = providers.Selector(
        settings.provided.persistence,
        django=providers.Singleton(_named("adapters.django_orm.partitions.system_partition_keeper")),
        memory=partitions_in_memory,
    )
    reading_partitions = providers.Selector(
        settings.provided.persistence,
        django=providers.Singleton(_named("adapters.django_orm.partitions.DjangoReadingPartitions")),
        memory=partitions_in_memory,
    )
    purge = providers.Selector(
        settings.provided.persistence,
        django=providers.Factory(_named("adapters.django_orm.purge.DjangoPurge")),
        memory=providers.Factory(_named("adapters.memory.purge.InMemoryPurge"), database=memory),
    )
    read_models = providers.Selector(
        settings.provided.persistence,
        django=providers.Factory(_named("adapters.django_orm.read_models.DjangoReadModels")),
        memory=providers.Factory(_named("adapters.memory.read_models.InMemoryReadModels"), database=memory),
    )
    reading_views = _by_store(settings, memory, "reading_views", "ReadingViews")
    reject_views = _by_store(settings, memory, "reject_views", "RejectViews")
    # One in a process, which remembers what it found.
    series_catalogue = providers.Selector(
        settings.provided.persistence,
        django=providers.ThreadSafeSingleton(
            _named("adapters.django_orm.series_catalogue.DjangoSeriesCatalogue")
        ),
        memory=providers.ThreadSafeSingleton(
            _named("adapters.memory.series_catalogue.InMemorySeriesCatalogue"), database=memory
        ),
    )
    access_tokens = providers.Selector(
        settings.provided.persistence,
        django=providers.Singleton(_named("adapters.django_orm.access.DjangoAccessTokens")),
        memory=providers.Singleton(_named("adapters.memory.access.InMemoryAccessTokens"), database=memory),
    )
    access_administration = providers.Selector(
        settings.provided.persistence,
        django=providers.Singleton(_named("adapters.django_orm.access.DjangoAccessAdministration")),
        memory=providers.Singleton(
            _named("adapters.memory.access.InMemoryAccessAdministration"), database=memory
        ),
    )

    # Made once whichever threads ask first: a second one would count from zero.
    rate_limiter_of_process = providers.ThreadSafeSingleton(
        _named("adapters.memory.rate_limit.InMemoryRateLimiter"), limits=settings.provided.rate_limits
    )
    rate_limiter = providers.Selector(
        settings.provided.requests_are_counted,
        together=providers.ThreadSafeSingleton(
            _named("adapters.redis_limits.RedisRateLimiter"),
            url=settings.provided.redis_url,
            limits=settings.provided.rate_limits,
            otherwise=rate_limiter_of_process,
            step_timeout_s=REDIS_STEP_TIMEOUT_MS / 1_000,
            ask_again_after_s=REDIS_ASK_AGAIN_AFTER_S,
        ),
        by_process=rate_limiter_of_process,
    )
    # One for each way that is set up.
    readers_held_back_by: providers.Selector[Any] = providers.Selector(
        settings.provided.persistence,
        django=providers.Callable(_named("adapters.django_orm.event_store.reader_held_back_by")),
        memory=providers.Object(None),
    )

    refuse_void_isolation: providers.Selector[Any] = providers.Selector(
        settings.provided.persistence,
        django=providers.Callable(_named("adapters.django_orm.role_check.require_safe_role")),
        memory=providers.Object(None),
    )
    require_system_role = providers.Callable(_named("adapters.django_orm.role_check.require_system_role"))
    require_purge_role = providers.Callable(_named("adapters.django_orm.role_check.require_purge_role"))
    # Redis is looked at by its own URL below.
    broker_checks: providers.Selector[Any] = providers.Selector(
        settings.provided.broker,
        rabbitmq=providers.List(
            providers.Factory(
                _named("adapters.dramatiq_queue.over_rabbitmq.RabbitmqCheck"),
                url=settings.provided.broker_url,
            )
        ),
        redis=providers.List(),
        none=providers.List(),
    )
    readiness_checks: providers.Selector[Any] = providers.Selector(
        settings.provided.persistence,
        django=providers.Callable(
            _joined,
            providers.List(
                providers.Factory(_named("adapters.django_orm.readiness.DatabaseReadiness")),
                providers.Factory(_named("adapters.django_orm.readiness.SchemaReadiness")),
                providers.Factory(
                    _named("adapters.redis_readiness.RedisCheck"), url=settings.provided.redis_url
                ),
            ),
            broker_checks,
        ),
        memory=providers.List(),
    )

    doctor_checks: providers.Callable = providers.Callable(
        _joined,
        providers.List(
            providers.Factory(_named("adapters.django_orm.readiness.DatabaseReadiness")),
            providers.Factory(_named("adapters.django_orm.role_check.RoleReadiness")),
            providers.Factory(_named("adapters.django_orm.readiness.SchemaReadiness")),
            providers.Factory(_named("adapters.django_orm.readiness.OwnerReadiness")),
            providers.Factory(_named("adapters.django_orm.partitions.PartitionReadiness"), now=now),
            providers.Factory(
                _named("adapters.django_orm.connection_budget.ConnectionBudget"),
                web_workers=settings.provided.web_workers,
                web_threads=settings.provided.web_threads,
                worker_threads=settings.provided.worker_threads,
                saga_threads=settings.provided.saga_threads,
                intake_threads=settings.provided.intake_threads,
            ),
            providers.Factory(_named("adapters.redis_readiness.RedisCheck"), url=settings.provided.redis_url),
            providers.Factory(
                _named("adapters.payment_gateways.readiness.GatewayCheck"), gateway=payment_gateway
            ),
        ),
        broker_checks,
    )
    auditor = providers.Factory(
        _named("adapters.audit.audit.PostgresAuditor"),
        providers.Callable(_audited_url, settings),
        ledger=payment_gateway,
    )
    migrate = providers.Callable(_named("adapters.django_orm.schema.migrate"))
