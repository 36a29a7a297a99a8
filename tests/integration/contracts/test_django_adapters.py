"""The contract suites, bound to the Django adapters on PostgreSQL."""

from __future__ import annotations

import calendar
import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from adapters.django_orm import copy_writer
from adapters.django_orm.access import DjangoAccessAdministration, DjangoAccessTokens
from adapters.django_orm.heartbeats import DjangoHeartbeats
from adapters.django_orm.outbox import DjangoBacklog, DjangoDeadLetters, DjangoMessageClaims
from adapters.django_orm.purge import DjangoPurge
from adapters.django_orm.read_models import DjangoReadModels
from adapters.django_orm.saga_repositories import DjangoDueSagas, DjangoLateReplies, DjangoSagaDirectory
from adapters.django_orm.saga_views import DjangoSagaViews
from adapters.django_orm.schedules import DjangoSchedules
from adapters.django_orm.series_catalogue import DjangoSeriesCatalogue
from adapters.django_orm.stray_replies import DjangoStrayReplies
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from application.ports.access import AccessAdministration, AccessTokens
from application.ports.heartbeats import Heartbeats
from application.ports.outbox import Backlog, DeadLetters, MessageClaims
from application.ports.payment_callbacks import StrayReplies
from application.ports.purge import OpenPurge
from application.ports.read_models import OpenReadModels
from application.ports.saga_views import SagaViews
from application.ports.sagas import DueSagas, LateReplies, SagaDirectory
from application.ports.schedules import Schedules
from application.ports.unit_of_work import CommandContext, OpenUnitOfWork
from domain.telemetry.batch import Reject
from domain.telemetry.reading import RejectReason, microseconds
from unit.contracts.access_contract import AccessContract
from unit.contracts.callback_contract import CallbackContract
from unit.contracts.device_contract import DeviceContract
from unit.contracts.event_store_contract import EventStoreContract
from unit.contracts.heartbeats_contract import HeartbeatsContract
from unit.contracts.idempotency_contract import IdempotencyContract
from unit.contracts.intake_contract import IntakeContract
from unit.contracts.order_repository_contract import OrderRepositoryContract
from unit.contracts.outbox_contract import OutboxContract
from unit.contracts.outbox_messages import REACTIONS, PassTime
from unit.contracts.outbox_views_contract import OutboxViewsContract
from unit.contracts.payment_repository_contract import PaymentRepositoryContract
from unit.contracts.product_repository_contract import ProductRepositoryContract
from unit.contracts.purge_contract import ORDER_REACTIONS, PurgeContract
from unit.contracts.purge_of_sagas_contract import PurgeOfSagasContract
from unit.contracts.read_models_contract import ReadModelsContract
from unit.contracts.reading_writer_contract import MONTHS, ReadBack, ReadingWriterContract, StoredReadings
from unit.contracts.saga_contract import SagaContract
from unit.contracts.saga_views_contract import SagaViewsContract
from unit.contracts.schedules_contract import SchedulesContract
from unit.contracts.series_catalogue_contract import NewCatalogue, SeriesCatalogueContract
from unit.contracts.soft_deletion_contract import SoftDeletionContract
from unit.contracts.stock_item_repository_contract import StockItemRepositoryContract
from unit.contracts.unit_of_work_contract import UnitOfWorkContract


class DjangoBinding:
    """Tenants of the test's own in the one database; a connection for each thread."""

    @pytest.fixture
    def open_unit_of_work(self) -> OpenUnitOfWork:
        return DjangoUnitOfWork

    @pytest.fixture
    def open_read_models(self) -> OpenReadModels:
        return DjangoReadModels

    @pytest.fixture
    def tenant_id(self, new_tenant: Callable[[], UUID]) -> UUID:
        return new_tenant()

    @pytest.fixture
    def other_tenant_id(self, new_tenant: Callable[[], UUID]) -> UUID:
        return new_tenant()

    @pytest.fixture
    def release_thread(self) -> Callable[[], None]:
        return connections.close_all

    @pytest.fixture
    def expire_key(self) -> Callable[[CommandContext], None]:
        return expire_key

    @pytest.fixture
    def access_tokens(self, database_urls: object) -> AccessTokens:
        return DjangoAccessTokens()

    @pytest.fixture
    def access_administration(self, database_urls: object) -> AccessAdministration:
        return DjangoAccessAdministration()


