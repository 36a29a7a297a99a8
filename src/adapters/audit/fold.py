"""What events make of orders, products, stock, devices, intakes, payments: told again, from the stored JSON alone.

A state is a dict by the names of the table's columns; rows of child tables stand under CHILDREN by their own key. A new
type of event is one more function here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

State = dict[str, Any]
Data = Mapping[str, Any]
Step = Callable[[State, Data, datetime], None]

CHILDREN: Final = "children"
COUNTS: Final = ("accepted", "duplicate", "conflict", "rejected")
DELETION: Final = ("deleted_at", "deletion_id", "deleted_by", "deletion_reason")
PURGED: Final = {
    "customer_ref": "redacted",
    "payment_method": "redacted",
    "reference": None,
    "email": None,
    "note": "",
    "address": "",
}
"""What the columns of a purged order hold, and its events must come to."""

FOLDS: Final[dict[tuple[str, int], Step]] = {}
"""By type and schema version."""


class NotAsOrdered(Exception):
    """The event can't follow on those before it; the message says why."""


def folds(type_: str, schema_version: int = 1) -> Callable[[Step], Step]:
    """Let the function say what an event of that type does."""

    def register(step: Step) -> Step:
        FOLDS[type_, schema_version] = step
        return step

    return register


def moment(text: str) -> datetime:
    """A time in an event's data."""
    return datetime.fromisoformat(text)


@folds("order.placed")
def _order_placed(state: State, data: Data, at: datetime) -> None:
    state.update(
        {name: data[name] for name in ("customer_ref", "currency", "payment_method", "reference", "email")},
        note=data["note"],
        address=data["address"],
        status="pending",
        total_minor=sum(line["quantity"] * line["unit_price_minor"] for line in data["lines"]),
        ordered_at=moment(data["ordered_at"]),
        created_at=at,
        cancel_reason=None,
        purged_at=None,
    )
    state.update(dict.fromkeys(DELETION))
    state[CHILDREN] = {
        number: {
            "product_id": line["product_id"],
            "sku": line["sku"],
            "quantity": line["quantity"],
            "unit_price_minor": line["unit_price_minor"],
            "returned": 0,
        }
        for number, line in enumerate(data["lines"], start=1)
    }


@folds("order.amended")
def _order_amended(state: State, data: Data, at: datetime) -> None:
    state["note"], state["address"] = data["note"], data["address"]


@folds("order.payment_declined")
def _order_payment_declined(state: State, data: Data, at: datetime) -> None:
    state["status"] = "awaiting_payment"


@folds("order.payment_tried_again")
def _order_payment_tried_again(state: State, data: Data, at: datetime) -> None:
    state["status"], state["payment_method"] = "pending", data["payment_method"]


def _order_becomes(status: str) -> Step:
    def step(state: State, data: Data, at: datetime) -> None:
        state["status"] = status

    return step


for _status in ("confirmed", "shipped", "delivered"):
    folds(f"order.{_status}")(_order_becomes(_status))


@folds("order.cancelled")
def _order_cancelled(state: State, data: Data, at: datetime) -> None:
    state["status"], state["cancel_reason"] = "cancelled", data["reason"]


@folds("order.returned")
def _order_returned(state: State, data: Data, at: datetime) -> None:
    for line in data["lines"]:
        state[CHILDREN][line["number"]]["returned"] += line["quantity"]


@folds("order.purged")
def _order_purged(state: State, data: Data, at: datetime) -> None:
    """The events before are redacted, so they alone must come to what is left (D7)."""
    left = [name for name, value in PURGED.items() if state[name] != value]
    if left:
        raise NotAsOrdered(f"the events before the purge still tell {', '.join(left)}")
    state["purged_at"] = at


@folds("order.deleted")
@folds("product.deleted")
@folds("device.deleted")
@folds("stock.deleted")
def _deleted(state: State, data: Data, at: datetime) -> None:
    state.update(
        deleted_at=at,
        deletion_id=data["deletion_id"],
        deleted_by=data["actor"],
        deletion_reason=data["reason"],
    )


@folds("order.restored")
@folds("product.restored")
@folds("device.restored")
@folds("stock.restored")
def _restored(state: State, data: Data, at: datetime) -> None:
    if state["deletion_id"] != data["deletion_id"]:
        raise NotAsOrdered(f"it undoes the deletion {data['deletion_id']}, which does not stand")
    state.update(dict.fromkeys(DELETION))


@folds("product.created")
def _product_created(state: State, data: Data, at: datetime) -> None:
    state.update(dict.fromkeys(DELETION), sku=data["sku"], name=data["name"], created_at=at)


@folds("product.renamed")
def _product_renamed(state: State, data: Data, at: datetime) -> None:
    state["name"] = data["name"]


@folds("device.registered")
def _device_registered(state: State, data: Data, at: datetime) -> None:
    state.update(dict.fromkeys(DELETION), name=data["name"], description=data["description"], created_at=at)


@folds("device.described")
def _device_described(state: State, data: Data, at: datetime) -> None:
    state["description"] = data["description"]


@folds("intake.received")
def _intake_received(state: State, data: Data, at: datetime) -> None:
    state.update(
        {name: data[name] for name in ("form", "precision", "device", "metric", "mode", "size_bytes")},
        status="waiting",
        faults=[],
        created_at=at,
    )
    state.update(dict.fromkeys((*COUNTS, "refusal_code", "refusal_detail")))


