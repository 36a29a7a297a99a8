"""What the steps of an order's fulfilment do, and what they mean for order, payment and stock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.payments.gateway_call import outcome_of_call
from application.ports.clock import NewId
from application.ports.payment_gateway import GatewayReply, PaymentGateway
from application.ports.unit_of_work import UnitOfWork
from domain.errors import DomainError
from domain.event import Event
from domain.inventory.stock_item import StockItem
from domain.money import Money
from domain.orders.fulfilment import AUTHORISE, CAPTURE
from domain.orders.order import CANCEL_REASON_LENGTH_MAX, OPEN_STATUSES, Order
from domain.payments.payment import Payment
from domain.saga.events import (
    SagaCompensated,
    SagaEffectFound,
    SagaRepaired,
    SagaStepPutOff,
    SagaStepRefused,
    SagaStepSucceeded,
    SagaStepUndone,
)
from domain.saga.outcome import Outcome, StepDone, StepRefused
from domain.saga.progress import Action, Direction, Directive
from domain.saga.saga import Saga


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """What a call to the gateway needs of the order."""

    order_id: UUID
    amount: Money
    method: str
    payment_id: str
    """The gateway's own name of the payment; empty before it is authorised."""


@dataclass(frozen=True)
class FulfilOrder:
    """SagaSteps of both definitions of domain/orders/fulfilment.py."""

    gateway: PaymentGateway
    new_id: NewId

    def expect(self, sagas: Sequence[Saga], uow: UnitOfWork) -> None:
        """See SagaSteps."""
        order_ids = [saga.subject_id for saga in sagas]
        uow.orders.expect(order_ids)
        uow.payments.expect(order_ids)
        product_ids: set[UUID] = set()
        for saga in sagas:
            with suppress(DomainError):  # who needs it will see
                product_ids |= _products_of(_order_of(saga, uow))
        uow.stock_items.expect(product_ids, order_ids=order_ids)

    def prepare(self, directive: Directive, saga: Saga, uow: UnitOfWork) -> _Call:
        """See SagaSteps."""
        order = _order_of(saga, uow)
        return _Call(
            order_id=order.id,
            amount=order.total,
            method=order.payment_method,
            payment_id=saga.progress(AUTHORISE).result,
        )

    def call(self, directive: Directive, key: str, prepared: object) -> Outcome:
        """See SagaSteps."""
        if not isinstance(prepared, _Call):
            raise TypeError("prepared by somebody else")
        calls: Mapping[tuple[Action, str], Callable[[], GatewayReply | None]] = {
            (Action.DO, AUTHORISE): lambda: self.gateway.authorise(
                key, order_id=prepared.order_id, amount=prepared.amount, method=prepared.method
            ),
            (Action.ASK, AUTHORISE): lambda: self.gateway.ask(key),
            (Action.UNDO, AUTHORISE): lambda: self.gateway.void(key, payment_id=prepared.payment_id),
            (Action.DO, CAPTURE): lambda: self.gateway.capture(
                key, payment_id=prepared.payment_id, amount=prepared.amount
            ),
        }
        return outcome_of_call(self.gateway, key, calls[directive.action, directive.step])

    def run(self, directive: Directive, saga: Saga, uow: UnitOfWork, *, at: datetime) -> Outcome:
        """See SagaSteps."""
        match directive.action, directive.step:
            case Action.DO, "reserve":
                return _reserve(_order_of(saga, uow), uow, at)
            case Action.UNDO, "reserve":
                for item in _stock_of(_order_of(saga, uow), uow):
                    item.release(saga.subject_id, at=at)
                    uow.stock_items.save(item)
        return (
            StepDone()
        )  # the capture of nothing; and notices, which are written with the order's confirmation

    def follow(self, events: Sequence[Event], saga: Saga, uow: UnitOfWork) -> None:
        """See SagaSteps."""
        follow_fulfilment(events, saga, uow, self.new_id)


