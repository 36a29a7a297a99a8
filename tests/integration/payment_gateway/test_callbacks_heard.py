"""The real sandbox tells the real address of a late effect."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from django.db import connections

from adapters.django_orm.unit_of_work import DjangoUnitOfWork
from application.ports.payment_gateway import GatewayOutcomeUnknown
from domain.money import Money
from domain.orders.fulfilment import AUTHORISE
from domain.saga.progress import Direction, SagaStatus, call_key
from entrypoints.container import Container
from entrypoints.django_site.wsgi import application
from entrypoints.rest_api import wiring
from entrypoints.settings import Settings
from integration.fulfilling import FulfilmentHouse, now
from integration.payment_gateway.gateway_process import CALLBACK_SECRET, gateway_process
from integration.payment_gateway.test_callbacks import wait_until


class QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


@contextmanager
def served() -> Iterator[str]:
    """The API over PostgreSQL, with the secret of the sandbox's callbacks; its address."""
    container = Container()
    container.settings.override(Settings(payment_callback_secret=CALLBACK_SECRET))
    before = wiring.use(container)
    server = make_server("127.0.0.1", 0, application, handler_class=QuietHandler)

    def serve() -> None:
        server.serve_forever(0.02)
        connections.close_all()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        wiring.use(before)


@pytest.mark.promise("S9", "M1")
def test_money_for_a_cancelled_order_is_let_go_without_another_ask(tenant_id: UUID, tmp_path: Path) -> None:
    with served() as url:
        options = (
            "--callback-url",
            f"{url}/v1/payment-callbacks/sandbox",
            "--late-s",
            "0.3",
            "--hang-s",
            "0",
        )
        with gateway_process(tmp_path, *options) as process, process.gateway() as gateway:
            house = FulfilmentHouse(tenant_id, gateway, on_hand=1)
            house.place("tok_late_success")
            ((saga_id, order_id),) = house.sagas.items()
            with DjangoUnitOfWork(house.context) as uow:
                saga = uow.sagas.get(saga_id)
                saga.cancel(reason="changed my mind", at=now())
                uow.sagas.save(saga)
            with pytest.raises(GatewayOutcomeUnknown):  # a worker that was frozen makes the call after all
                gateway.authorise(
                    call_key(saga_id, AUTHORISE, 1, Direction.DO),
                    order_id=order_id,
                    amount=Money(420, "EUR"),
                    method="tok_late_success",
                )
            wait_until(lambda: house.saga(saga_id).progress(AUTHORISE).has_effect)
            assert house.saga(saga_id).is_due_at_once
            house.work(until={SagaStatus.COMPENSATED}, skip=timedelta(0))
            (entry,) = gateway.entries()
            assert (entry.order_id, entry.voided) == (order_id, True)
            (order,) = house.orders()
            assert order.status.value == "cancelled"
