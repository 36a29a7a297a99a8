"""What can be asked about orders."""

from __future__ import annotations

from typing import Final

from application.orders.amend_order import AmendOrder
from application.orders.cancel_order import CancelOrder
from application.orders.order_at_time import NotYetPlaced
from application.orders.order_at_version import VersionNotReached
from application.orders.place_order import PlaceOrder
from application.orders.return_order_lines import ReturnOrderLines
from application.orders.semantic_lock import OrderHeld
from application.ports.read_models import (
    EventView,
)
from domain.access import Scope
from domain.errors import Gone, NotFound
from domain.inventory.product import UnknownSku
from domain.orders.order import (
    CUSTOMER_REF_LENGTH_MAX,
    REFERENCE_LENGTH_MAX,
    OrderStatus,
    OrderStatusForbids,
    OrderTotalTooLarge,
    ReferenceTaken,
    ReturnTooLarge,
)
from domain.saga.saga import PastThePivot, SagaEnded
from domain.soft_deletion import GoneForGood, NotDeleted
from entrypoints.http_messages import query
from entrypoints.http_messages.operation import DELETED, LIMIT, REASON, Operation, body_of
from entrypoints.http_messages.order_answer import OrderAnswer
from entrypoints.limits import VERSION_MAX

_OF_CUSTOMER: Final = query.text(
    "customer_ref", "Only orders of this customer.", length_max=CUSTOMER_REF_LENGTH_MAX
)
_ORDER_FILTERS: Final = (
    query.one_of("status", "Only orders with this status.", OrderStatus),
    query.text("reference", "Only the order with this reference.", length_max=REFERENCE_LENGTH_MAX),
    query.instant("created_from", "Only orders created at this time or later."),
    query.instant("created_to", "Only orders created before this time."),
    DELETED,
    LIMIT,
    query.cursor(),
)

