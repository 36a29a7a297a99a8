"""Orders and their lines."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from adapters.django_orm.models.abstract import SoftDeleteModel, TimeStampedModel, VersionedModel
from domain.inventory.product import SKU_LENGTH_MAX
from domain.money import AMOUNT_MINOR_MAX
from domain.orders.order import (
    ADDRESS_LENGTH_MAX,
    CANCEL_REASON_LENGTH_MAX,
    CUSTOMER_REF_LENGTH_MAX,
    EMAIL_LENGTH_MAX,
    NOTE_LENGTH_MAX,
    PAYMENT_METHOD_LENGTH_MAX,
    QUANTITY_MAX,
    REFERENCE_LENGTH_MAX,
    OrderStatus,
)

STATUS_LENGTH_MAX = 20


class Order(TimeStampedModel, VersionedModel, SoftDeleteModel):
    """One row an order; money in minor units of `currency`."""

    pk = models.CompositePrimaryKey("tenant_id", "id")
    tenant_id = models.UUIDField()
    id = models.UUIDField()
    status = models.CharField(max_length=STATUS_LENGTH_MAX)
    reference = models.CharField(max_length=REFERENCE_LENGTH_MAX, null=True)
    customer_ref = models.CharField(max_length=CUSTOMER_REF_LENGTH_MAX)
    currency = models.CharField(max_length=3)
    total_minor = models.BigIntegerField()
    payment_method = models.CharField(max_length=PAYMENT_METHOD_LENGTH_MAX)
    email = models.CharField(max_length=EMAIL_LENGTH_MAX, null=True)
    note = models.CharField(max_length=NOTE_LENGTH_MAX)
    address = models.CharField(max_length=ADDRESS_LENGTH_MAX)
    cancel_reason = models.CharField(max_length=CANCEL_REASON_LENGTH_MAX, null=True)
    ordered_at = models.DateTimeField()
    purged_at = models.DateTimeField(null=True)

    class Meta(SoftDeleteModel.Meta):
        abstract = False
        db_table = "customer_order"
        constraints = [
            *VersionedModel.Meta.constraints,
            *SoftDeleteModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant_id", "reference"],
                condition=Q(deleted_at__isnull=True, reference__isnull=False),
                name="customer_order_reference_unique",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in OrderStatus]),
                name="customer_order_status_known",
            ),
            models.CheckConstraint(
                condition=Q(total_minor__gte=0, total_minor__lte=AMOUNT_MINOR_MAX),
                name="customer_order_total_in_range",
            ),
            models.CheckConstraint(
                condition=Q(status=OrderStatus.CANCELLED.value, cancel_reason__isnull=False)
                | (~Q(status=OrderStatus.CANCELLED.value) & Q(cancel_reason__isnull=True)),
                name="customer_order_reason_if_cancelled",
            ),
            models.CheckConstraint(
                condition=Q(purged_at__isnull=True) | Q(deleted_at__isnull=False),
                name="customer_order_purged_if_deleted",
            ),
        ]
        # One for each question that the list answers, walked backwards: newest first. A range of `created_at`
        # is a range of the same keys. Each costs every order one entry, so a fourth needs a reason.
        indexes = [
            models.Index(fields=["tenant_id", "created_at", "id"], name="customer_order_by_age"),
            models.Index(
                fields=["tenant_id", "customer_ref", "created_at", "id"], name="customer_order_by_customer"
            ),
            models.Index(fields=["tenant_id", "status", "created_at", "id"], name="customer_order_by_status"),
            # The list of deleted orders; live rows cost it nothing.
            models.Index(
                fields=["tenant_id", "created_at", "id"],
                condition=Q(deleted_at__isnull=False),
                name="customer_order_deleted_by_age",
            ),
            # What a purge looks for, of all tenants.
            models.Index(
                fields=["deleted_at"],
                condition=Q(deleted_at__isnull=False, purged_at__isnull=True),
                name="customer_order_to_purge",
            ),
        ]


class OrderLine(SoftDeleteModel):
    """One row a line, written with its order; `returned` alone changes. `sku` is what the product was called then."""

    pk = models.CompositePrimaryKey("tenant_id", "order_id", "number")
    tenant_id = models.UUIDField()
    order_id = models.UUIDField()
    number = models.IntegerField()
    product_id = models.UUIDField()
    sku = models.CharField(max_length=SKU_LENGTH_MAX)
    quantity = models.IntegerField()
    unit_price_minor = models.BigIntegerField()
    returned = models.IntegerField()

    class Meta(SoftDeleteModel.Meta):
        abstract = False
        db_table = "order_line"
        constraints = [
            *SoftDeleteModel.Meta.constraints,
            models.CheckConstraint(
                condition=Q(number__gte=1, quantity__gte=1, quantity__lte=QUANTITY_MAX),
                name="order_line_quantity_in_range",
            ),
            models.CheckConstraint(
                condition=Q(unit_price_minor__gte=0, unit_price_minor__lte=AMOUNT_MINOR_MAX),
                name="order_line_price_in_range",
            ),
            models.CheckConstraint(
                condition=Q(returned__gte=0, returned__lte=F("quantity")), name="order_line_returned_in_range"
            ),
        ]
