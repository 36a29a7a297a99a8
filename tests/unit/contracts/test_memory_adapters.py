"""The contract suites, bound to the in-memory adapters."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from adapters.memory.access import InMemoryAccessAdministration, InMemoryAccessTokens
from adapters.memory.database import InMemoryDatabase
from adapters.memory.heartbeats import InMemoryHeartbeats
from adapters.memory.notifier import InMemoryNotifier
from adapters.memory.outbox import InMemoryBacklog, InMemoryDeadLetters, InMemoryMessageClaims
from adapters.memory.payment_gateway import Fault, InMemoryPaymentGateway
from adapters.memory.purge import InMemoryPurge
from adapters.memory.rate_limit import InMemoryRateLimiter
from adapters.memory.read_models import InMemoryReadModels
from adapters.memory.saga_repositories import InMemoryDueSagas, InMemoryLateReplies, InMemorySagaDirectory
from adapters.memory.saga_views import InMemorySagaViews
from adapters.memory.schedules import InMemorySchedules
from adapters.memory.series_catalogue import InMemorySeriesCatalogue
from adapters.memory.stray_replies import InMemoryStrayReplies
from adapters.memory.unit_of_work import InMemoryUnitOfWork
from adapters.system_clock import new_id
from application.ports.access import AccessAdministration, AccessTokens
from application.ports.heartbeats import Heartbeats
from application.ports.outbox import Backlog, DeadLetters, MessageClaims
from application.ports.payment_callbacks import StrayReplies
from application.ports.payment_gateway import GatewayOutcomeUnknown, GatewayUnavailable, Operation
from application.ports.purge import OpenPurge
from application.ports.read_models import OpenReadModels
from application.ports.saga_views import SagaViews
from application.ports.sagas import DueSagas, LateReplies, SagaDirectory
from application.ports.schedules import Schedules
from application.ports.unit_of_work import CommandContext, OpenUnitOfWork
from domain.idempotency import KEY_KEPT_FOR
from unit.contracts.access_contract import AccessContract
from unit.contracts.callback_contract import CallbackContract
from unit.contracts.device_contract import DeviceContract
from unit.contracts.event_store_contract import EventStoreContract
from unit.contracts.heartbeats_contract import HeartbeatsContract
from unit.contracts.idempotency_contract import IdempotencyContract
from unit.contracts.intake_contract import IntakeContract
from unit.contracts.notifier_contract import NotifierContract, a_notice
from unit.contracts.order_repository_contract import OrderRepositoryContract
from unit.contracts.outbox_contract import OutboxContract
from unit.contracts.outbox_messages import REACTIONS, PassTime
from unit.contracts.outbox_views_contract import OutboxViewsContract
from unit.contracts.payment_gateway_contract import PaymentGatewayContract, Purchase, a_key
from unit.contracts.payment_repository_contract import PaymentRepositoryContract
from unit.contracts.product_repository_contract import ProductRepositoryContract
from unit.contracts.purge_contract import ORDER_REACTIONS, PurgeContract
from unit.contracts.purge_of_sagas_contract import PurgeOfSagasContract
from unit.contracts.rate_limit_contract import NewLimiter, RateLimiterContract
from unit.contracts.read_models_contract import ReadModelsContract
from unit.contracts.reading_writer_contract import ReadBack, ReadingWriterContract, StoredReadings
from unit.contracts.saga_contract import SagaContract
from unit.contracts.saga_views_contract import SagaViewsContract
from unit.contracts.schedules_contract import SchedulesContract
from unit.contracts.series_catalogue_contract import NewCatalogue, SeriesCatalogueContract
from unit.contracts.soft_deletion_contract import SoftDeletionContract
from unit.contracts.stock_item_repository_contract import StockItemRepositoryContract
from unit.contracts.unit_of_work_contract import UnitOfWorkContract


class SettableClock:
    """The present, plus what a test has added."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, by: timedelta) -> None:
        """Go ahead."""
        self._ahead += by


class MemoryBinding:
    """Everything over one new in-memory database a test."""

    @pytest.fixture
    def clock(self) -> SettableClock:
        return SettableClock()

    @pytest.fixture
    def database(self, clock: SettableClock) -> InMemoryDatabase:
        return InMemoryDatabase(now=clock, new_id=new_id)

    @pytest.fixture
    def open_unit_of_work(self, database: InMemoryDatabase) -> OpenUnitOfWork:
        return functools.partial(InMemoryUnitOfWork, database=database)

    @pytest.fixture
    def open_read_models(self, database: InMemoryDatabase) -> OpenReadModels:
        return functools.partial(InMemoryReadModels, database=database)

    @pytest.fixture
    def expire_key(self, clock: SettableClock) -> Callable[[CommandContext], None]:
        return lambda context: clock.advance(KEY_KEPT_FOR)

    @pytest.fixture
    def access_tokens(self, database: InMemoryDatabase) -> AccessTokens:
        return InMemoryAccessTokens(database=database)

    @pytest.fixture
    def access_administration(self, database: InMemoryDatabase) -> AccessAdministration:
        return InMemoryAccessAdministration(database=database)


