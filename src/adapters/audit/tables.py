"""The tables that hold state: which columns are compared with the events, and how they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from adapters.audit.fold import COUNTS, DELETION

NOT_COMPARED: Final = {
    "saga": frozenset({"wake_at", "fence", "leased_until"}),
}
"""Columns beside the tenant that no event speaks of: who works on a saga at present."""

PERSONAL: Final = frozenset(
    {
        "customer_ref", "payment_method", "reference", "email", "note", "address", "cancel_reason",
        "deletion_reason", "method", "reason",
    }
)  # fmt: skip
"""What stands in them is not told."""

_IDS: Final = frozenset(
    "id product_id order_id stock_item_id subject_id deletion_id payment_id refund_id".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One row for each aggregate of the kind."""

    kind: str
    name: str
    columns: tuple[str, ...]

    @property
    def select(self) -> str:
        """Tenant, id, columns."""
        return _select(self.name, ("id", *self.columns), "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildTable:
    """Some rows for each aggregate of the kind, told apart by `key`."""

    kind: str
    name: str
    owner: str
    key: str
    columns: tuple[str, ...]
    bears_deletion: bool
    """A row is marked as its aggregate is (D3)."""

    @property
    def select(self) -> str:
        """Tenant, the aggregate's id, key, columns, the marks of deletion."""
        marks = DELETION if self.bears_deletion else ()
        return _select(self.name, (self.owner, self.key, *self.columns, *marks), f"{self.owner}, {self.key}")


_LIFE: Final = ("version", "created_at", "updated_at")
TABLES: Final = (
    Table(
        kind="order",
        name="customer_order",
        columns=(
            *_LIFE, "status", "reference", "customer_ref", "currency", "total_minor", "payment_method", "email",
            "note", "address", "cancel_reason", "ordered_at", "purged_at", *DELETION,
        ),
    ),
    Table(kind="product", name="product", columns=(*_LIFE, "sku", "name", *DELETION)),
    Table(kind="device", name="device", columns=(*_LIFE, "name", "description", *DELETION)),
    Table(
        kind="intake",
        name="intake",
        columns=(
            *_LIFE, "status", "form", "precision", "device", "metric", "mode", "size_bytes", *COUNTS, "refusal_code",
            "refusal_detail", "faults",
        ),
    ),
    Table(
        kind="stock",
        name="stock_item",
        columns=(
            *_LIFE, "product_id", "sku", "on_hand", "reserved", "sold", "received", "adjusted", *DELETION,
        ),
    ),
    Table(
        kind="payment",
        name="payment",
        columns=(
            *_LIFE, "order_id", "attempt", "amount_minor", "currency", "method", "status", "gateway_id",
            "decline_reason", "refunded_minor", "refunds",
        ),
    ),
    Table(
        kind="saga",
        name="saga",
        columns=(
            *_LIFE, "definition", "subject_id", "status", "position", "reason", "steps", "needs_repair", "deadline_at",
            "doubt_since", "due_at",
        ),
    ),
)  # fmt: skip
CHILD_TABLES: Final = (
    ChildTable(
        kind="order",
        name="order_line",
        owner="order_id",
        key="number",
        columns=("product_id", "sku", "quantity", "unit_price_minor", "returned"),
        bears_deletion=True,
    ),
    ChildTable(
        kind="stock",
        name="stock_reservation",
        owner="stock_item_id",
        key="order_id",
        columns=("quantity",),
        bears_deletion=False,
    ),
    ChildTable(
        kind="payment",
        name="refund_payment",
        owner="payment_id",
        key="refund_id",
        columns=(),
        bears_deletion=False,
    ),
)

EVENTS: Final = (
    "SELECT tenant_id::text, stream_id::text, stream_kind, version, type, schema_version, occurred_at, data::text"
    " FROM event {where} ORDER BY tenant_id, stream_id, version"
)


LISTS: Final = {"steps": ("step", "name"), "refunds": ("refund", "id"), "faults": ("fault", "row")}
"""Columns of JSON text that hold a list of objects: what one is called, and by which field it is known."""


def decoded(text: str) -> Any:
    """What such a column holds; the text itself if it is no JSON."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _select(table: str, columns: tuple[str, ...], order: str) -> str:
    read = ", ".join(f"{column}::text" if column in _IDS else column for column in columns)
    return f"SELECT tenant_id::text, {read} FROM {table} {{where}} ORDER BY tenant_id, {order}"  # noqa: S608
