"""Products, their stock, and what is set aside of it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from adapters.django_orm.models.abstract import SoftDeleteModel, TimeStampedModel, VersionedModel
from domain.inventory.product import NAME_LENGTH_MAX, SKU_LENGTH_MAX


class Product(TimeStampedModel, VersionedModel, SoftDeleteModel):
    """One row a product. The SKU is unique among live products, so a deleted one's is free again (D2)."""

    pk = models.CompositePrimaryKey("tenant_id", "id")
    tenant_id = models.UUIDField()
    id = models.UUIDField()
    sku = models.CharField(max_length=SKU_LENGTH_MAX)
    name = models.CharField(max_length=NAME_LENGTH_MAX)

    class Meta(SoftDeleteModel.Meta):
        abstract = False
        db_table = "product"
        constraints = [
            *VersionedModel.Meta.constraints,
            *SoftDeleteModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant_id", "sku"], condition=Q(deleted_at__isnull=True), name="product_sku_unique"
            ),
        ]
        indexes = [
            # The list of products, walked backwards: newest first.
            models.Index(fields=["tenant_id", "created_at", "id"], name="product_by_age"),
            # The list of deleted products; live rows cost it nothing.
            models.Index(
                fields=["tenant_id", "created_at", "id"],
                condition=Q(deleted_at__isnull=False),
                name="product_deleted_by_age",
            ),
            # Tells a deleted SKU from one that never was; live rows cost it nothing.
            models.Index(
                fields=["tenant_id", "sku", "deleted_at"],
                condition=Q(deleted_at__isnull=False),
                name="product_deleted_by_sku",
            ),
        ]


class StockItem(TimeStampedModel, VersionedModel, SoftDeleteModel):
    """One row for each product's stock, in pieces; the database itself holds the conservation law M2."""

    pk = models.CompositePrimaryKey("tenant_id", "id")
    tenant_id = models.UUIDField()
    id = models.UUIDField()
    product_id = models.UUIDField()
    sku = models.CharField(max_length=SKU_LENGTH_MAX)
    on_hand = models.BigIntegerField()
    reserved = models.BigIntegerField()
    sold = models.BigIntegerField()
    received = models.BigIntegerField()
    adjusted = models.BigIntegerField()

    class Meta(SoftDeleteModel.Meta):
        abstract = False
        db_table = "stock_item"
        constraints = [
            *VersionedModel.Meta.constraints,
            *SoftDeleteModel.Meta.constraints,
            models.UniqueConstraint(fields=["tenant_id", "product_id"], name="stock_item_product_unique"),
            models.CheckConstraint(
                condition=Q(on_hand__gte=0, reserved__gte=0, sold__gte=0, received__gte=0),
                name="stock_item_figures_from_0",
            ),
            models.CheckConstraint(
                condition=Q(received=F("on_hand") + F("reserved") + F("sold") - F("adjusted")),
                name="stock_item_conserved",
            ),
        ]


class StockReservation(models.Model):
    """Pieces that an order has set aside; the row goes when they are released or sold."""

    pk = models.CompositePrimaryKey("tenant_id", "stock_item_id", "order_id")
    tenant_id = models.UUIDField()
    stock_item_id = models.UUIDField()
    order_id = models.UUIDField()
    quantity = models.BigIntegerField()

    class Meta:
        db_table = "stock_reservation"
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gte=1), name="stock_reservation_quantity_from_1"),
        ]
