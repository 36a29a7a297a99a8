"""The audit's own fold knows every event, and comes to the same rows as the domain, which it shares no code with."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import domain
from adapters.audit.fold import CHILDREN, DELETION, FOLDS
from adapters.audit.saga_fold import DEFINITIONS
from adapters.audit.tables import CHILD_TABLES, TABLES, decoded
from adapters.row_mapping.devices import device_to_row
from adapters.row_mapping.intakes import intake_to_row
from adapters.row_mapping.orders import order_lines_to_rows, order_to_row
from adapters.row_mapping.payments import payment_to_row
from adapters.row_mapping.products import product_to_row
from adapters.row_mapping.stock_items import reservations_to_rows, stock_item_to_row
from adapters.system_clock import new_id
from builders import NOON, a_device, a_product, after_noon, an_intake, an_order, stock_of
from domain.aggregate import Aggregate
from domain.event import event_classes
from domain.inventory.product import Product
from domain.inventory.stock_item import StockItem
from domain.money import Money
from domain.orders.order import Order, ReturnLine
from domain.payments.payment import Payment
from domain.retention import Deletion, RetentionPolicy
from domain.saga.definition import SagaDefinition, StepKind
from domain.telemetry.batch import BatchResult, RowFault
from domain.telemetry.device import Device
from domain.telemetry.intake import Intake
from unit.adapters.told_again import columns_of, told_again

MONTH = RetentionPolicy(timedelta(days=30))
MUCH_LATER = NOON + timedelta(days=60)


def domain_modules() -> list[Any]:
    """All of the domain."""
    found = pkgutil.walk_packages(domain.__path__, "domain.")
    return [importlib.import_module(module.name) for module in found]


def a_deletion(minutes: int) -> Deletion:
    """By a person, for a reason."""
    return Deletion(new_id(), "alice", "by mistake", after_noon(minutes))


def amended() -> Order:
    order = an_order().with_(note="ring", email="ada@example.org", reference="r-1").placed()
    order.amend(note="ring twice", address="1 High Street", at=after_noon(2))
    return order


def paid_again() -> Order:
    order = an_order().placed()
    order.decline_payment("declined", at=after_noon(1))
    order.pay_again("tok_visa", at=after_noon(2))
    return order


def returned_twice() -> Order:
    tea, cake = a_product(), a_product()
    order = an_order().with_line(tea, quantity=3).with_line(cake, quantity=2, price="0.99").delivered()
    order.take_back([ReturnLine(sku=cake.sku, quantity=2)], reason="stale", at=after_noon(4))
    order.take_back([ReturnLine(sku=tea.sku, quantity=1)], reason="cold", at=after_noon(5))
    return order


def brought_back() -> Order:
    order = an_order().cancelled()
    order.delete(a_deletion(2))
    order.undelete(at=after_noon(3))
    return order


def purged() -> Order:
    order = an_order().with_(note="for Ada", email="ada@example.org", reference="r-1").cancelled()
    order.delete(a_deletion(2))
    order.purge(MONTH, at=MUCH_LATER)
    return order


def busy_stock() -> StockItem:
    item, sold, held = stock_of(a_product(), on_hand=20), new_id(), new_id()
    item.adjust(-3, reason="a count", at=after_noon(1))
    for order_id, quantity in ((sold, 5), (held, 2)):
        item.reserve(order_id, quantity, at=after_noon(2))
    item.sell(sold, at=after_noon(3))
    item.take_back(sold, 1, at=after_noon(4))
    item.release(held, at=after_noon(5))
    item.reserve(held, 4, at=after_noon(6))
    return item


def deleted_stock() -> StockItem:
    item = stock_of(a_product(), on_hand=2)
    for _ in range(2):
        item.delete(a_deletion(1))
        item.undelete(at=after_noon(2))
    item.delete(a_deletion(3))
    return item


def a_product_with_a_past() -> Product:
    product = a_product()
    product.rename("Green tea", at=after_noon(1))
    product.delete(a_deletion(2))
    product.undelete(at=after_noon(3))
    product.delete(a_deletion(4))
    return product


def a_device_with_a_past() -> Device:
    device = a_device(description="by the door")
    device.describe("by the window", at=after_noon(1))
    device.delete(a_deletion(2))
    device.undelete(at=after_noon(3))
    device.delete(a_deletion(4))
    return device


FAULTS = (RowFault(row=3, reason="too-large", detail="send less"), RowFault(row=3, reason="x", detail=""))


def a_loaded_intake() -> Intake:
    intake = an_intake(device="pump-7")
    result = BatchResult(accepted=5, duplicate=2, conflict=1, rejected=2, faults=FAULTS)
    intake.load(result, at=after_noon(1))
    return intake


def a_refused_intake() -> Intake:
    intake = an_intake()
    intake.refuse("batch-refused", "2 of 2", faults=FAULTS, at=after_noon(1))
    return intake


def a_payment(*steps: str) -> Callable[[], Payment]:
    """After these steps."""

    def pay() -> Payment:
        first, rest = new_id(), new_id()
        payment = Payment.request(
            id=new_id(), order_id=new_id(), attempt=2, amount=Money(700, "EUR"), method="tok", at=NOON
        )
        does = {
            "unclear": lambda: payment.lose_sight(at=after_noon(1)),
            "authorised": lambda: payment.authorise("pay_1", at=after_noon(2)),
            "declined": lambda: payment.decline("no funds", at=after_noon(2)),
            "captured": lambda: payment.capture(at=after_noon(3)),
            "voided": lambda: payment.void(at=after_noon(3)),
            "refund 200": lambda: payment.request_refund(
                first, Money(200, "EUR"), reason="r", at=after_noon(4)
            ),
            "declined 200": lambda: payment.decline_refund(first, "too late", at=after_noon(5)),
            "refunded 200": lambda: payment.refund(first, at=after_noon(5)),
            "refund the rest": lambda: payment.request_refund(rest, None, reason="", at=after_noon(6)),
            "refunded the rest": lambda: payment.refund(rest, at=after_noon(7)),
        }
        for step in steps:
            does[step]()
        return payment

    return pay


PARTLY_REFUNDED = ("authorised", "captured", "refund 200", "refunded 200")
LIVES: dict[str, Callable[[], Aggregate]] = {
    "placed": lambda: an_order().placed(),
    "shipped": lambda: an_order().shipped(),
    "cancelled": lambda: an_order().cancelled(),
    "amended": amended,
    "paid again": paid_again,
    "returned twice": returned_twice,
    "brought back": brought_back,
    "purged": purged,
    "busy stock": busy_stock,
    "deleted stock": deleted_stock,
    "product": a_product_with_a_past,
    "device": a_device_with_a_past,
    "waiting intake": an_intake,
    "loaded intake": a_loaded_intake,
    "refused intake": a_refused_intake,
    "requested": a_payment(),
    "unclear": a_payment("unclear"),
    "declined": a_payment("unclear", "declined"),
    "voided": a_payment("authorised", "voided"),
    "found late": a_payment("voided", "authorised", "voided"),
    "refund declined": a_payment("authorised", "captured", "refund 200", "declined 200"),
    "partly refunded": a_payment(*PARTLY_REFUNDED),
    "refunded": a_payment(*PARTLY_REFUNDED, "refund the rest", "refunded the rest"),
}


def rows_of(aggregate: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the service writes: the row, and its children's."""
    match aggregate:
        case Order():
            return order_to_row(aggregate), order_lines_to_rows(aggregate)
        case StockItem():
            return stock_item_to_row(aggregate), reservations_to_rows(aggregate)
        case Payment():
            row = payment_to_row(aggregate)
            refunds = [{"refund_id": refund.id} for refund in aggregate.refunds]
            return {**row, "refunds": decoded(row["refunds"])}, refunds
        case Intake():
            row = intake_to_row(aggregate)
            return {**row, "faults": decoded(row["faults"])}, []
        case Device():
            return device_to_row(aggregate), []
        case _:
            return product_to_row(aggregate), []


