"""Batches that are loaded later, on PostgreSQL: once, whoever loads them at the same time, and by a worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC
from typing import Any
from uuid import UUID

import pytest
from dependency_injector import providers
from django.db import connections

from adapters.django_orm.read_models import DjangoReadModels
from adapters.django_orm.tenant_session import query_once
from application.ports.intakes import LOAD_INTAKE, IntakeView
from application.ports.outbox import Message, Wake
from application.telemetry.receive_readings import ReceiveReadings
from builders import a_context, a_key, a_sent_batch
from domain.telemetry import intake as intake_rules
from domain.telemetry.batch import BatchResult, Mode
from domain.telemetry.intake import TooManyIntakes
from entrypoints.container import Container
from entrypoints.settings import Settings
from entrypoints.worker.roles import run_worker
from unit.contracts.threads import Threads

LOADERS = 6
ROWS = 500
WAIT_S_MAX = 30.0
START_US = 1_767_225_600_000_000


def lines(series: str, rows: int = ROWS, first: int = 0) -> bytes:
    """Readings of one device, a second apart."""
    return b"".join(
        f"{series} t={n} {(START_US + n * 1_000_000) * 1_000}\n".encode() for n in range(first, first + rows)
    )


@pytest.fixture
def threads() -> Threads:
    return Threads(connections.close_all)


@pytest.fixture
def container(database_urls: object) -> Container:
    """Everything over the test's database; no broker, nobody to tell of anything."""
    container = Container()
    container.settings.override(providers.Object(Settings(worker_threads=1, saga_threads=1)))
    return container


@pytest.fixture
def receive(container: Container, tenant_id: UUID) -> Callable[..., IntakeView]:
    """Take a batch in."""

    def take_in(body: bytes, **batch: Any) -> IntakeView:
        context = a_context(tenant_id=tenant_id, key=a_key(name=body[:40].decode(), content=str(hash(body))))
        command = ReceiveReadings.of(a_sent_batch(**batch), body)
        return container.receive_readings().handle(command, context).result

    return take_in


def shown(tenant_id: UUID, intake: IntakeView) -> IntakeView:
    with DjangoReadModels(tenant_id) as views:
        return views.intake(intake.id)


def stored(tenant_id: UUID) -> int:
    ((count,),) = query_once(tenant_id, "SELECT count(*) FROM sensor_reading")
    return int(count)


def bodies(tenant_id: UUID) -> int:
    ((count,),) = query_once(tenant_id, "SELECT count(*) FROM intake_body")
    return int(count)


@pytest.mark.promise("W1", "W2", "O3")
def test_a_message_that_comes_to_several_at_once_loads_the_batch_once(
    container: Container, tenant_id: UUID, receive: Callable[..., IntakeView], threads: Threads
) -> None:
    received = receive(lines("pump-7"), mode=Mode.PARTIAL)
    message = container.message_claims().claim(Wake(tenant_id, LOAD_INTAKE, received.id))
    assert isinstance(message, Message)
    event = message.read_event()
    outcomes = threads.race(LOADERS, lambda _: container.load_intake().act(message, event))
    assert [outcome.error for outcome in outcomes] == [None] * LOADERS
    loaded = shown(tenant_id, received)
    assert (loaded.status, loaded.version) == ("loaded", 2)
    assert loaded.result == BatchResult(accepted=ROWS, duplicate=0, conflict=0, rejected=0)
    assert (stored(tenant_id), bodies(tenant_id)) == (ROWS, 0)


@pytest.mark.promise("W2", "W3")
def test_a_batch_that_several_refuse_at_once_is_refused_once(
    container: Container, tenant_id: UUID, receive: Callable[..., IntakeView], threads: Threads
) -> None:
    received = receive(lines("pump-7") + b"pump-7 t=NaN\n")
    message = container.message_claims().claim(Wake(tenant_id, LOAD_INTAKE, received.id))
    assert message is not None
    event = message.read_event()
    outcomes = threads.race(LOADERS, lambda _: container.load_intake().act(message, event))
    assert [outcome.error for outcome in outcomes] == [None] * LOADERS
    refused = shown(tenant_id, received)
    assert refused.refusal is not None
    assert (refused.refusal.code, refused.version) == ("batch-refused", 2)
    assert (stored(tenant_id), bodies(tenant_id)) == (0, 0)


@pytest.mark.promise("W1", "O1", "O2")
def test_a_worker_loads_whatever_comes_in(
    container: Container, tenant_id: UUID, receive: Callable[..., IntakeView]
) -> None:
    """Batches overlap: each says what it added, together every reading once. A large one comes in pieces."""
    received = [receive(lines(f"pump-{n % 2}", first=100 * (n // 2))) for n in range(6)]
    noise = "x" * 2_500_000
    received.append(receive(f"# {noise}\npump-9 t=1\n".encode()))
    assert bodies(tenant_id) >= len(received)
    stop = threading.Event()
    worker = threading.Thread(target=run_worker, args=(container, stop))
    worker.start()
    try:
        until = time.monotonic() + WAIT_S_MAX
        while time.monotonic() < until:
            views = [shown(tenant_id, each) for each in received]
            if all(view.ended_at for view in views):
                break
            time.sleep(0.05)
    finally:
        stop.set()
        worker.join()
    results = [view.result for view in views if view.result is not None]
    assert len(results) == len(received)
    assert sum(result.accepted for result in results) == 2 * (ROWS + 200) + 1 == stored(tenant_id)
    assert sum(result.accepted + result.duplicate for result in results) == 6 * ROWS + 1
    ((at,),) = query_once(tenant_id, "SELECT max(ts) FROM sensor_reading")
    assert at.astimezone(UTC) == received[-1].received_at
    assert bodies(tenant_id) == 0


@pytest.mark.promise("W6")
def test_those_who_send_at_once_are_held_back(
    container: Container,
    tenant_id: UUID,
    receive: Callable[..., IntakeView],
    threads: Threads,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake_rules, "INTAKES_WAITING_MAX", 3)
    for n in range(3):
        receive(lines(f"first-{n}", rows=1))
    outcomes = threads.race(LOADERS, lambda index: receive(lines(f"late-{index}", rows=1)))
    assert [type(outcome.error) for outcome in outcomes] == [TooManyIntakes] * LOADERS
    assert bodies(tenant_id) == 3