LIST_ORDERS: Final = Operation(
    id="listOrders", method="GET", path="/v1/orders", summary="List orders, newest first",
    scope=Scope.ORDERS_READ, result=OrderAnswer, is_list=True, gives_tag=False,
    query=(_OF_CUSTOMER, *_ORDER_FILTERS),
)  # fmt: skip
LIST_CUSTOMER_ORDERS: Final = Operation(
    id="listCustomerOrders", method="GET", path="/v1/customers/{customer_ref}/orders",
    summary="List the orders of one customer, newest first",
    scope=Scope.ORDERS_READ, result=OrderAnswer, is_list=True, gives_tag=False, query=_ORDER_FILTERS,
)  # fmt: skip
PLACE_ORDER: Final = Operation(
    id="placeOrder", method="POST", path="/v1/orders", summary="Place an order",
    scope=Scope.ORDERS_WRITE, result=OrderAnswer, status=201, gives_location=True, takes_key=True,
    needs_key=True, body=body_of(PlaceOrder), own_refusals=(UnknownSku, ReferenceTaken, OrderTotalTooLarge),
)  # fmt: skip
READ_ORDER: Final = Operation(
    id="readOrder", method="GET", path="/v1/orders/{order_id}",
    summary="Read an order, also as it was; its past stays readable when it is deleted",
    scope=Scope.ORDERS_READ, result=OrderAnswer,
    own_refusals=(NotFound, VersionNotReached, NotYetPlaced, Gone, GoneForGood),
    query=(
        query.whole_number(
            "at_version", "As it was at this version, from its events.", minimum=1, maximum=VERSION_MAX
        ),
        query.instant("at", "As it was at this time, from its events; not together with `at_version`."),
    ),
)  # fmt: skip
AMEND_ORDER: Final = Operation(
    id="amendOrder", method="PATCH", path="/v1/orders/{order_id}", summary="Change its note or address",
    scope=Scope.ORDERS_WRITE, result=OrderAnswer, takes_key=True, needs_version=True,
    body=body_of(AmendOrder), own_refusals=(NotFound, Gone, GoneForGood, OrderStatusForbids),
)  # fmt: skip
CANCEL_ORDER: Final = Operation(
    id="cancelOrder", method="POST", path="/v1/orders/{order_id}/cancel", summary="Cancel an order",
    scope=Scope.ORDERS_WRITE, result=OrderAnswer, takes_key=True, needs_key=True, needs_version=True,
    body=body_of(CancelOrder), own_refusals=(NotFound, Gone, GoneForGood, OrderStatusForbids, PastThePivot, SagaEnded),
    note="While the order is being fulfilled, its saga takes back what was done, and cancels the order then: at once "
    "if nothing outside has to be called, else the order is answered as it still is.",
)  # fmt: skip
SHIP_ORDER: Final = Operation(
    id="shipOrder", method="POST", path="/v1/orders/{order_id}/ship", summary="Say that the goods have left",
    scope=Scope.ORDERS_WRITE, result=OrderAnswer, takes_key=True, needs_key=True, needs_version=True,
    own_refusals=(NotFound, Gone, GoneForGood, OrderHeld, OrderStatusForbids),
)  # fmt: skip
DELIVER_ORDER: Final = Operation(
    id="deliverOrder", method="POST", path="/v1/orders/{order_id}/deliver",
    summary="Say that the customer has the goods",
    scope=Scope.ORDERS_WRITE, result=OrderAnswer, takes_key=True, needs_key=True, needs_version=True,
    own_refusals=(NotFound, Gone, GoneForGood, OrderHeld, OrderStatusForbids),
)  # fmt: skip
RETURN_ORDER_LINES: Final = Operation(
    id="returnOrderLines", method="POST", path="/v1/orders/{order_id}/returns",
    summary="Take goods of a delivered order back",
    scope=Scope.ORDERS_WRITE, result=OrderAnswer, takes_key=True, needs_key=True, needs_version=True,
    body=body_of(ReturnOrderLines),
    own_refusals=(NotFound, Gone, GoneForGood, OrderHeld, OrderStatusForbids, ReturnTooLarge),
)  # fmt: skip
DELETE_ORDER: Final = Operation(
    id="deleteOrder", method="DELETE", path="/v1/orders/{order_id}",
    summary="Delete a cancelled or delivered order; its reference is free again",
    scope=Scope.ORDERS_WRITE, result=None, status=204, takes_key=True, needs_version=True,
    query=(REASON,), own_refusals=(NotFound, Gone, GoneForGood, OrderHeld, OrderStatusForbids),
)  # fmt: skip
RESTORE_ORDER: Final = Operation(
    id="restoreOrder", method="POST", path="/v1/orders/{order_id}/restore", summary="Bring back a deleted order",
    scope=Scope.ORDERS_WRITE, result=OrderAnswer, takes_key=True, needs_version=True,
    own_refusals=(NotFound, GoneForGood, NotDeleted, ReferenceTaken),
)  # fmt: skip
LIST_ORDER_EVENTS: Final = Operation(
    id="listOrderEvents", method="GET", path="/v1/orders/{order_id}/events",
    summary="List the events of an order, oldest first; also of a deleted one",
    scope=Scope.ORDERS_READ, result=EventView, is_list=True, gives_tag=False, own_refusals=(NotFound,),
    query=(
        query.whole_number(
            "after_version", "Only events above this version.", minimum=0, maximum=VERSION_MAX, default=0
        ),
        LIMIT,
    ),
)  # fmt: skip

ORDER_OPERATIONS: Final = (
    LIST_ORDERS,
    PLACE_ORDER,
    READ_ORDER,
    AMEND_ORDER,
    CANCEL_ORDER,
    SHIP_ORDER,
    DELIVER_ORDER,
    RETURN_ORDER_LINES,
    DELETE_ORDER,
    RESTORE_ORDER,
    LIST_ORDER_EVENTS,
    LIST_CUSTOMER_ORDERS,
)