def follow_fulfilment(events: Sequence[Event], saga: Saga, uow: UnitOfWork, new_id: NewId) -> None:
    """What new events of a fulfilment mean for order, payment and stock; `uow` is left to write it."""
    case = _Case(saga, uow, new_id)
    for event in events:
        case.follow(event)
    case.save()


class _Case:
    """Order and payment of one saga in one transaction, each loaded when it is first needed and saved once."""

    def __init__(self, saga: Saga, uow: UnitOfWork, new_id: NewId) -> None:
        self._saga, self._uow, self._new_id = saga, uow, new_id
        self._order: Order | None = None
        self._payments: dict[int, Payment] = {}

    def follow(self, event: Event) -> None:
        at = event.occurred_at
        match event:
            case SagaStepSucceeded(step="authorise") | SagaEffectFound(step="authorise"):
                self._payment(event.attempt, at).authorise(event.result, at=at)
            case SagaStepPutOff(step="authorise", direction=Direction.DO, is_unclear=True):
                self._payment(event.attempt, at).lose_sight(at=at)
            case SagaStepRefused(step="authorise"):
                self._payment(event.attempt, at).decline(event.reason, at=at)
                self.order.decline_payment(event.reason, at=at)
            case SagaStepUndone(step="authorise"):
                self._payment(event.attempt, at).void(at=at)
            case SagaRepaired(step="authorise", direction=Direction.UNDO, how="skip"):
                self._payment(self._saga.progress(AUTHORISE).attempt, at).void(at=at)
            case SagaStepSucceeded(step="capture"):
                self._take_money_and_goods(at)
            case SagaCompensated():
                if self.order.status in OPEN_STATUSES:
                    reason = (self._saga.reason or "")[:CANCEL_REASON_LENGTH_MAX]
                    self.order.cancel(reason=reason, at=at)

    def save(self) -> None:
        """Enlist whatever was touched."""
        if self._order is not None:
            self._uow.orders.save(self._order)
        for payment in self._payments.values():
            self._uow.payments.save(payment)

    @property
    def order(self) -> Order:
        if self._order is None:
            self._order = _order_of(self._saga, self._uow)
        return self._order

    def _payment(self, attempt: int, at: datetime) -> Payment:
        """Of that attempt; the first reply makes it."""
        if attempt not in self._payments:
            stored = {payment.attempt: payment for payment in self._uow.payments.of_order(self.order.id)}
            self._payments[attempt] = stored.get(attempt) or Payment.request(
                id=self._new_id(),
                order_id=self.order.id,
                attempt=attempt,
                amount=self.order.total,
                method=self.order.payment_method,
                at=at,
            )
        return self._payments[attempt]

    def _take_money_and_goods(self, at: datetime) -> None:
        if self.order.total.minor:
            self._payment(self._saga.progress(AUTHORISE).attempt, at).capture(at=at)
        self.order.confirm(at=at)
        for item in _stock_of(self.order, self._uow):
            item.sell(self.order.id, at=at)
            self._uow.stock_items.save(item)


def _order_of(saga: Saga, uow: UnitOfWork) -> Order:
    """Deleted or purged as it may be: an effect that is found late is undone, and recorded, all the same (S9)."""
    return uow.orders.get(saga.subject_id, with_deleted=True)


def _reserve(order: Order, uow: UnitOfWork, at: datetime) -> Outcome:
    """All lines or none."""
    wanted: Counter[UUID] = Counter()
    for line in order.lines:
        wanted[line.product_id] += line.quantity
    try:
        items = _stock_of(order, uow)
        for item in items:
            item.require_reservable(order.id, wanted[item.product_id])
    except DomainError as refusal:
        return StepRefused(str(refusal))
    for item in items:
        item.reserve(order.id, wanted[item.product_id], at=at)
        uow.stock_items.save(item)
    return StepDone()


def _stock_of(order: Order, uow: UnitOfWork) -> Sequence[StockItem]:
    return uow.stock_items.get_all_for_update(_products_of(order), order_id=order.id)


def _products_of(order: Order) -> set[UUID]:
    return {line.product_id for line in order.lines}
