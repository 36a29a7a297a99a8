"""Products, to rows and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.row_mapping.deletions import deletion_from_row, deletion_to_columns
from domain.inventory.product import Product


def product_to_row(product: Product) -> dict[str, Any]:
    """The product's row."""
    return {
        "id": product.id,
        "version": product.version,
        "sku": product.sku,
        "name": product.name,
        "created_at": product.created_at,
        "updated_at": product.updated_at,
        **deletion_to_columns(product.deletion),
    }


def product_from_row(row: Mapping[str, Any]) -> Product:
    """The product of a row."""
    return Product.restore(
        row["id"],
        version=row["version"],
        updated_at=row["updated_at"],
        sku=row["sku"],
        name=row["name"],
        created_at=row["created_at"],
        deletion=deletion_from_row(row),
    )