@pytest.mark.promise("E9")
@pytest.mark.parametrize("life", LIVES)
def test_events_come_to_the_rows_that_the_service_writes(life: str) -> None:
    aggregate = LIVES[life]()
    row, children = rows_of(aggregate)
    fold = told_again(aggregate, redacted=life == "purged")
    assert fold.problem is None
    assert columns_of(fold, aggregate.kind) == {
        name: str(value) if type(value).__name__ == "UUID" else value
        for name, value in row.items()
        if name != "id"
    }
    for table in CHILD_TABLES:
        if table.kind == aggregate.kind:
            assert fold.state[CHILDREN] == {
                child[table.key] if table.key == "number" else str(child[table.key]): {
                    name: str(child[name]) if name.endswith("_id") else child[name] for name in table.columns
                }
                for child in children
            }
            if table.bears_deletion:
                marks = {name: str(fold.state[name]) for name in DELETION}
                assert all({name: str(child[name]) for name in DELETION} == marks for child in children)


@pytest.mark.promise("E9", "D7")
def test_an_order_whose_events_were_not_redacted_is_not_taken_for_purged() -> None:
    fold = told_again(purged(), redacted=False)
    assert fold.problem is not None
    assert "still tell customer_ref, payment_method, reference, email, note" in fold.problem[2]


@pytest.mark.promise("E9")
def test_every_event_that_may_be_stored_is_known() -> None:
    modules = {module.__name__ for module in domain_modules()}
    stored = {(cls.wire_name, cls.schema_version) for cls in event_classes() if cls.__module__ in modules}
    assert FOLDS.keys() == stored
    assert {type_.partition(".")[0] for type_, _ in FOLDS} == {table.kind for table in TABLES}


@pytest.mark.promise("E9")
def test_the_steps_of_every_saga_are_known() -> None:
    defined = {
        thing
        for module in domain_modules()
        for thing in vars(module).values()
        if isinstance(thing, SagaDefinition)
    }
    assert {
        definition.name: [
            (
                step.name,
                step.kind is StepKind.COMPENSATABLE,
                step.is_local,
                step.waits_when_refused,
            )
            for step in definition.steps
        ]
        for definition in defined
    } == {
        name: [(rule.name, rule.can_be_undone, rule.is_local, rule.waits_when_refused) for rule in rules]
        for name, rules in DEFINITIONS.items()
    }