def expire_key(context: CommandContext) -> None:
    """Move the expiry of the key into the past, as the owner."""
    assert context.request_key is not None
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE idempotency_record SET expires_at = clock_timestamp() - interval '1 second'"
            " WHERE tenant_id = %s AND actor = %s AND key = %s",
            [context.tenant_id, context.actor, context.request_key.key],
        )
        assert cursor.rowcount == 1


def pass_time(tenant_id: UUID, delta: timedelta) -> None:
    """Move what was to happen later into the past, as the owner."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE message SET due_at = due_at - make_interval(secs => %s),"
            " wake_at = wake_at - make_interval(secs => %s), settled_at = settled_at - make_interval(secs => %s)"
            " WHERE tenant_id = %s",
            [*([delta.total_seconds()] * 3), tenant_id],
        )


def as_owner(sql: str, **params: Any) -> None:
    """Change rows behind the adapters' backs."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql, params)


def make_partitions() -> None:
    """Room for the readings of MONTHS."""
    for month in MONTHS:
        until = month + timedelta(days=calendar.monthrange(month.year, month.month)[1])
        as_owner(
            f"CREATE TABLE IF NOT EXISTS sensor_reading_{month:%Y_%m} PARTITION OF sensor_reading"
            " FOR VALUES FROM (%(begin)s) TO (%(end)s)",
            begin=month,
            end=until,
        )
        as_owner(f"GRANT INSERT ON sensor_reading_{month:%Y_%m} TO holdwater_app")


class TestUnitOfWork(DjangoBinding, UnitOfWorkContract): ...


class TestOrderRepository(DjangoBinding, OrderRepositoryContract): ...


class TestProductRepository(DjangoBinding, ProductRepositoryContract): ...


class TestDevices(DjangoBinding, DeviceContract): ...


class TestIntakes(DjangoBinding, IntakeContract): ...


class TestSeriesCatalogue(DjangoBinding, SeriesCatalogueContract):
    @pytest.fixture
    def new_catalogue(self, database_urls: object) -> NewCatalogue:
        return DjangoSeriesCatalogue


class TestStockItemRepository(DjangoBinding, StockItemRepositoryContract): ...


class TestSoftDeletion(DjangoBinding, SoftDeletionContract): ...


class TestEventStore(DjangoBinding, EventStoreContract): ...


class TestIdempotency(DjangoBinding, IdempotencyContract): ...


class TestOutbox(DjangoBinding, OutboxContract, OutboxViewsContract):
    @pytest.fixture
    def open_unit_of_work(self, rings: list[None]) -> OpenUnitOfWork:
        return functools.partial(DjangoUnitOfWork, subscriptions=REACTIONS, ring=lambda: rings.append(None))

    @pytest.fixture
    def claims(self, database_urls: object) -> MessageClaims:
        return DjangoMessageClaims()

    @pytest.fixture
    def backlog(self, database_urls: object) -> Backlog:
        return DjangoBacklog()

    @pytest.fixture
    def dead_letters(self, database_urls: object) -> DeadLetters:
        return DjangoDeadLetters()

    @pytest.fixture
    def pass_time(self) -> PassTime:
        return pass_time


class TestPurge(DjangoBinding, PurgeContract):
    @pytest.fixture
    def open_reacting(self) -> OpenUnitOfWork:
        return functools.partial(DjangoUnitOfWork, subscriptions=ORDER_REACTIONS)

    @pytest.fixture
    def claims(self, database_urls: object) -> MessageClaims:
        return DjangoMessageClaims()

    @pytest.fixture
    def pass_time(self) -> PassTime:
        return pass_time

    @pytest.fixture
    def open_purge(self, database_urls: object) -> OpenPurge:
        return DjangoPurge