class TestUnitOfWork(MemoryBinding, UnitOfWorkContract): ...


class TestOrderRepository(MemoryBinding, OrderRepositoryContract): ...


class TestProductRepository(MemoryBinding, ProductRepositoryContract): ...


class TestDevices(MemoryBinding, DeviceContract): ...


class TestIntakes(MemoryBinding, IntakeContract): ...


class TestSeriesCatalogue(MemoryBinding, SeriesCatalogueContract):
    @pytest.fixture
    def new_catalogue(self, database: InMemoryDatabase) -> NewCatalogue:
        return lambda: InMemorySeriesCatalogue(database=database)


class TestStockItemRepository(MemoryBinding, StockItemRepositoryContract): ...


class TestSoftDeletion(MemoryBinding, SoftDeletionContract): ...


class TestEventStore(MemoryBinding, EventStoreContract): ...


class TestIdempotency(MemoryBinding, IdempotencyContract): ...


class TestOutbox(MemoryBinding, OutboxContract, OutboxViewsContract):
    @pytest.fixture
    def open_unit_of_work(self, database: InMemoryDatabase, rings: list[None]) -> OpenUnitOfWork:
        return functools.partial(
            InMemoryUnitOfWork,
            database=database,
            subscriptions=REACTIONS,
            ring=lambda: rings.append(None),
        )

    @pytest.fixture
    def claims(self, database: InMemoryDatabase) -> MessageClaims:
        return InMemoryMessageClaims(database)

    @pytest.fixture
    def backlog(self, database: InMemoryDatabase) -> Backlog:
        return InMemoryBacklog(database)

    @pytest.fixture
    def dead_letters(self, database: InMemoryDatabase) -> DeadLetters:
        return InMemoryDeadLetters(database)

    @pytest.fixture
    def pass_time(self, clock: SettableClock) -> PassTime:
        return lambda tenant_id, delta: clock.advance(delta)


class TestPurge(MemoryBinding, PurgeContract):
    @pytest.fixture
    def open_reacting(self, database: InMemoryDatabase) -> OpenUnitOfWork:
        return functools.partial(InMemoryUnitOfWork, database=database, subscriptions=ORDER_REACTIONS)

    @pytest.fixture
    def claims(self, database: InMemoryDatabase) -> MessageClaims:
        return InMemoryMessageClaims(database)

    @pytest.fixture
    def pass_time(self, clock: SettableClock) -> PassTime:
        return lambda tenant_id, delta: clock.advance(delta)

    @pytest.fixture
    def open_purge(self, database: InMemoryDatabase) -> OpenPurge:
        return functools.partial(InMemoryPurge, database=database)


class TestPurgeOfSagas(MemoryBinding, PurgeOfSagasContract):
    @pytest.fixture
    def open_purge(self, database: InMemoryDatabase) -> OpenPurge:
        return functools.partial(InMemoryPurge, database=database)

    @pytest.fixture
    def late_replies(self, database: InMemoryDatabase) -> LateReplies:
        return InMemoryLateReplies(database)


class TestPaymentRepository(MemoryBinding, PaymentRepositoryContract): ...


class TestSagas(MemoryBinding, SagaContract):
    @pytest.fixture
    def due_sagas(self, database: InMemoryDatabase) -> DueSagas:
        return InMemoryDueSagas(database)

    @pytest.fixture
    def late_replies(self, database: InMemoryDatabase) -> LateReplies:
        return InMemoryLateReplies(database)

    @pytest.fixture
    def pass_time(self, clock: SettableClock) -> PassTime:
        return lambda tenant_id, delta: clock.advance(delta)


class TestCallbacks(MemoryBinding, CallbackContract):
    @pytest.fixture
    def directory(self, database: InMemoryDatabase) -> SagaDirectory:
        return InMemorySagaDirectory(database)

    @pytest.fixture
    def stray_replies(self, database: InMemoryDatabase) -> StrayReplies:
        return InMemoryStrayReplies(database)


class TestSagaViews(MemoryBinding, SagaViewsContract):
    @pytest.fixture
    def views(self, database: InMemoryDatabase) -> SagaViews:
        return InMemorySagaViews(database)


class TestSchedules(MemoryBinding, SchedulesContract):
    @pytest.fixture
    def schedules(self, clock: SettableClock) -> Schedules:
        return InMemorySchedules(now=clock)

    @pytest.fixture
    def pass_time(self, clock: SettableClock) -> Callable[[timedelta], None]:
        return clock.advance


class TestHeartbeats(MemoryBinding, HeartbeatsContract):
    @pytest.fixture
    def heartbeats(self, clock: SettableClock) -> Heartbeats:
        return InMemoryHeartbeats(now=clock)

    @pytest.fixture
    def pass_time(self, clock: SettableClock) -> Callable[[timedelta], None]:
        return clock.advance


