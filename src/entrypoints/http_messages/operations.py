"""The API as a table: every operation with its scope, headers, body, query, answer and refusals.

The views take their checks from it and the OpenAPI document is written from it, so the two can't differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from application.conflict_retry import Overloaded
from application.inventory.adjust_stock import AdjustStock
from application.inventory.create_product import CreateProduct
from application.inventory.receive_stock import ReceiveStock
from application.inventory.rename_product import RenameProduct
from application.orders.amend_order import AmendOrder
from application.orders.cancel_order import CancelOrder
from application.orders.order_at_time import NotYetPlaced
from application.orders.order_at_version import VersionNotReached
from application.orders.place_order import PlaceOrder
from application.orders.return_order_lines import ReturnOrderLines
from application.ports.outbox import CONSUMER_LENGTH_MAX, ConsumerLag, DeadLetter
from application.ports.rate_limit import TooManyRequests
from application.ports.read_models import (
    PAGE_DEFAULT,
    PAGE_MAX,
    DeletedItems,
    EventView,
    OrderView,
    ProductView,
    StockView,
)
from application.ports.unit_of_work import StoreUnavailable, TransactionConflict
from domain.access import NotAuthenticated, Scope, ScopeMissing
from domain.errors import DomainError, Gone, InvalidInput, NotFound, StaleObjectError
from domain.idempotency import KeyReused, RequestInProgress
from domain.inventory.product import SkuTaken, UnknownSku
from domain.inventory.stock_item import InsufficientStock, StockHeld, StockLimitReached
from domain.orders.order import (
    CUSTOMER_REF_LENGTH_MAX,
    REFERENCE_LENGTH_MAX,
    OrderStatus,
    OrderStatusForbids,
    OrderTotalTooLarge,
    ReferenceTaken,
    ReturnTooLarge,
)
from domain.retention import REASON_LENGTH_MAX
from domain.soft_deletion import GoneForGood, NotDeleted
from entrypoints.http_messages import query
from entrypoints.http_messages.bodies import BodyDecoder
from entrypoints.http_messages.body_rules import EXAMPLES, RULES
from entrypoints.http_messages.query import QueryParameter
from entrypoints.http_messages.request_errors import (
    BodyTooLarge,
    IdempotencyKeyMissing,
    InternalError,
    MalformedBody,
    NotAcceptable,
    PreconditionRequired,
    UnsupportedMediaType,
)
from entrypoints.limits import VERSION_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """How a list answers; `next` is the address of the next page, or null."""

    items: tuple[Any, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method at one address. `takes_key`: Idempotency-Key is honoured; `needs_key`: it is required.

    `result` None: the answer has no body, only its headers. `note` tells callers what the headers and bodies don't.
    """

    id: str
    method: str
    path: str
    summary: str
    scope: Scope
    result: type | None
    is_list: bool = False
    status: int = 200
    takes_key: bool = False
    needs_key: bool = False
    needs_version: bool = False
    gives_tag: bool = True
    gives_location: bool = False
    body: BodyDecoder | None = None
    query: tuple[QueryParameter, ...] = ()
    own_refusals: tuple[type[DomainError], ...] = ()
    note: str = ""

    @property
    def is_change(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET"

    @property
    def refusals(self) -> tuple[type[DomainError], ...]:
        """Everything that this operation may refuse with, in the order of the checks (L8)."""
        found: list[type[DomainError]] = [
            NotAuthenticated, ScopeMissing, TooManyRequests, NotAcceptable, InvalidInput,
        ]  # fmt: skip
        if self.body is not None:
            found += [UnsupportedMediaType, BodyTooLarge, MalformedBody]
        if self.needs_key:
            found += [IdempotencyKeyMissing]
        if self.takes_key:
            found += [KeyReused, RequestInProgress]
        if self.needs_version:
            found += [PreconditionRequired, StaleObjectError]
        if self.is_change:
            found += [TransactionConflict, Overloaded]
        return (*found, *self.own_refusals, StoreUnavailable, InternalError)


def _body(command: type) -> BodyDecoder:
    return BodyDecoder(command, RULES, EXAMPLES[command.__name__])


_LIMIT: Final = query.whole_number(
    "limit", "How many items a page has at most.", minimum=1, maximum=PAGE_MAX, default=PAGE_DEFAULT
)

_DELETED: Final = query.one_of(
    "deleted",
    "`with`: deleted ones too; `only`: deleted ones alone. Left out: live ones alone.",
    DeletedItems,
)
_REASON: Final = query.text("reason", "Why it is deleted.", length_max=REASON_LENGTH_MAX)

LIST_PRODUCTS: Final = Operation(
    id="listProducts", method="GET", path="/v1/products", summary="List products, newest first",
    scope=Scope.PRODUCTS_READ, result=ProductView, is_list=True, gives_tag=False, query=(_DELETED, _LIMIT,
    query.cursor()),
)  # fmt: skip
CREATE_PRODUCT: Final = Operation(
    id="createProduct", method="POST", path="/v1/products", summary="Create a product with empty stock",
    scope=Scope.PRODUCTS_WRITE, result=ProductView, status=201, gives_location=True, takes_key=True,
    needs_key=True, body=_body(CreateProduct), own_refusals=(SkuTaken,),
)  # fmt: skip
READ_PRODUCT: Final = Operation(
    id="readProduct", method="GET", path="/v1/products/{sku}", summary="Read a product",
    scope=Scope.PRODUCTS_READ, result=ProductView, own_refusals=(NotFound, Gone),
)  # fmt: skip
RENAME_PRODUCT: Final = Operation(
    id="renameProduct", method="PATCH", path="/v1/products/{sku}", summary="Give a product another name",
    scope=Scope.PRODUCTS_WRITE, result=ProductView, takes_key=True, needs_version=True,
    body=_body(RenameProduct), own_refusals=(NotFound, Gone),
)  # fmt: skip
DELETE_PRODUCT: Final = Operation(
    id="deleteProduct", method="DELETE", path="/v1/products/{sku}",
    summary="Delete a product with its stock; the SKU is free again",
    scope=Scope.PRODUCTS_WRITE, result=None, status=204, takes_key=True, needs_version=True,
    query=(_REASON,), own_refusals=(NotFound, Gone, StockHeld),
)  # fmt: skip
RESTORE_PRODUCT: Final = Operation(
    id="restoreProduct", method="POST", path="/v1/products/{sku}/restore",
    summary="Bring back the product of this SKU that was deleted last",
    scope=Scope.PRODUCTS_WRITE, result=ProductView, takes_key=True, needs_version=True,
    own_refusals=(NotFound, NotDeleted, SkuTaken),
)  # fmt: skip
READ_STOCK: Final = Operation(
    id="readStock", method="GET", path="/v1/products/{sku}/stock", summary="Read the stock of a product",
    scope=Scope.PRODUCTS_READ, result=StockView, own_refusals=(NotFound, Gone),
)  # fmt: skip
RECEIVE_STOCK: Final = Operation(
    id="receiveStock", method="POST", path="/v1/products/{sku}/receipts", summary="Take goods into stock",
    scope=Scope.PRODUCTS_WRITE, result=StockView, takes_key=True, needs_key=True,
    body=_body(ReceiveStock), own_refusals=(NotFound, Gone, StockLimitReached),
)  # fmt: skip
ADJUST_STOCK: Final = Operation(
    id="adjustStock", method="POST", path="/v1/products/{sku}/adjustments",
    summary="Make the books follow a count, with the reason",
    scope=Scope.PRODUCTS_WRITE, result=StockView, takes_key=True, needs_key=True,
    body=_body(AdjustStock), own_refusals=(NotFound, Gone, InsufficientStock, StockLimitReached),
)  # fmt: skip
_OF_CUSTOMER: Final = query.text(
    "customer_ref", "Only orders of this customer.", length_max=CUSTOMER_REF_LENGTH_MAX
)
_ORDER_FILTERS: Final = (
    query.one_of("status", "Only orders with this status.", OrderStatus),
    query.text("reference", "Only the order with this reference.", length_max=REFERENCE_LENGTH_MAX),
    query.instant("created_from", "Only orders created at this time or later."),
    query.instant("created_to", "Only orders created before this time."),
    _DELETED,
    _LIMIT,
    query.cursor(),
)

LIST_ORDERS: Final = Operation(
    id="listOrders", method="GET", path="/v1/orders", summary="List orders, newest first",
    scope=Scope.ORDERS_READ, result=OrderView, is_list=True, gives_tag=False,
    query=(_OF_CUSTOMER, *_ORDER_FILTERS),
)  # fmt: skip
LIST_CUSTOMER_ORDERS: Final = Operation(
    id="listCustomerOrders", method="GET", path="/v1/customers/{customer_ref}/orders",
    summary="List the orders of one customer, newest first",
    scope=Scope.ORDERS_READ, result=OrderView, is_list=True, gives_tag=False, query=_ORDER_FILTERS,
)  # fmt: skip
PLACE_ORDER: Final = Operation(
    id="placeOrder", method="POST", path="/v1/orders", summary="Place an order",
    scope=Scope.ORDERS_WRITE, result=OrderView, status=201, gives_location=True, takes_key=True,
    needs_key=True, body=_body(PlaceOrder), own_refusals=(UnknownSku, ReferenceTaken, OrderTotalTooLarge),
)  # fmt: skip
READ_ORDER: Final = Operation(
    id="readOrder", method="GET", path="/v1/orders/{order_id}",
    summary="Read an order, also as it was; its past stays readable when it is deleted",
    scope=Scope.ORDERS_READ, result=OrderView,
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
    scope=Scope.ORDERS_WRITE, result=OrderView, takes_key=True, needs_version=True,
    body=_body(AmendOrder), own_refusals=(NotFound, Gone, GoneForGood, OrderStatusForbids),
)  # fmt: skip
CANCEL_ORDER: Final = Operation(
    id="cancelOrder", method="POST", path="/v1/orders/{order_id}/cancel", summary="Cancel an order",
    scope=Scope.ORDERS_WRITE, result=OrderView, takes_key=True, needs_key=True, needs_version=True,
    body=_body(CancelOrder), own_refusals=(NotFound, Gone, GoneForGood, OrderStatusForbids),
)  # fmt: skip
SHIP_ORDER: Final = Operation(
    id="shipOrder", method="POST", path="/v1/orders/{order_id}/ship", summary="Say that the goods have left",
    scope=Scope.ORDERS_WRITE, result=OrderView, takes_key=True, needs_key=True, needs_version=True,
    own_refusals=(NotFound, Gone, GoneForGood, OrderStatusForbids),
)  # fmt: skip
DELIVER_ORDER: Final = Operation(
    id="deliverOrder", method="POST", path="/v1/orders/{order_id}/deliver",
    summary="Say that the customer has the goods",
    scope=Scope.ORDERS_WRITE, result=OrderView, takes_key=True, needs_key=True, needs_version=True,
    own_refusals=(NotFound, Gone, GoneForGood, OrderStatusForbids),
)  # fmt: skip
RETURN_ORDER_LINES: Final = Operation(
    id="returnOrderLines", method="POST", path="/v1/orders/{order_id}/returns",
    summary="Take goods of a delivered order back",
    scope=Scope.ORDERS_WRITE, result=OrderView, takes_key=True, needs_key=True, needs_version=True,
    body=_body(ReturnOrderLines), own_refusals=(NotFound, Gone, GoneForGood, OrderStatusForbids, ReturnTooLarge),
)  # fmt: skip
DELETE_ORDER: Final = Operation(
    id="deleteOrder", method="DELETE", path="/v1/orders/{order_id}",
    summary="Delete a cancelled or delivered order; its reference is free again",
    scope=Scope.ORDERS_WRITE, result=None, status=204, takes_key=True, needs_version=True,
    query=(_REASON,), own_refusals=(NotFound, Gone, GoneForGood, OrderStatusForbids),
)  # fmt: skip
RESTORE_ORDER: Final = Operation(
    id="restoreOrder", method="POST", path="/v1/orders/{order_id}/restore", summary="Bring back a deleted order",
    scope=Scope.ORDERS_WRITE, result=OrderView, takes_key=True, needs_version=True,
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
        _LIMIT,
    ),
)  # fmt: skip
READ_LAG: Final = Operation(
    id="readLag", method="GET", path="/v1/ops/lag",
    summary="Show what each consumer of messages has before it",
    scope=Scope.OPS, result=ConsumerLag, is_list=True, gives_tag=False,
    note="Names the consumers that have messages, or settled some in the last minute; all of them on one page.",
)  # fmt: skip
LIST_DEAD_LETTERS: Final = Operation(
    id="listDeadLetters", method="GET", path="/v1/ops/dead-letters",
    summary="List messages that no further try is made for, oldest first",
    scope=Scope.OPS, result=DeadLetter, is_list=True, gives_tag=False,
    query=(
        query.text("consumer", "Only those for this consumer.", length_max=CONSUMER_LENGTH_MAX),
        _LIMIT,
        query.cursor(),
    ),
)  # fmt: skip
REPLAY_DEAD_LETTER: Final = Operation(
    id="replayDeadLetter", method="POST", path="/v1/ops/dead-letters/{message_id}/replay",
    summary="Let a dead letter be tried again; what waits behind it follows in order",
    scope=Scope.OPS, result=None, status=204, gives_tag=False, own_refusals=(NotFound,),
    note="Needs no `Idempotency-Key`: once it is replayed it is no dead letter, so that a retry is answered 404 and "
    "does nothing.",
)  # fmt: skip

OPERATIONS: Final = (
    LIST_PRODUCTS, CREATE_PRODUCT, READ_PRODUCT, RENAME_PRODUCT, DELETE_PRODUCT, RESTORE_PRODUCT,
    READ_STOCK, RECEIVE_STOCK, ADJUST_STOCK,
    LIST_ORDERS, PLACE_ORDER, READ_ORDER, AMEND_ORDER, CANCEL_ORDER, SHIP_ORDER, DELIVER_ORDER,
    RETURN_ORDER_LINES, DELETE_ORDER, RESTORE_ORDER, LIST_ORDER_EVENTS, LIST_CUSTOMER_ORDERS,
    READ_LAG, LIST_DEAD_LETTERS, REPLAY_DEAD_LETTER,
)  # fmt: skip


def by_method(*operations: Operation) -> Mapping[str, Operation]:
    """The operations of one address by their method; HEAD is read as GET is."""
    found = {operation.method: operation for operation in operations}
    if "GET" in found:
        found["HEAD"] = found["GET"]
    return found
