"""Sagas, the payments that they make, and replies that came too late."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from adapters.django_orm.models.abstract import TimeStampedModel, VersionedModel
from adapters.django_orm.models.events import NAME_LENGTH_MAX
from application.ports.payment_gateway import KEY_LENGTH_MAX
from application.ports.sagas import REPLY_LENGTH_MAX
from domain.money import AMOUNT_MINOR_MAX
from domain.orders.order import PAYMENT_METHOD_LENGTH_MAX
from domain.payments.payment import DECLINE_REASON_LENGTH_MAX
from domain.saga.saga import TEXT_LENGTH_MAX

STATUS_LENGTH_MAX = 20
GATEWAY_ID_LENGTH_MAX = 200


class Payment(TimeStampedModel, VersionedModel):
    """One row for each attempt to pay for an order; money in minor units of `currency`.

    `refunds` is JSON text; what is looked up by a refund stands in RefundPayment.
    """

    pk = models.CompositePrimaryKey("tenant_id", "id")
    tenant_id = models.UUIDField()
    id = models.UUIDField()
    order_id = models.UUIDField()
    attempt = models.IntegerField()
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    method = models.CharField(max_length=PAYMENT_METHOD_LENGTH_MAX)
    status = models.CharField(max_length=STATUS_LENGTH_MAX)
    gateway_id = models.CharField(max_length=GATEWAY_ID_LENGTH_MAX, null=True)
    decline_reason = models.CharField(max_length=DECLINE_REASON_LENGTH_MAX, null=True)
    refunded_minor = models.BigIntegerField()
    refunds = models.TextField()

    class Meta:
        db_table = "payment"
        constraints = [
            *VersionedModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant_id", "order_id", "attempt"], name="payment_attempt_unique"
            ),
            models.CheckConstraint(
                condition=Q(amount_minor__gte=1, amount_minor__lte=AMOUNT_MINOR_MAX),
                name="payment_amount_in_range",
            ),
            models.CheckConstraint(
                condition=Q(refunded_minor__gte=0, refunded_minor__lte=F("amount_minor")),
                name="payment_refunded_at_most_whole",
            ),
        ]


class RefundPayment(models.Model):
    """One row a refund: whose it is; never changed."""

    pk = models.CompositePrimaryKey("tenant_id", "refund_id")
    tenant_id = models.UUIDField()
    refund_id = models.UUIDField()
    payment_id = models.UUIDField()

    class Meta:
        db_table = "refund_payment"


class Saga(TimeStampedModel, VersionedModel):
    """One row a saga. `fence` and `leased_until` say who may advance it, `wake_at` when the relay looks at it next.

    `steps` is JSON text; nothing is looked up in it. The lease is by the database's clock.
    """

    pk = models.CompositePrimaryKey("tenant_id", "id")
    tenant_id = models.UUIDField()
    id = models.UUIDField()
    definition = models.CharField(max_length=NAME_LENGTH_MAX)
    subject_id = models.UUIDField()
    status = models.CharField(max_length=STATUS_LENGTH_MAX)
    position = models.IntegerField()
    reason = models.CharField(max_length=TEXT_LENGTH_MAX, null=True)
    steps = models.TextField()
    needs_repair = models.BooleanField()
    deadline_at = models.DateTimeField()
    doubt_since = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    wake_at = models.DateTimeField(null=True)
    fence = models.IntegerField(db_default=0)
    leased_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "saga"
        constraints = [
            *VersionedModel.Meta.constraints,
            models.UniqueConstraint(fields=["tenant_id", "subject_id"], name="saga_subject_unique"),
        ]
        indexes = [
            models.Index(fields=["wake_at"], name="saga_due", condition=Q(wake_at__isnull=False)),
            models.Index(
                fields=["tenant_id", "id"], name="saga_needs_repair", condition=Q(needs_repair=True)
            ),
        ]


class LateReply(models.Model):
    """One row a reply that changed nothing; never removed, and only a purge takes its text."""

    pk = models.CompositePrimaryKey("tenant_id", "id")
    tenant_id = models.UUIDField()
    id = models.UUIDField()
    saga_id = models.UUIDField(null=True)
    key = models.CharField(max_length=KEY_LENGTH_MAX)
    reply = models.CharField(max_length=REPLY_LENGTH_MAX)
    received_at = models.DateTimeField()

    class Meta:
        db_table = "late_reply"