class TestReadModels(MemoryBinding, ReadModelsContract): ...


class TestAccess(MemoryBinding, AccessContract): ...


class TestRateLimiter(RateLimiterContract):
    @pytest.fixture
    def new_limiter(self) -> NewLimiter:
        return InMemoryRateLimiter


class MemoryOutside:
    """The scriptable notifier, which is its own receiver."""

    def __init__(self) -> None:
        self.notifier = InMemoryNotifier()

    @property
    def attempts(self) -> list[str]:
        return [str(notice.id) for notice in self.notifier.attempts]

    @property
    def taken(self) -> list[str]:
        return [str(notice.id) for notice in self.notifier.taken]

    def fail(self) -> None:
        self.notifier.fail(1_000)

    def refuse(self) -> None:
        self.notifier.refuse("it was told to")

    def work(self) -> None:
        self.notifier.fail(0)


class TestNotifier(NotifierContract):
    @pytest.fixture
    def outside(self) -> MemoryOutside:
        return MemoryOutside()

    def test_has_a_receiver_that_knows_a_repetition(self, outside: MemoryOutside) -> None:
        notice = a_notice()
        outside.notifier.notify(notice)
        outside.notifier.notify(notice)
        assert outside.taken == [str(notice.id)]
        assert len(outside.attempts) == 2


class MemoryProvider:
    """The scriptable provider, whose time passes when it is told to."""

    def __init__(self) -> None:
        self.clock = SettableClock()
        self.gateway = self.ledger = InMemoryPaymentGateway(now=self.clock, late_s=7)
        self.late_s = 7.0

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))


class TestPaymentGateway(PaymentGatewayContract):
    @pytest.fixture
    def provider(self) -> MemoryProvider:
        return MemoryProvider()

    @pytest.mark.parametrize(
        ("fault", "error", "had_effect"),
        [
            (Fault.UNAVAILABLE, GatewayUnavailable, False),
            (Fault.UNAVAILABLE_AFTER_EFFECT, GatewayUnavailable, True),
            (Fault.UNKNOWN, GatewayOutcomeUnknown, False),
            (Fault.UNKNOWN_AFTER_EFFECT, GatewayOutcomeUnknown, True),
        ],
    )
    def test_fails_once_where_it_is_told_to(
        self, provider: MemoryProvider, fault: Fault, error: type[Exception], had_effect: bool
    ) -> None:
        purchase, key = Purchase(provider), a_key("capture")
        provider.gateway.script(Operation.CAPTURE, None, fault)
        purchase.authorise()
        assert purchase.capture().declined is None
        other = Purchase(provider)
        other.authorise()
        with pytest.raises(error):
            other.capture(key=key)
        assert (provider.gateway.ask(key) is not None) == had_effect
        assert other.capture(key=key).declined is None
        assert other.effects() == [Operation.AUTHORISE, Operation.CAPTURE]

    def test_does_late_what_it_is_told_to_do_late(self, provider: MemoryProvider) -> None:
        purchase, key = Purchase(provider), a_key("capture")
        purchase.authorise()
        provider.gateway.script(Operation.CAPTURE, Fault.UNKNOWN_THEN_EFFECT)
        with pytest.raises(GatewayOutcomeUnknown):
            purchase.capture(key=key)
        purchase.void()
        provider.pass_time(provider.late_s)
        late = provider.gateway.ask(key)
        assert late is not None
        assert late.declined == "already_voided"

    def test_lets_itself_be_watched_and_the_watcher_crash_its_caller(self, provider: MemoryProvider) -> None:
        seen: list[tuple[str, str]] = []

        def crash_after_the_effect(when: str, operation: str, key: str) -> None:
            seen.append((when, operation))
            if when == "after" and operation == "authorise":
                raise KeyboardInterrupt

        provider.gateway.watch(crash_after_the_effect)
        purchase = Purchase(provider)
        with pytest.raises(KeyboardInterrupt):
            purchase.authorise()
        assert provider.gateway.ask(purchase.key) is not None
        assert seen == [
            ("before", "authorise"),
            ("after", "authorise"),
            ("before", "ask"),
            ("after", "ask"),
        ]
        provider.gateway.watch(None)
        assert purchase.authorise().declined is None
        assert purchase.effects() == [Operation.AUTHORISE]


class TestReadingWriter(MemoryBinding, ReadingWriterContract):
    @pytest.fixture
    def read_back(self, database: InMemoryDatabase) -> ReadBack:
        def read(tenant_id: UUID) -> StoredReadings:
            table = database.readings
            return StoredReadings(
                {(series, at): value for (of, series, at), value in table.values.items() if of == tenant_id},
                [(series, hour) for of, series, hour in table.marks if of == tenant_id],
                {series: latest for (of, series), latest in table.latest.items() if of == tenant_id},
                [kept.reject for kept in table.rejects.values() if kept.tenant_id == tenant_id],
            )

        return read
