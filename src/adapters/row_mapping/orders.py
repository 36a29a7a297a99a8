"""Orders and their lines, to rows and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from adapters.row_mapping.deletions import deletion_from_row, deletion_to_columns
from domain.money import Money
from domain.orders.order import Order, OrderLine, OrderStatus

Row = dict[str, Any]


def order_to_row(order: Order) -> Row:
    """The order's own row; `order_lines_to_rows` gives those of its lines."""
    return {
        "id": order.id,
        "version": order.version,
        "status": order.status.value,
        "reference": order.reference,
        "customer_ref": order.customer_ref,
        "currency": order.currency,
        "total_minor": order.total.minor,
        "payment_method": order.payment_method,
        "email": order.email,
        "note": order.note,
        "address": order.address,
        "cancel_reason": order.cancel_reason,
        "ordered_at": order.ordered_at,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
        "purged_at": order.purged_at,
        **deletion_to_columns(order.deletion),
    }


def order_lines_to_rows(order: Order) -> list[Row]:
    """One row a line, numbered from 1; a line bears the deletion of its order (D3)."""
    return [
        {
            "order_id": order.id,
            "number": number,
            "product_id": line.product_id,
            "sku": line.sku,
            "quantity": line.quantity,
            "unit_price_minor": line.unit_price.minor,
            "returned": line.returned,
            **deletion_to_columns(order.deletion),
        }
        for number, line in enumerate(order.lines, start=1)
    ]


def order_from_row(row: Mapping[str, Any], lines: Iterable[Mapping[str, Any]]) -> Order:
    """The order of a row and of its lines' rows, in order of their numbers; `total_minor` is derived."""
    return Order.restore(
        row["id"],
        version=row["version"],
        updated_at=row["updated_at"],
        status=OrderStatus(row["status"]),
        reference=row["reference"],
        customer_ref=row["customer_ref"],
        currency=row["currency"],
        lines=tuple(
            OrderLine(
                product_id=line["product_id"],
                sku=line["sku"],
                quantity=line["quantity"],
                unit_price=Money(line["unit_price_minor"], row["currency"]),
                returned=line["returned"],
            )
            for line in lines
        ),
        payment_method=row["payment_method"],
        email=row["email"],
        note=row["note"],
        address=row["address"],
        cancel_reason=row["cancel_reason"],
        ordered_at=row["ordered_at"],
        created_at=row["created_at"],
        purged_at=row["purged_at"],
        deletion=deletion_from_row(row),
    )
