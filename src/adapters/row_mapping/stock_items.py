"""Stock items and their reservations, to rows and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from adapters.row_mapping.deletions import deletion_from_row, deletion_to_columns
from domain.inventory.stock_item import StockItem

_FIGURES = ("on_hand", "reserved", "sold", "received", "adjusted")


def stock_item_to_row(item: StockItem) -> dict[str, Any]:
    """The stock item's own row."""
    return {
        "id": item.id,
        "version": item.version,
        "product_id": item.product_id,
        "sku": item.sku,
        **{figure: getattr(item, figure) for figure in _FIGURES},
        "created_at": item.created_at,
        "updated_at": item.updated_at,
        **deletion_to_columns(item.deletion),
    }


def reservations_to_rows(item: StockItem) -> list[dict[str, Any]]:
    """One row for each reservation that the item holds."""
    return [
        {"stock_item_id": item.id, "order_id": order_id, "quantity": quantity}
        for order_id, quantity in item.reservations.items()
    ]


def stock_item_from_row(row: Mapping[str, Any], reservations: Iterable[Mapping[str, Any]]) -> StockItem:
    """The stock item of a row and of its reservations' rows."""
    return StockItem.restore(
        row["id"],
        version=row["version"],
        updated_at=row["updated_at"],
        product_id=row["product_id"],
        sku=row["sku"],
        **{figure: row[figure] for figure in _FIGURES},
        created_at=row["created_at"],
        deletion=deletion_from_row(row),
        reservations={reservation["order_id"]: reservation["quantity"] for reservation in reservations},
    )
