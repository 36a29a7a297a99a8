"""Products and their stock over HTTP."""

from __future__ import annotations

import re
from typing import Final

from django.http import HttpResponse
from rest_framework.request import Request

from application.inventory.adjust_stock import AdjustStock
from application.inventory.create_product import CreateProduct
from application.inventory.delete_product import DeleteProduct
from application.inventory.receive_stock import ReceiveStock
from application.inventory.rename_product import RenameProduct
from application.inventory.restore_product import RestoreProduct
from application.ports.read_models import PAGE_DEFAULT
from domain.errors import NotFound
from domain.inventory.product import SKU_LENGTH_MAX, SKU_PATTERN, Product
from entrypoints.http_messages.cursors import to_cursor
from entrypoints.http_messages.operation import by_method
from entrypoints.http_messages.product_operations import (
    ADJUST_STOCK,
    CREATE_PRODUCT,
    DELETE_PRODUCT,
    LIST_PRODUCTS,
    READ_PRODUCT,
    READ_STOCK,
    RECEIVE_STOCK,
    RENAME_PRODUCT,
    RESTORE_PRODUCT,
)
from entrypoints.rest_api.api_view import ApiView
from entrypoints.rest_api.wiring import container

_SKU: Final = re.compile(SKU_PATTERN.removesuffix("$"), re.ASCII)


class Products(ApiView):
    """/v1/products"""

    operations = by_method(LIST_PRODUCTS, CREATE_PRODUCT)

    def get(self, request: Request) -> HttpResponse:
        """A page of products."""
        after, limit = self.query.get("cursor"), self.query.get("limit", PAGE_DEFAULT)
        with container().read_models(self.context.tenant_id) as views:
            page = views.products(deleted=self.query.get("deleted"), after=after, limit=limit)
        return self.listed(page.items, page.next and {"cursor": to_cursor(page.next)})

    def post(self, request: Request) -> HttpResponse:
        """Create a product."""
        answer = container().create_product().handle(CreateProduct(**self.fields), self.context)
        return self.answer(answer, location=f"/v1/products/{answer.result.sku}")


class OneProduct(ApiView):
    """/v1/products/{sku}"""

    operations = by_method(READ_PRODUCT, RENAME_PRODUCT, DELETE_PRODUCT)

    def get(self, request: Request, sku: str) -> HttpResponse:
        """The product as it stands."""
        with container().read_models(self.context.tenant_id) as views:
            return self.shown(views.product(known_sku(sku)))

    def patch(self, request: Request, sku: str) -> HttpResponse:
        """Rename the product."""
        command = RenameProduct(sku=known_sku(sku), expected_version=self.expected_version, **self.fields)
        return self.answer(container().rename_product().handle(command, self.context))

    def delete(self, request: Request, sku: str) -> HttpResponse:
        """Delete the product; answers its tag."""
        command = DeleteProduct(
            sku=known_sku(sku),
            expected_version=self.expected_version,
            actor=self.context.actor,
            **self.query,
        )
        return self.answer(container().delete_product().handle(command, self.context))


class ProductRestoration(ApiView):
    """/v1/products/{sku}/restore"""

    operations = by_method(RESTORE_PRODUCT)

    def post(self, request: Request, sku: str) -> HttpResponse:
        """Bring the product back."""
        command = RestoreProduct(sku=known_sku(sku), expected_version=self.expected_version)
        return self.answer(container().restore_product().handle(command, self.context))


class ProductStock(ApiView):
    """/v1/products/{sku}/stock"""

    operations = by_method(READ_STOCK)

    def get(self, request: Request, sku: str) -> HttpResponse:
        """The stock as it stands."""
        with container().read_models(self.context.tenant_id) as views:
            return self.shown(views.stock(known_sku(sku)))


class StockReceipts(ApiView):
    """/v1/products/{sku}/receipts"""

    operations = by_method(RECEIVE_STOCK)

    def post(self, request: Request, sku: str) -> HttpResponse:
        """Take goods in; answers the stock afterwards."""
        command = ReceiveStock(sku=known_sku(sku), **self.fields)
        return self.answer(container().receive_stock().handle(command, self.context))


class StockAdjustments(ApiView):
    """/v1/products/{sku}/adjustments"""

    operations = by_method(ADJUST_STOCK)

    def post(self, request: Request, sku: str) -> HttpResponse:
        """Follow a count; answers the stock afterwards."""
        command = AdjustStock(sku=known_sku(sku), **self.fields)
        return self.answer(container().adjust_stock().handle(command, self.context))


def known_sku(text: str) -> str:
    """The SKU of that address. Raises NotFound for a text that no SKU can be, as for one that nobody has."""
    if len(text) > SKU_LENGTH_MAX or not _SKU.fullmatch(text):
        raise NotFound(kind=Product.kind, id=text)
    return text
