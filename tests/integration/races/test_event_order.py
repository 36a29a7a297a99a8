"""Events in an order that no interleaving of commits, rollbacks and killed backends can break."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import psycopg2
import pytest
from django.db import connections
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.django_orm import schema
from adapters.django_orm.event_store import held_back_by
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.embedded.postgres_roles import DatabaseUrls
from adapters.embedded.stack import EmbeddedStack
from adapters.system_clock import new_id
from application.ports.event_store import HeldBack, RecordedEvent
from application.ports.unit_of_work import StoreUnavailable
from builders import NOON, a_context
from domain.inventory.events import StockReceived
from integration.conftest import use_database
from unit.contracts.threads import RolledBackOnPurpose, Threads

APPENDERS = 8
APPENDS_EACH = 40
KILLS_MAX = 40
PAUSE_S_MAX = 0.01
ROLLBACK_SHARE = 0.15
READS_MAX = 100_000

Append = Callable[[DjangoUnitOfWork, UUID, int], None]


def with_ticket(uow: DjangoUnitOfWork, stream_id: UUID, count: int) -> None:
    """How the store appends."""
    uow.events.append("stock", stream_id, 0, [StockReceived(occurred_at=NOON, quantity=1)] * count)
    uow.flush()


def without_ticket(uow: DjangoUnitOfWork, stream_id: UUID, count: int) -> None:
    """The control: the same rows by plain INSERT, which nobody announces."""
    for version in range(1, count + 1):
        uow.events._session.query(
            "INSERT INTO event (tenant_id, position, event_id, stream_kind, stream_id, version, type,"
            " schema_version, occurred_at, actor, correlation_id, causation_id, data)"
            " VALUES (%s, nextval('event_position'), %s, 'stock', %s, %s, 'stock.received',"
            " 1, %s, 'alice', 'request-1', 'request-1', '{\"quantity\": 1}')",
            (uow.events._tenant_id, new_id(), stream_id, version, NOON),
        )


@dataclass
class Fire:
    """Appenders with pauses, rollbacks and killed backends, and a reader that polls throughout."""

    tenant_id: UUID
    append: Append
    read: list[RecordedEvent] = field(default_factory=list)
    are_done: threading.Event = field(default_factory=threading.Event)
    unavailable: int = 0

    def appender(self, index: int) -> None:
        chance = random.Random(index)
        for _ in range(APPENDS_EACH):
            try:
                with DjangoUnitOfWork(a_context(tenant_id=self.tenant_id)) as uow:
                    self.append(uow, new_id(), chance.randint(1, 3))
                    time.sleep(chance.uniform(0, PAUSE_S_MAX))
                    if chance.random() < ROLLBACK_SHARE:
                        raise RolledBackOnPurpose
            except RolledBackOnPurpose:
                pass
            except StoreUnavailable:
                self.unavailable += 1

    def reader(self) -> None:
        for _ in range(READS_MAX):
            ends = self.are_done.is_set()
            self._read_on()
            if ends:
                return
        raise AssertionError(f"the appenders were not done after {READS_MAX} reads")

    def _read_on(self) -> None:
        while True:
            with DjangoUnitOfWork(a_context(tenant_id=self.tenant_id)) as uow:
                page = uow.events.read(self.read[-1].position if self.read else 0, limit=50)
            self.read.extend(page)
            if len(page) < 50:
                return


def under_fire(fire: Fire, threads: Threads, killer: Callable[[threading.Event], None]) -> None:
    """Run it to its end: the appenders in threads 2 and above, beside the reader and the killer."""
    still_running = threading.Semaphore(0)

    def act(index: int) -> None:
        if index == 0:
            fire.reader()
        elif index == 1:
            killer(fire.are_done)
        else:
            try:
                fire.appender(index)
            finally:
                still_running.release()
                if index == 2:
                    for _ in range(APPENDERS):
                        still_running.acquire(timeout=30)
                    fire.are_done.set()

    outcomes = threads.race(APPENDERS + 2, act)
    assert [outcome.error for outcome in outcomes if outcome.error is not None] == []


class TestUnderFire:
    @pytest.mark.promise("E3")
    @pytest.mark.slow
    def test_a_polling_reader_misses_nothing_and_keeps_the_order(
        self, tenant_id: UUID, threads: Threads, database_urls: DatabaseUrls, superuser: Connection
    ) -> None:
        killed: list[tuple[int, bool]] = []

        def kill_appenders(are_done: threading.Event) -> None:
            chance = random.Random(0)
            with superuser.cursor() as cursor:
                while len(killed) < KILLS_MAX and not are_done.wait(chance.uniform(0, 3 * PAUSE_S_MAX)):
                    cursor.execute(
                        "SELECT pid, pg_terminate_backend(pid) FROM"
                        " (SELECT pid FROM event_tickets() ORDER BY random() LIMIT 1) appender"
                    )
                    killed.extend(cursor.fetchall())

        fire = Fire(tenant_id, with_ticket)
        under_fire(fire, threads, kill_appenders)
        stored = stored_events(superuser, tenant_id)
        assert killed, "no backend was killed"
        assert fire.unavailable > 0, "no appender noticed that it was killed"
        assert len(stored) > APPENDERS * APPENDS_EACH / 2
        assert [event.position for event in fire.read] == [position for position, _, _ in stored]
        versions: dict[UUID, list[int]] = {}
        for event in fire.read:
            versions.setdefault(event.stream_id, []).append(event.version)
        assert all(seen == list(range(1, len(seen) + 1)) for seen in versions.values())

    @pytest.mark.slow
    def test_without_tickets_the_same_reader_misses_events(
        self, tenant_id: UUID, threads: Threads, superuser: Connection
    ) -> None:
        fire = Fire(tenant_id, without_ticket)
        under_fire(fire, threads, lambda are_done: None)
        stored = {position for position, _, _ in stored_events(superuser, tenant_id)}
        assert stored - {event.position for event in fire.read}, "the test above could not fail"


class TestAnOpenAppender:
    @pytest.mark.promise("E3", "E4")
    def test_holds_readers_back_only_while_it_is_open_and_is_named(
        self, tenant_id: UUID, app: Connection, database_urls: DatabaseUrls
    ) -> None:
        context = a_context(tenant_id=tenant_id)
        append_raw(app, tenant_id)
        with DjangoUnitOfWork(context) as uow:
            with_ticket(uow, new_id(), 2)
        with DjangoUnitOfWork(context) as uow:
            assert list(uow.events.read(0)) == []
        (holder,) = held_back_by()
        assert (holder.pid, holder.role) == (app.info.backend_pid, "holdwater_app")
        assert holder.age_s is not None
        assert holder.age_s >= 0
        app.rollback()
        assert held_back_by() == ()
        with DjangoUnitOfWork(context) as uow:
            later = list(uow.events.read(0))
        assert [event.version for event in later] == [1, 2]
        assert later[0].position > holder.position + 1, "the rolled-back position is a gap"

    @pytest.mark.promise("E4")
    def test_is_named_to_other_roles_too_without_its_age(
        self, tenant_id: UUID, app: Connection, database_urls: DatabaseUrls
    ) -> None:
        append_raw(app, tenant_id)
        (holder,) = held_back_by("system")
        assert holder == HeldBack(app.info.backend_pid, "holdwater_app", holder.position, age_s=None)

    @pytest.mark.promise("E3")
    def test_does_not_make_another_appender_wait(self, tenant_id: UUID, app: Connection) -> None:
        append_raw(app, tenant_id)
        with DjangoUnitOfWork(a_context(tenant_id=tenant_id)) as uow:
            with_ticket(uow, new_id(), 1)
        assert [holder.pid for holder in held_back_by()] == [app.info.backend_pid]


class TestAFreshSequence:
    @pytest.mark.promise("E3")
    def test_hides_the_second_event_while_the_very_first_is_open(
        self, postgres: EmbeddedStack, database_urls: DatabaseUrls
    ) -> None:
        fresh = postgres.create_database("fresh_sequence")
        tenant_id = new_id()
        try:
            use_database(fresh)
            schema.migrate()
            first, second = psycopg2.connect(fresh.app_url), psycopg2.connect(fresh.app_url)
            assert append_raw(first, tenant_id) == 1
            assert append_raw(second, tenant_id) == 2
            second.commit()
            with second.cursor() as cursor:
                cursor.execute("SELECT safe_event_position()")
                assert cursor.fetchone() == (0,)
            with DjangoUnitOfWork(a_context(tenant_id=tenant_id)) as uow:
                assert list(uow.events.read(0)) == []
            first.commit()
            with DjangoUnitOfWork(a_context(tenant_id=tenant_id)) as uow:
                assert [event.position for event in uow.events.read(0)] == [1, 2]
            first.close()
            second.close()
        finally:
            use_database(database_urls)
            postgres.drop_database("fresh_sequence")


class TestAReaderUnderAnotherIsolationLevel:
    @pytest.mark.promise("E3")
    def test_is_refused_instead_of_missing_events(self, app: Connection) -> None:
        app.set_session(isolation_level="REPEATABLE READ")
        with app.cursor() as cursor, pytest.raises(psycopg2.Error, match="READ COMMITTED only"):
            cursor.execute("SELECT safe_event_position()")


@pytest.fixture
def threads() -> Threads:
    return Threads(connections.close_all)


def append_raw(connection: Connection, tenant_id: UUID) -> int:
    """Append one event by the database function on a plain connection, and leave the transaction open."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant', %s, true)", (str(tenant_id),))
        cursor.execute(
            "SELECT append_events(%s, 'alice', NULL, '{c}', '{c}', %s::uuid[], '{stock}', %s::uuid[], '{1}',"
            " '{stock.received}', '{1}', '{2026-01-01}', ARRAY['{\"quantity\": 1}']::jsonb[])",
            (str(tenant_id), [str(new_id())], [str(new_id())]),
        )
        ((position,),) = cursor.fetchall()
    return int(position)


def stored_events(superuser: Connection, tenant_id: UUID) -> list[tuple[int, str, int]]:
    with superuser.cursor() as cursor:
        cursor.execute(
            "SELECT position, stream_id::text, version FROM event WHERE tenant_id = %s ORDER BY position",
            (str(tenant_id),),
        )
        return cursor.fetchall()
