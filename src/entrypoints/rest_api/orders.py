"""Orders over HTTP."""

from __future__ import annotations

from urllib.parse import quote
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from application.orders.amend_order import AmendOrder
from application.orders.cancel_order import CancelOrder
from application.orders.delete_order import DeleteOrder
from application.orders.deliver_order import DeliverOrder
from application.orders.order_at_time import OrderAtTime
from application.orders.order_at_version import OrderAtVersion
from application.orders.place_order import PlaceOrder
from application.orders.restore_order import RestoreOrder
from application.orders.return_order_lines import ReturnOrderLines
from application.orders.ship_order import ShipOrder
from application.ports.read_models import PAGE_DEFAULT, OrderFilter
from domain.access import Scope
from domain.errors import InvalidInput
from domain.orders.order import CUSTOMER_REF_LENGTH_MAX, Order
from domain.text import require_text
from entrypoints.http_messages.cursors import to_cursor
from entrypoints.http_messages.operation import by_method
from entrypoints.http_messages.order_operations import (
    AMEND_ORDER,
    CANCEL_ORDER,
    DELETE_ORDER,
    DELIVER_ORDER,
    LIST_CUSTOMER_ORDERS,
    LIST_ORDER_EVENTS,
    LIST_ORDERS,
    PLACE_ORDER,
    READ_ORDER,
    RESTORE_ORDER,
    RETURN_ORDER_LINES,
    SHIP_ORDER,
)
from entrypoints.rest_api.addresses import known_id
from entrypoints.rest_api.api_view import ApiView
from entrypoints.rest_api.wiring import container


class Orders(ApiView):
    """/v1/orders"""

    operations = by_method(LIST_ORDERS, PLACE_ORDER)

    def get(self, request: Request) -> HttpResponse:
        """A page of orders."""
        after, limit = self.query.pop("cursor", None), self.query.pop("limit", PAGE_DEFAULT)
        with container().read_models(self.context.tenant_id) as views:
            page = views.orders(OrderFilter(**self.query), after=after, limit=limit)
        return self.listed(page.items, page.next and {"cursor": to_cursor(page.next)})

    def post(self, request: Request) -> HttpResponse:
        """Place an order; dating it needs a scope of its own."""
        command = PlaceOrder(**self.fields)
        if command.ordered_at is not None:
            self.principal.require(Scope.ORDERS_IMPORT)
        answer = container().place_order().handle(command, self.context)
        return self.answer(answer, location=f"/v1/orders/{answer.result.id}")


class OneOrder(ApiView):
    """/v1/orders/{order_id}"""

    operations = by_method(READ_ORDER, AMEND_ORDER, DELETE_ORDER)

    def get(self, request: Request, order_id: str) -> HttpResponse:
        """The order as it stands, or as it was."""
        found_id = known_order_id(order_id)
        if "at" in self.query and "at_version" in self.query:
            raise InvalidInput(field="at", problem="can't be asked for together with at_version")
        if "at" in self.query:
            then = OrderAtTime(order_id=found_id, at=self.query["at"])
            return self.shown(container().order_at_time().handle(then, self.context))
        if "at_version" in self.query:
            asked = OrderAtVersion(order_id=found_id, version=self.query["at_version"])
            return self.shown(container().order_at_version().handle(asked, self.context))
        with container().read_models(self.context.tenant_id) as views:
            return self.shown(views.order(found_id))

    def patch(self, request: Request, order_id: str) -> HttpResponse:
        """Amend the order."""
        command = AmendOrder(
            order_id=known_order_id(order_id), expected_version=self.expected_version, **self.fields
        )
        return self.answer(container().amend_order().handle(command, self.context))

    def delete(self, request: Request, order_id: str) -> HttpResponse:
        """Delete the order; answers its tag."""
        command = DeleteOrder(
            order_id=known_order_id(order_id),
            expected_version=self.expected_version,
            actor=self.context.actor,
            **self.query,
        )
        return self.answer(container().delete_order().handle(command, self.context))


class OrderRestoration(ApiView):
    """/v1/orders/{order_id}/restore"""

    operations = by_method(RESTORE_ORDER)

    def post(self, request: Request, order_id: str) -> HttpResponse:
        """Bring the order back."""
        command = RestoreOrder(order_id=known_order_id(order_id), expected_version=self.expected_version)
        return self.answer(container().restore_order().handle(command, self.context))


class OrderCancellation(ApiView):
    """/v1/orders/{order_id}/cancel"""

    operations = by_method(CANCEL_ORDER)

    def post(self, request: Request, order_id: str) -> HttpResponse:
        """Cancel the order."""
        command = CancelOrder(
            order_id=known_order_id(order_id), expected_version=self.expected_version, **self.fields
        )
        return self.answer(container().cancel_order().handle(command, self.context))


class OrderShipment(ApiView):
    """/v1/orders/{order_id}/ship"""

    operations = by_method(SHIP_ORDER)

    def post(self, request: Request, order_id: str) -> HttpResponse:
        """Ship the order."""
        command = ShipOrder(order_id=known_order_id(order_id), expected_version=self.expected_version)
        return self.answer(container().ship_order().handle(command, self.context))


class OrderDelivery(ApiView):
    """/v1/orders/{order_id}/deliver"""

    operations = by_method(DELIVER_ORDER)

    def post(self, request: Request, order_id: str) -> HttpResponse:
        """Deliver the order."""
        command = DeliverOrder(order_id=known_order_id(order_id), expected_version=self.expected_version)
        return self.answer(container().deliver_order().handle(command, self.context))


class OrderReturns(ApiView):
    """/v1/orders/{order_id}/returns"""

    operations = by_method(RETURN_ORDER_LINES)

    def post(self, request: Request, order_id: str) -> HttpResponse:
        """Take goods back."""
        command = ReturnOrderLines(
            order_id=known_order_id(order_id), expected_version=self.expected_version, **self.fields
        )
        return self.answer(container().return_order_lines().handle(command, self.context))


class OrderEvents(ApiView):
    """/v1/orders/{order_id}/events"""

    operations = by_method(LIST_ORDER_EVENTS)

    def get(self, request: Request, order_id: str) -> HttpResponse:
        """A page of the order's events."""
        found_id, limit = known_order_id(order_id), self.query.get("limit", PAGE_DEFAULT)
        with container().read_models(self.context.tenant_id) as views:
            events = views.order_events(
                found_id, after_version=self.query.get("after_version", 0), limit=limit
            )
        is_full = len(events) == limit
        return self.listed(events, {"after_version": str(events[-1].version)} if is_full else None)


class CustomerOrders(ApiView):
    """/v1/customers/{customer_ref}/orders"""

    operations = by_method(LIST_CUSTOMER_ORDERS)

    def get(self, request: Request, customer_ref: str) -> HttpResponse:
        """A page of the customer's orders; a customer is known by orders alone, so one without any has none."""
        require_text("customer_ref", customer_ref, length_max=CUSTOMER_REF_LENGTH_MAX)
        after, limit = self.query.pop("cursor", None), self.query.pop("limit", PAGE_DEFAULT)
        wanted = OrderFilter(customer_ref=customer_ref, **self.query)
        with container().read_models(self.context.tenant_id) as views:
            page = views.orders(wanted, after=after, limit=limit)
        path = f"/v1/customers/{quote(customer_ref, safe='')}/orders"
        return self.listed(page.items, page.next and {"cursor": to_cursor(page.next)}, path=path)


def known_order_id(text: str) -> UUID:
    """The id of that address, in its one canonical form. Raises NotFound, as for an id that nobody has."""
    return known_id(Order.kind, text)
