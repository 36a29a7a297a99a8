"""A worker that stands still in the middle of a call, past its lease: what it hears in the end comes too late."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from adapters.django_orm import schema
from adapters.django_orm.access import DjangoAccessAdministration
from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from adapters.embedded.postgres_roles import DatabaseUrls
from adapters.embedded.stack import EmbeddedStack
from adapters.system_clock import new_id
from application.orders.cancel_order import CancelOrder, CancelOrderHandler
from domain.saga.progress import Direction, SagaStatus, call_key
from integration.conftest import use_database
from integration.fulfilling import FulfilmentHouse, now
from integration.payment_gateway.gateway_process import TOKEN, GatewayProcess, gateway_process
from integration.payment_gateway.turnstile import Turnstile, turnstile_before

pytestmark = pytest.mark.timeout(180)
OWN_DATABASE: Final = "frozen_worker"
"""Workers take up the sagas of all tenants, also those that other tests leave behind."""
WAIT_S_MAX: Final = 40.0
POLL_S: Final = 0.05
ON_HAND: Final = 5
CALLS: Final = {"authorise": "/authorisations", "capture": "/capture"}
TABLES: Final = ("customer_order", "payment", "stock_item", "stock_reservation", "saga", "event")


@pytest.fixture(scope="module")
def own_urls(postgres: EmbeddedStack, database_urls: DatabaseUrls) -> Iterator[DatabaseUrls]:
    """A database with nothing in it but what these tests make."""
    urls = postgres.create_database(OWN_DATABASE)
    use_database(urls)
    schema.migrate()
    yield urls
    use_database(database_urls)
    postgres.drop_database(OWN_DATABASE)


@dataclass
class Worker:
    """`holdwater worker` over that database, without a broker, paying through that address."""

    urls: DatabaseUrls
    folder: Path
    gateway_url: str
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        environment = {
            "DATABASE_URL": self.urls.app_url,
            "DATABASE_SYSTEM_URL": self.urls.system_url,
            "REDIS_URL": "",
            "BROKER_URL": "",
            "HOLDWATER_PAYMENT_GATEWAY_URL": self.gateway_url,
            "HOLDWATER_PAYMENT_GATEWAY_TOKEN": TOKEN,
        }
        with (self.folder / "worker.log").open("ab") as log:
            self.process = subprocess.Popen(
                [Path(sys.executable).parent / "holdwater", "worker", "--state-dir", self.folder],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def freeze(self) -> None:
        """SIGSTOP; returns when the kernel says that it stands still."""
        self.process.send_signal(signal.SIGSTOP)
        _, status = os.waitpid(self.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)

    def thaw(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def finish(self) -> None:
        """Let it do to the end what it has begun."""
        self.process.terminate()
        assert self.process.wait(WAIT_S_MAX) == 0

    def kill(self) -> None:
        """Whatever state it is in."""
        self.process.kill()
        self.process.wait(WAIT_S_MAX)


class Scene:
    """One order whose worker is frozen in a call, and everything around it."""

    def __init__(
        self, urls: DatabaseUrls, folder: Path, gateway: GatewayProcess, turnstile: Turnstile
    ) -> None:
        self.urls, self.folder, self.gateway, self.turnstile = urls, folder, gateway, turnstile
        self._workers = ExitStack()
        tenant_id = new_id()
        DjangoAccessAdministration().create_tenant(tenant_id, f"tenant-{tenant_id.hex}")
        with gateway.gateway() as adapter:
            self.house = FulfilmentHouse(tenant_id, adapter, on_hand=ON_HAND)
        self.house.place("tok_visa")
        ((self.saga_id, self.order_id),) = self.house.sagas.items()

    def worker(self, gateway_url: str) -> Worker:
        """One more."""
        worker = Worker(self.urls, self.folder, gateway_url)
        self._workers.callback(worker.kill)
        return worker

    def close(self) -> None:
        """End all workers."""
        self._workers.close()

    def cancel(self) -> None:
        """As the customer asks for."""
        handler = CancelOrderHandler(
            open_unit_of_work=DjangoUnitOfWork, now=now, new_id=new_id, back_off=lambda attempt: None
        )
        handler.handle(
            CancelOrder(order_id=self.order_id, expected_version=None, reason="changed my mind"),
            self.house.context,
        )

    def let_time_pass(self, connection: Connection) -> None:
        """The lease runs out, and so does the time in which an effect may still appear; nobody has to wait for it."""
        self._execute(
            connection,
            "UPDATE saga SET leased_until = leased_until - interval '2 minutes', wake_at = clock_timestamp(),"
            " doubt_since = doubt_since - interval '2 minutes' WHERE id = %s",
        )

    def rows(self, connection: Connection) -> Mapping[str, list[Any]]:
        """Everything that is stored of it, but for late replies."""
        found = {}
        for table in TABLES:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT * FROM {table} WHERE tenant_id = %s", (self.house.context.tenant_id,))
                found[table] = sorted(cursor.fetchall(), key=str)
        return found

    def late_replies(self, connection: Connection) -> list[tuple[str, str]]:
        """Key and reply."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT key, reply FROM late_reply WHERE saga_id = %s", (self.saga_id,))
            return cursor.fetchall()

    def operations(self) -> list[str]:
        """What the gateway carried out for the order, in order."""
        with self.gateway.gateway() as adapter:
            return [
                effect.operation.value
                for entry in adapter.entries()
                if entry.order_id == self.order_id
                for effect in entry.effects
            ]

    def status(self) -> SagaStatus:
        """Of the saga."""
        return self.house.saga(self.saga_id).status

    def order_status(self) -> str:
        """Of the order."""
        (order,) = self.house.orders()
        return order.status.value

    def payment_status(self) -> str:
        """Of its one payment."""
        with DjangoUnitOfWork(self.house.context) as uow:
            (payment,) = uow.payments.of_order(self.order_id)
        return payment.status.value

    def key(self, step: str) -> str:
        """Of the call that was held up."""
        return call_key(self.saga_id, step, 1, Direction.DO)

    def _execute(self, connection: Connection, sql: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, (self.saga_id,))