class TestPurgeOfSagas(DjangoBinding, PurgeOfSagasContract):
    @pytest.fixture
    def open_purge(self, database_urls: object) -> OpenPurge:
        return DjangoPurge

    @pytest.fixture
    def late_replies(self, database_urls: object) -> LateReplies:
        return DjangoLateReplies()


class TestPaymentRepository(DjangoBinding, PaymentRepositoryContract): ...


class TestSagas(DjangoBinding, SagaContract):
    @pytest.fixture
    def due_sagas(self, database_urls: object) -> DueSagas:
        return DjangoDueSagas()

    @pytest.fixture
    def late_replies(self, database_urls: object) -> LateReplies:
        return DjangoLateReplies()

    @pytest.fixture
    def pass_time(self) -> PassTime:
        return lambda tenant_id, delta: as_owner(
            "UPDATE saga SET due_at = due_at - %(by)s, wake_at = wake_at - %(by)s,"
            " leased_until = leased_until - %(by)s WHERE tenant_id = %(of)s",
            by=delta,
            of=tenant_id,
        )


class TestCallbacks(DjangoBinding, CallbackContract):
    @pytest.fixture
    def directory(self, database_urls: object) -> SagaDirectory:
        return DjangoSagaDirectory()

    @pytest.fixture
    def stray_replies(self, database_urls: object) -> StrayReplies:
        return DjangoStrayReplies()


class TestSagaViews(DjangoBinding, SagaViewsContract):
    @pytest.fixture
    def views(self, database_urls: object) -> SagaViews:
        return DjangoSagaViews()


class TestSchedules(DjangoBinding, SchedulesContract):
    @pytest.fixture
    def schedules(self, database_urls: object) -> Schedules:
        return DjangoSchedules()

    @pytest.fixture
    def pass_time(self) -> Callable[[timedelta], None]:
        return lambda delta: as_owner(
            "UPDATE schedule SET due_at = due_at - %(by)s, leased_until = leased_until - %(by)s", by=delta
        )


class TestHeartbeats(DjangoBinding, HeartbeatsContract):
    @pytest.fixture
    def heartbeats(self, database_urls: object) -> Heartbeats:
        return DjangoHeartbeats()

    @pytest.fixture
    def pass_time(self) -> Callable[[timedelta], None]:
        return lambda delta: as_owner("UPDATE role_process SET seen_at = seen_at - %(by)s", by=delta)


class TestReadModels(DjangoBinding, ReadModelsContract): ...


class TestAccess(DjangoBinding, AccessContract): ...


class TestReadingWriter(DjangoBinding, ReadingWriterContract):
    @pytest.fixture(autouse=True)
    def partitions(self, database_urls: object) -> None:
        make_partitions()

    @pytest.fixture
    def read_back(self) -> ReadBack:
        def read(tenant_id: UUID) -> StoredReadings:
            def rows(sql: str) -> list[tuple[Any, ...]]:
                with connections["owner"].cursor() as cursor:
                    cursor.execute(f"{sql} WHERE tenant_id = %s", [tenant_id])
                    return cursor.fetchall()

            return StoredReadings(
                {
                    (series, microseconds(at)): value
                    for series, at, value in rows("SELECT series_id, ts, value FROM sensor_reading")
                },
                [
                    (series, microseconds(hour))
                    for series, hour in rows("SELECT series_id, hour FROM dirty_mark")
                ],
                {
                    series: (microseconds(at), value)
                    for series, at, value in rows("SELECT series_id, ts, value FROM latest_reading")
                },
                [
                    Reject(row, RejectReason(reason), detail, sent)
                    for row, reason, detail, sent in rows(
                        "SELECT row, reason, detail, sent FROM rejected_reading"
                    )
                ],
            )

        return read


class TestReadingWriterOfManyRows(TestReadingWriter):
    """As if every batch were too large to be merged without the temporary table."""

    @pytest.fixture(autouse=True)
    def none_are_few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(copy_writer, "FEW_ROWS_MAX", 0)
