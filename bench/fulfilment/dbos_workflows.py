"""The same four steps as a durable workflow of DBOS; runs in an environment of its own, over our payment gateway."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, SQLAlchemyDatasource

from adapters.memory.payment_gateway import InMemoryPaymentGateway
from adapters.payment_gateways.sandbox import SandboxPaymentGateway
from application.ports.payment_gateway import PaymentGateway
from domain.money import Money
from shared.crew import READY

QUEUE: Final = "orders"
POLLING_S: Final = 0.05
"""The queue is asked so often; the default, a second, would cost it a part of each round."""
ROUND_TIMEOUT_S: Final = 300.0


class Countdown:
    """Waits until so many notices were given: the last step of each workflow."""

    def __init__(self) -> None:
        self._left, self._lock, self._all = 0, threading.Lock(), threading.Event()

    def expect(self, count: int) -> None:
        """Begin anew."""
        self._left = count
        self._all.clear()

    def one(self) -> None:
        """One less."""
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self._all.set()

    def wait(self) -> None:
        """Raises RuntimeError if they don't come."""
        if not self._all.wait(ROUND_TIMEOUT_S):
            raise RuntimeError(f"{self._left} workflows have not ended")


class Workflows:
    """One process of DBOS: `count` orders at a time, by threads that call workflows or by a queue."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._threads, self._uses_queue = order["threads"], order["uses_queue"]
        self._skus: list[str] = order["skus"]
        table, schema = order["table"], order["schema"]
        config: DBOSConfig = {
            "name": schema.replace("_", "-"),
            "system_database_url": order["url"],
            "dbos_system_schema": schema,
            "log_level": "ERROR",
        }
        DBOS(config=config)
        source = SQLAlchemyDatasource.create(
            order["url"], {"pool_size": order["threads"], "max_overflow": 0}, schema=schema
        )
        self._notified = Countdown()
        self._workflow = _workflow(_gateway(order["gateway"]), source, table, self._notified)
        DBOS.launch()
        if self._uses_queue:
            DBOS.register_queue(QUEUE, worker_concurrency=self._threads, polling_interval_sec=POLLING_S)
        self._pool = ThreadPoolExecutor(self._threads)

    def prepare(self, count: int) -> None:
        """Put the next orders together; nothing of them is stored before the clock starts, unless there is a queue."""
        self._orders = [(str(uuid4()), self._skus[number % len(self._skus)], 420) for number in range(count)]

    def run(self) -> None:
        """All of them to their end."""
        if self._uses_queue:
            self._notified.expect(len(self._orders))
            for _ in self._pool.map(
                lambda order: DBOS.enqueue_workflow(QUEUE, self._workflow, *order), self._orders
            ):
                pass
            self._notified.wait()
        else:
            for _ in self._pool.map(lambda order: self._workflow(*order), self._orders):
                pass


def _gateway(order: dict[str, Any] | None) -> PaymentGateway:
    if order is None:
        return InMemoryPaymentGateway(now=lambda: datetime.now(UTC))
    return SandboxPaymentGateway(order["url"], token=order["token"], timeout_s=20, settle_s=30)


def _workflow(
    gateway: PaymentGateway, source: SQLAlchemyDatasource, table: str, notified: Countdown
) -> Callable[[str, str, int], str]:
    take = sa.text(
        f"UPDATE {table} SET on_hand = on_hand - 1, sold = sold + 1"  # noqa: S608 - a name of the benchmark's own
        " WHERE sku = :sku AND on_hand > 0"
    )

    @DBOS.step()
    def authorise(order_id: str, amount: int) -> str:
        reply = gateway.authorise(
            f"{order_id}:authorise", order_id=UUID(order_id), amount=Money(amount, "EUR"), method="tok_visa"
        )
        return reply.payment_id

    @source.transaction(isolation_level="READ COMMITTED")
    def reserve(sku: str) -> None:
        if source.sql_session().execute(take, {"sku": sku}).rowcount != 1:  # type: ignore[attr-defined]
            raise RuntimeError(f"nothing is left of {sku}")

    @DBOS.step()
    def capture(order_id: str, payment_id: str, amount: int) -> str:
        reply = gateway.capture(f"{order_id}:capture", payment_id=payment_id, amount=Money(amount, "EUR"))
        return reply.payment_id

    @DBOS.step()
    def notify(order_id: str) -> str:
        notified.one()
        return f"{order_id} is paid"

    @DBOS.workflow()
    def fulfil(order_id: str, sku: str, amount: int) -> str:
        payment_id = authorise(order_id, amount)
        reserve(sku)
        capture(order_id, payment_id, amount)
        return notify(order_id)

    return fulfil


def main() -> None:
    """A first line that says how, then for each count a line, `go`, and what it took."""
    workflows = Workflows(json.loads(sys.stdin.readline()))
    print(READY, flush=True)
    for line in sys.stdin:
        if line.strip() == "go":
            began, cpu = time.perf_counter(), time.process_time()
            workflows.run()
            took = {"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
            print(json.dumps(took), flush=True)
        else:
            workflows.prepare(int(line))
            print(READY, flush=True)
    DBOS.destroy()


if __name__ == "__main__":
    main()