@folds("intake.loaded")
def _intake_loaded(state: State, data: Data, at: datetime) -> None:
    _end_intake(state, "loaded", data)
    state.update({name: data[name] for name in COUNTS})


@folds("intake.refused")
def _intake_refused(state: State, data: Data, at: datetime) -> None:
    _end_intake(state, "refused", data)
    state["refusal_code"], state["refusal_detail"] = data["code"], data["detail"]


def _end_intake(state: State, status: str, data: Data) -> None:
    if state["status"] != "waiting":
        raise NotAsOrdered(f"it is {status} after it was {state['status']}")
    state["status"], state["faults"] = status, data["faults"]


@folds("stock.opened")
def _stock_opened(state: State, data: Data, at: datetime) -> None:
    state.update(dict.fromkeys(DELETION), product_id=data["product_id"], sku=data["sku"], created_at=at)
    state.update(dict.fromkeys(("on_hand", "reserved", "sold", "received", "adjusted"), 0))
    state[CHILDREN] = {}


@folds("stock.received")
def _stock_received(state: State, data: Data, at: datetime) -> None:
    _move(state, data["quantity"], into=("on_hand", "received"))


@folds("stock.adjusted")
def _stock_adjusted(state: State, data: Data, at: datetime) -> None:
    _move(state, data["delta"], into=("on_hand", "adjusted"))


@folds("stock.reserved")
def _stock_reserved(state: State, data: Data, at: datetime) -> None:
    if data["order_id"] in state[CHILDREN]:
        raise NotAsOrdered(f"order {data['order_id']} holds a reservation already")
    _move(state, data["quantity"], out_of="on_hand", into=("reserved",))
    state[CHILDREN][data["order_id"]] = {"quantity": data["quantity"]}


@folds("stock.released")
def _stock_released(state: State, data: Data, at: datetime) -> None:
    _end_reservation(state, data, "on_hand")


@folds("stock.sold")
def _stock_sold(state: State, data: Data, at: datetime) -> None:
    _end_reservation(state, data, "sold")


@folds("stock.returned")
def _stock_returned(state: State, data: Data, at: datetime) -> None:
    _move(state, data["quantity"], out_of="sold", into=("on_hand",))


def _move(state: State, pieces: int, *, into: tuple[str, ...], out_of: str | None = None) -> None:
    for figure in into:
        state[figure] += pieces
    if out_of is not None:
        state[out_of] -= pieces


def _end_reservation(state: State, data: Data, into: str) -> None:
    held = state[CHILDREN].pop(data["order_id"], {"quantity": 0})["quantity"]
    if held != data["quantity"]:
        raise NotAsOrdered(
            f"order {data['order_id']} holds a reservation of {held}, and {data['quantity']} go"
        )
    _move(state, data["quantity"], out_of="reserved", into=(into,))


@folds("payment.requested")
def _payment_requested(state: State, data: Data, at: datetime) -> None:
    state.update(
        {name: data[name] for name in ("order_id", "attempt", "amount_minor", "currency", "method")},
        status="requested",
        gateway_id=None,
        decline_reason=None,
        refunded_minor=0,
        refunds=[],
        created_at=at,
    )
    state[CHILDREN] = {}


@folds("payment.unclear")
def _payment_unclear(state: State, data: Data, at: datetime) -> None:
    state["status"] = "unknown"


@folds("payment.authorised")
def _payment_authorised(state: State, data: Data, at: datetime) -> None:
    state["status"], state["gateway_id"] = "authorised", data["gateway_id"]


@folds("payment.declined")
def _payment_declined(state: State, data: Data, at: datetime) -> None:
    state["status"], state["decline_reason"] = "declined", data["reason"]


@folds("payment.captured")
def _payment_captured(state: State, data: Data, at: datetime) -> None:
    state["status"] = "captured"


@folds("payment.voided")
def _payment_voided(state: State, data: Data, at: datetime) -> None:
    state["status"] = "voided"


@folds("payment.refund_requested")
def _payment_refund_requested(state: State, data: Data, at: datetime) -> None:
    state["refunds"].append(
        {
            "id": data["refund_id"],
            "amount_minor": data["amount_minor"],
            "status": "requested",
            "decline_reason": None,
            "requested_at": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        }
    )
    state[CHILDREN][data["refund_id"]] = {}


@folds("payment.refund_declined")
def _payment_refund_declined(state: State, data: Data, at: datetime) -> None:
    _refund(state, data).update(status="declined", decline_reason=data["reason"])


@folds("payment.refunded")
def _payment_refunded(state: State, data: Data, at: datetime) -> None:
    refund = _refund(state, data)
    if refund["amount_minor"] != data["amount_minor"]:
        raise NotAsOrdered(f"{data['amount_minor']} were given back, of {refund['amount_minor']} asked for")
    refund["status"] = "refunded"
    state["refunded_minor"] += data["amount_minor"]
    rest = state["amount_minor"] - state["refunded_minor"]
    state["status"] = "partly_refunded" if rest else "refunded"


def _refund(state: State, data: Data) -> State:
    for refund in state["refunds"]:
        if refund["id"] == data["refund_id"]:
            found: State = refund
            return found
    raise NotAsOrdered(f"nobody asked for the refund {data['refund_id']}")
