"""Orders acknowledged by e-mail: a real mail server on this machine, real rows, and every answer it may give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from aiosmtpd.controller import Controller
from django.db import connections

from adapters.django_orm.outbox import DjangoBacklog, DjangoDeadLetters
from adapters.embedded.ports import free_port
from adapters.embedded.postgres_roles import DatabaseUrls
from adapters.thread_queue import ThreadQueue
from application.delivery.drain_key import DrainKeyHandler
from application.delivery.relay import RelayHandler
from application.orders.acknowledge_order import TRY_AGAIN_AFTER
from application.orders.place_order import PlaceOrder, PlaceOrderLine
from application.ports.outbox import Wake
from application.ports.read_models import OrderView
from application.ports.task_queue import Lane
from application.subscriptions import ORDER_EMAIL
from builders import a_context, a_product
from domain.inventory.product import Product
from entrypoints.container import Container
from entrypoints.settings import Settings


class Mailbox:
    """A mail server that takes everything, or answers as told."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.mails: list[EmailMessage] = []
        self.answer = "250 OK"
        self.look: Callable[[], object] = lambda: None
        """Called while a mail is being taken."""
        self._controller: Controller | None = None

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: object, session: object, envelope: Any, address: str, options: object
    ) -> str:
        if self.answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802
        self.look()
        self.mails.append(message_from_bytes(envelope.content, _class=EmailMessage, policy=policy.default))
        return "250 taken"

    def start(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A running mail server."""
    mailbox = Mailbox(free_port())
    mailbox.start()
    yield mailbox
    mailbox.stop()


@pytest.fixture
def container(mailbox: Mailbox, database_urls: object) -> Container:
    """Over PostgreSQL, with mail turned on."""
    container = Container()
    settings = Settings(
        smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_tls="none", smtp_from="shop@example.org"
    )
    container.settings.override(settings)
    return container


class Customer:
    """Places orders of one product for one tenant, and lets the worker run."""

    def __init__(self, container: Container, tenant_id: UUID) -> None:
        self.container, self.context = container, a_context(tenant_id=tenant_id)
        self.drain: DrainKeyHandler = container.drain_key()
        self.product: Product = a_product()
        with container.unit_of_work(self.context) as uow:
            uow.products.save(self.product)

    def order(self, **fields: Any) -> OrderView:
        line = PlaceOrderLine(sku=self.product.sku, quantity=2, unit_price="4.20")
        wish: dict[str, Any] = {"email": "ada@example.org", **fields}
        command = PlaceOrder(
            customer_ref="c-17", currency="EUR", lines=(line,), payment_method="tok_visa", **wish
        )
        placed: OrderView = self.container.place_order().handle(command, self.context).result
        return placed

    def work(self, order: OrderView) -> int:
        return self.drain.handle(Wake(self.context.tenant_id, ORDER_EMAIL, order.id))

    def dead_letters(self) -> list[str]:
        letters = DjangoDeadLetters().list(self.context.tenant_id, after=None, limit=10)
        return [letter.error for letter in letters]

    def wait(self, delta: timedelta) -> None:
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "UPDATE message SET due_at = due_at - make_interval(secs => %s) WHERE tenant_id = %s",
                [delta.total_seconds(), self.context.tenant_id],
            )


@pytest.fixture
def customer(container: Container, tenant_id: UUID) -> Customer:
    return Customer(container, tenant_id)


@pytest.mark.promise("O1")
def test_an_order_is_acknowledged_once(customer: Customer, mailbox: Mailbox) -> None:
    order = customer.order(reference="PO-1 ☎")
    assert customer.work(order) == 1
    assert customer.work(order) == 0
    (mail,) = mailbox.mails
    assert (mail["To"], mail["From"]) == ("ada@example.org", "shop@example.org")
    assert mail["Subject"] == "We have received your order: PO-1 ☎"
    assert mail["Auto-Submitted"] == "auto-generated"
    body = mail.get_content()
    assert f"2 x {customer.product.sku} at 4.20 EUR" in body
    assert "Total: 8.40 EUR" in body


@pytest.mark.promise("O5")
def test_no_transaction_is_open_while_the_mail_server_is_spoken_to(
    customer: Customer, mailbox: Mailbox, database_urls: DatabaseUrls
) -> None:
    seen: list[tuple[Any, ...]] = []

    def look() -> None:
        connection = psycopg2.connect(database_urls.superuser_url)
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*), count(xact_start) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            seen.extend(cursor.fetchall())
        connection.close()

    mailbox.look = look
    assert customer.work(customer.order()) == 1
    ((sessions, transactions),) = seen
    assert sessions > 0
    assert transactions == 0


def test_an_order_without_an_address_is_not_acknowledged(customer: Customer, mailbox: Mailbox) -> None:
    assert customer.work(customer.order(email=None)) == 1
    assert mailbox.mails == []


@pytest.mark.promise("O3", "O4")
@pytest.mark.parametrize("answer", ["451 come back later", "421 closing"])
def test_what_the_server_puts_off_is_tried_again_under_one_id(
    customer: Customer, mailbox: Mailbox, answer: str
) -> None:
    order = customer.order()
    mailbox.answer = answer
    assert customer.work(order) == 0
    assert customer.work(order) == 0  # not due yet
    customer.wait(TRY_AGAIN_AFTER[0])
    mailbox.answer = "250 OK"
    assert customer.work(order) == 1
    assert len(mailbox.mails) == 1
    assert customer.dead_letters() == []


@pytest.mark.promise("O4")
def test_a_server_that_is_away_loses_no_mail(customer: Customer, mailbox: Mailbox) -> None:
    order = customer.order()
    mailbox.stop()
    assert customer.work(order) == 0
    mailbox.start()
    customer.wait(TRY_AGAIN_AFTER[0])
    assert customer.work(order) == 1
    assert len(mailbox.mails) == 1


@pytest.mark.promise("O6")
def test_a_refused_address_is_a_dead_letter_at_once(customer: Customer, mailbox: Mailbox) -> None:
    mailbox.answer = "550 nobody here"
    assert customer.work(customer.order()) == 0
    (error,) = customer.dead_letters()
    assert "the server answered 550 to the recipient" in error


@pytest.mark.promise("O6")
@pytest.mark.parametrize(
    "email", ["not an address", "a@b.c\nBcc: eve@example.org", "@", "ada@", "ä@ü.example"]
)
def test_an_address_that_is_none_harms_nobody(customer: Customer, mailbox: Mailbox, email: str) -> None:
    customer.work(customer.order(email=email))
    assert [mail for mail in mailbox.mails if mail["Bcc"] or "eve" in str(mail["To"])] == []
    assert len(mailbox.mails) + len(customer.dead_letters()) == 1


@pytest.mark.promise("O1", "O7")
def test_relay_and_worker_bring_every_mail_by_themselves(
    customer: Customer, mailbox: Mailbox, release_thread: Callable[[], None]
) -> None:
    orders = [customer.order(reference=f"PO-{number}") for number in range(20)]

    def handle(wake: Wake) -> None:
        customer.drain.handle(wake)
        release_thread()

    queue = ThreadQueue(handle, threads=dict.fromkeys(Lane, 4))
    backlog = DjangoBacklog()
    relay = RelayHandler(backlog, queue)
    while relay.handle():
        pass
    queue.close(cancel=False)
    assert sorted(str(mail["Subject"]) for mail in mailbox.mails) == sorted(
        f"We have received your order: {order.reference}" for order in orders
    )
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == len(orders)
