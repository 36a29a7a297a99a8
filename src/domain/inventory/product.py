"""The product: what can be ordered, under a SKU that never changes."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.errors import Conflict, InvalidInput, RuleViolation
from domain.event import Event
from domain.inventory.events import ProductCreated, ProductDeleted, ProductRenamed, ProductRestored
from domain.soft_deletion import SoftDeletable
from domain.text import require_text

SKU_LENGTH_MAX: Final = 64
SKU_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""Letters, digits, dot, dash, underscore: what can stand in an address without escapes."""
NAME_LENGTH_MAX: Final = 200

_SKU: Final = re.compile(SKU_PATTERN.removesuffix("$"), re.ASCII)


class SkuTaken(Conflict):
    """The SKU {sku!r} belongs to another product; every live product has its own."""


class UnknownSku(RuleViolation):
    """{field}: no product has the SKU {sku!r}; create it first."""


class Product(SoftDeletable):
    """Something that can be ordered."""

    kind = "product"
    deleted_event = ProductDeleted
    restored_event = ProductRestored

    sku: str
    name: str
    created_at: datetime

    @classmethod
    def create(cls, *, id: UUID, sku: str, name: str, at: datetime) -> Product:
        """Make a new product. Raises InvalidInput that names the field."""
        if len(sku) > SKU_LENGTH_MAX or not _SKU.fullmatch(sku):
            raise InvalidInput(
                field="sku",
                problem=f"must have 1 to {SKU_LENGTH_MAX} letters, digits, dots, dashes or underscores",
            )
        require_text("name", name, length_max=NAME_LENGTH_MAX)
        product = cls(id)
        product._record(ProductCreated(occurred_at=at, sku=sku, name=name))
        return product

    @property
    def known_as(self) -> str:
        """Its SKU."""
        return self.sku

    def rename(self, name: str, *, at: datetime) -> None:
        """Give the product another name; the same name changes nothing."""
        require_text("name", name, length_max=NAME_LENGTH_MAX)
        self.require_live()
        if name != self.name:
            self._record(ProductRenamed(occurred_at=at, name=name))

    def _apply(self, event: Event) -> None:
        match event:
            case ProductCreated():
                self.sku, self.name, self.created_at = event.sku, event.name, event.occurred_at
            case ProductRenamed():
                self.name = event.name
            case _:
                super()._apply(event)