SceneOf = Callable[[str], Scene]


@pytest.fixture
def scene_of(own_urls: DatabaseUrls, tmp_path: Path) -> Iterator[SceneOf]:
    """A scene whose turnstile holds that call; it is cleared away at the end."""
    with ExitStack() as stack:

        def build(step: str) -> Scene:
            gateway = stack.enter_context(gateway_process(tmp_path))
            turnstile = stack.enter_context(turnstile_before(gateway.url, holds=CALLS[step]))
            scene = Scene(own_urls, tmp_path, gateway, turnstile)
            stack.callback(scene.close)
            return scene

        yield build


@pytest.fixture
def database(own_urls: DatabaseUrls) -> Iterator[Connection]:
    """A connection that may do anything; as time does."""
    with closing(psycopg2.connect(own_urls.superuser_url)) as connection:
        connection.autocommit = True
        yield connection


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll until it holds."""
    deadline = time.monotonic() + WAIT_S_MAX
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(POLL_S)


def frozen_after_the_effect(scene: Scene) -> Worker:
    """A worker that stands still while the answer to its call lies ready for it."""
    scene.turnstile.may_pass.set()
    worker = scene.worker(scene.turnstile.url)
    assert scene.turnstile.has_passed.wait(WAIT_S_MAX)
    worker.freeze()
    scene.turnstile.may_return.set()
    assert scene.turnstile.has_returned.wait(WAIT_S_MAX)
    return worker


def changes_nothing_when_it_goes_on(scene: Scene, frozen: Worker, database: Connection, step: str) -> None:
    """Of the frozen worker's answer a late reply is left, and nothing else."""
    before, operations = scene.rows(database), scene.operations()
    frozen.thaw()
    wait_until(lambda: bool(scene.late_replies(database)), "no late reply was kept")
    frozen.finish()
    assert scene.rows(database) == before
    assert scene.operations() == operations
    ((key, reply),) = scene.late_replies(database)
    assert key == scene.key(step)
    assert reply.startswith("do: StepDone(result='pay_")


@pytest.mark.promise("S2", "S8", "S9")
@pytest.mark.parametrize("step", CALLS)
def test_another_worker_has_finished_meanwhile(scene_of: SceneOf, database: Connection, step: str) -> None:
    scene = scene_of(step)
    frozen = frozen_after_the_effect(scene)
    scene.let_time_pass(database)
    other = scene.worker(scene.gateway.url)
    wait_until(lambda: scene.status() is SagaStatus.COMPLETED, "the other worker did not go on")
    other.finish()
    changes_nothing_when_it_goes_on(scene, frozen, database, step)
    assert (scene.order_status(), scene.payment_status()) == ("confirmed", "captured")
    assert scene.operations() == ["authorise", "capture"]


@pytest.mark.promise("S4", "S8", "S9", "S11")
def test_another_worker_has_found_and_undone_its_effect_meanwhile(
    scene_of: SceneOf, database: Connection
) -> None:
    scene = scene_of("authorise")
    frozen = frozen_after_the_effect(scene)
    scene.cancel()
    scene.let_time_pass(database)
    other = scene.worker(scene.gateway.url)
    wait_until(lambda: scene.status() is SagaStatus.COMPENSATED, "the other worker did not go on")
    other.finish()
    changes_nothing_when_it_goes_on(scene, frozen, database, "authorise")
    assert (scene.order_status(), scene.payment_status()) == ("cancelled", "voided")
    assert scene.operations() == ["authorise", "void"]


@pytest.mark.promise("S4", "S8", "S9", "S11")
def test_its_effect_comes_after_everything_was_undone(scene_of: SceneOf, database: Connection) -> None:
    scene = scene_of("authorise")
    frozen = scene.worker(scene.turnstile.url)
    assert scene.turnstile.has_come.wait(WAIT_S_MAX)
    frozen.freeze()
    scene.cancel()
    scene.let_time_pass(database)
    other = scene.worker(scene.gateway.url)
    wait_until(lambda: scene.status() is SagaStatus.COMPENSATED, "the other worker did not go on")
    cancelled = scene.rows(database)
    assert (scene.order_status(), scene.operations()) == ("cancelled", [])

    scene.turnstile.may_pass.set()
    scene.turnstile.may_return.set()
    assert scene.turnstile.has_returned.wait(WAIT_S_MAX)
    frozen.thaw()
    wait_until(lambda: scene.operations() == ["authorise", "void"], "the money was not let go")
    wait_until(lambda: scene.status() is SagaStatus.COMPENSATED, "the void was not taken in")
    frozen.finish()
    other.finish()
    assert scene.operations() == ["authorise", "void"]
    assert (scene.order_status(), scene.payment_status()) == ("cancelled", "voided")
    now_stored = scene.rows(database)
    for table in ("customer_order", "stock_item", "stock_reservation"):
        assert now_stored[table] == cancelled[table]
    ((key, _),) = scene.late_replies(database)
    assert key == scene.key("authorise")
