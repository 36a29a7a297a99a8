"""What can be asked about products and their stock."""

from __future__ import annotations

from typing import Final

from application.inventory.adjust_stock import AdjustStock
from application.inventory.create_product import CreateProduct
from application.inventory.receive_stock import ReceiveStock
from application.inventory.rename_product import RenameProduct
from application.ports.read_models import (
    ProductView,
    StockView,
)
from domain.access import Scope
from domain.errors import Gone, NotFound
from domain.inventory.product import SkuTaken
from domain.inventory.stock_item import InsufficientStock, StockHeld, StockLimitReached
from domain.soft_deletion import NotDeleted
from entrypoints.http_messages import query
from entrypoints.http_messages.operation import DELETED, LIMIT, REASON, Operation, body_of

LIST_PRODUCTS: Final = Operation(
    id="listProducts", method="GET", path="/v1/products", summary="List products, newest first",
    scope=Scope.PRODUCTS_READ, result=ProductView, is_list=True, gives_tag=False, query=(DELETED, LIMIT,
    query.cursor()),
)  # fmt: skip
CREATE_PRODUCT: Final = Operation(
    id="createProduct", method="POST", path="/v1/products", summary="Create a product with empty stock",
    scope=Scope.PRODUCTS_WRITE, result=ProductView, status=201, gives_location=True, takes_key=True,
    needs_key=True, body=body_of(CreateProduct), own_refusals=(SkuTaken,),
)  # fmt: skip
READ_PRODUCT: Final = Operation(
    id="readProduct", method="GET", path="/v1/products/{sku}", summary="Read a product",
    scope=Scope.PRODUCTS_READ, result=ProductView, own_refusals=(NotFound, Gone),
)  # fmt: skip
RENAME_PRODUCT: Final = Operation(
    id="renameProduct", method="PATCH", path="/v1/products/{sku}", summary="Give a product another name",
    scope=Scope.PRODUCTS_WRITE, result=ProductView, takes_key=True, needs_version=True,
    body=body_of(RenameProduct), own_refusals=(NotFound, Gone),
)  # fmt: skip
DELETE_PRODUCT: Final = Operation(
    id="deleteProduct", method="DELETE", path="/v1/products/{sku}",
    summary="Delete a product with its stock; the SKU is free again",
    scope=Scope.PRODUCTS_WRITE, result=None, status=204, takes_key=True, needs_version=True,
    query=(REASON,), own_refusals=(NotFound, Gone, StockHeld),
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
    body=body_of(ReceiveStock), own_refusals=(NotFound, Gone, StockLimitReached),
)  # fmt: skip
ADJUST_STOCK: Final = Operation(
    id="adjustStock", method="POST", path="/v1/products/{sku}/adjustments",
    summary="Make the books follow a count, with the reason",
    scope=Scope.PRODUCTS_WRITE, result=StockView, takes_key=True, needs_key=True,
    body=body_of(AdjustStock), own_refusals=(NotFound, Gone, InsufficientStock, StockLimitReached),
)  # fmt: skip

PRODUCT_OPERATIONS: Final = (
    LIST_PRODUCTS,
    CREATE_PRODUCT,
    READ_PRODUCT,
    RENAME_PRODUCT,
    DELETE_PRODUCT,
    RESTORE_PRODUCT,
    READ_STOCK,
    RECEIVE_STOCK,
    ADJUST_STOCK,
)
