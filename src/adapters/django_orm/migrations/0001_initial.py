"""The first schema: products, stock, orders, events, request keys, access; row-level security at once."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.expressions
import django.db.models.functions.datetime
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from adapters.django_orm.access_rules import apply_access_rules
from adapters.django_orm.migrations import _access_0001 as access
from adapters.django_orm.migrations import _devices_0001 as devices
from adapters.django_orm.migrations import _intakes_0001 as intakes
from adapters.django_orm.migrations import _partitions_0001 as partitions
from adapters.django_orm.migrations import _readings_0001 as readings
from adapters.django_orm.migrations import _schema_0001 as schema


def _apply_access_rules(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apply_access_rules(schema_editor.connection)


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="IdempotencyRecord",
            fields=[
                ("actor", models.CharField(max_length=100)),
                ("key", models.CharField(max_length=255)),
                ("fingerprint", models.BinaryField()),
                ("expires_at", models.DateTimeField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id",
                        "actor",
                        "key",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("created_at", models.DateTimeField()),
                ("outcome", models.JSONField()),
                ("saga_id", models.UUIDField(null=True)),
            ],
            options={
                "db_table": "idempotency_record",
                "indexes": [models.Index(fields=["expires_at"], name="idempotency_record_by_expiry")],
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="AccessToken",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("id", models.UUIDField()),
                ("owner", models.CharField(max_length=100)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None),
                ),
                ("secret_hash", models.BinaryField()),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("last_used_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "access_token",
                "constraints": [
                    models.UniqueConstraint(fields=("secret_hash",), name="access_token_secret_unique")
                ],
            },
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                ("version", models.IntegerField()),
                ("deleted_at", models.DateTimeField(null=True)),
                ("deletion_id", models.UUIDField(null=True)),
                ("deleted_by", models.CharField(max_length=100, null=True)),
                ("deletion_reason", models.CharField(max_length=200, null=True)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("id", models.UUIDField()),
                ("status", models.CharField(max_length=20)),
                ("reference", models.CharField(max_length=100, null=True)),
                ("customer_ref", models.CharField(max_length=100)),
                ("currency", models.CharField(max_length=3)),
                ("total_minor", models.BigIntegerField()),
                ("payment_method", models.CharField(max_length=100)),
                ("email", models.CharField(max_length=254, null=True)),
                ("note", models.CharField(max_length=2000)),
                ("address", models.CharField(max_length=1000)),
                ("cancel_reason", models.CharField(max_length=200, null=True)),
                ("ordered_at", models.DateTimeField()),
                ("purged_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "customer_order",
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["tenant_id", "created_at", "id"], name="customer_order_by_age"),
                    models.Index(
                        fields=["tenant_id", "customer_ref", "created_at", "id"],
                        name="customer_order_by_customer",
                    ),
                    models.Index(
                        fields=["tenant_id", "status", "created_at", "id"], name="customer_order_by_status"
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at__isnull", False)),
                        fields=["tenant_id", "created_at", "id"],
                        name="customer_order_deleted_by_age",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at__isnull", False), ("purged_at__isnull", True)),
                        fields=["deleted_at"],
                        name="customer_order_to_purge",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("version__gte", 1)), name="order_version_from_1"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("deleted_at__isnull", True),
                                ("deleted_by__isnull", True),
                                ("deletion_id__isnull", True),
                                ("deletion_reason__isnull", True),
                            ),
                            models.Q(
                                ("deleted_at__isnull", False),
                                ("deleted_by__isnull", False),
                                ("deletion_id__isnull", False),
                                ("deletion_reason__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="order_deletion_whole",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at__isnull", True), ("reference__isnull", False)),
                        fields=("tenant_id", "reference"),
                        name="customer_order_reference_unique",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "pending",
                                    "awaiting_payment",
                                    "confirmed",
                                    "shipped",
                                    "delivered",
                                    "cancelled",
                                ],
                            )
                        ),
                        name="customer_order_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("total_minor__gte", 0), ("total_minor__lte", 1000000000000000)),
                        name="customer_order_total_in_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("cancel_reason__isnull", False), ("status", "cancelled")),
                            models.Q(
                                models.Q(("status", "cancelled"), _negated=True),
                                ("cancel_reason__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="customer_order_reason_if_cancelled",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("purged_at__isnull", True), ("deleted_at__isnull", False), _connector="OR"
                        ),
                        name="customer_order_purged_if_deleted",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderLine",
            fields=[
                ("deleted_at", models.DateTimeField(null=True)),
                ("deletion_id", models.UUIDField(null=True)),
                ("deleted_by", models.CharField(max_length=100, null=True)),
                ("deletion_reason", models.CharField(max_length=200, null=True)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id",
                        "order_id",
                        "number",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("order_id", models.UUIDField()),
                ("number", models.IntegerField()),
                ("product_id", models.UUIDField()),
                ("sku", models.CharField(max_length=64)),
                ("quantity", models.IntegerField()),
                ("unit_price_minor", models.BigIntegerField()),
                ("returned", models.IntegerField()),
            ],
            options={
                "db_table": "order_line",
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("deleted_at__isnull", True),
                                ("deleted_by__isnull", True),
                                ("deletion_id__isnull", True),
                                ("deletion_reason__isnull", True),
                            ),
                            models.Q(
                                ("deleted_at__isnull", False),
                                ("deleted_by__isnull", False),
                                ("deletion_id__isnull", False),
                                ("deletion_reason__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="orderline_deletion_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("number__gte", 1), ("quantity__gte", 1), ("quantity__lte", 1000000)
                        ),
                        name="order_line_quantity_in_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("unit_price_minor__gte", 0), ("unit_price_minor__lte", 1000000000000000)
                        ),
                        name="order_line_price_in_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("returned__gte", 0), ("returned__lte", models.F("quantity"))),
                        name="order_line_returned_in_range",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Product",
            fields=[
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                ("version", models.IntegerField()),
                ("deleted_at", models.DateTimeField(null=True)),
                ("deletion_id", models.UUIDField(null=True)),
                ("deleted_by", models.CharField(max_length=100, null=True)),
                ("deletion_reason", models.CharField(max_length=200, null=True)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("id", models.UUIDField()),
                ("sku", models.CharField(max_length=64)),
                ("name", models.CharField(max_length=200)),
            ],
            options={
                "db_table": "product",
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["tenant_id", "created_at", "id"], name="product_by_age"),
                    models.Index(
                        condition=models.Q(("deleted_at__isnull", False)),
                        fields=["tenant_id", "created_at", "id"],
                        name="product_deleted_by_age",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at__isnull", False)),
                        fields=["tenant_id", "sku", "deleted_at"],
                        name="product_deleted_by_sku",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("version__gte", 1)), name="product_version_from_1"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("deleted_at__isnull", True),
                                ("deleted_by__isnull", True),
                                ("deletion_id__isnull", True),
                                ("deletion_reason__isnull", True),
                            ),
                            models.Q(
                                ("deleted_at__isnull", False),
                                ("deleted_by__isnull", False),
                                ("deletion_id__isnull", False),
                                ("deletion_reason__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="product_deletion_whole",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at__isnull", True)),
                        fields=("tenant_id", "sku"),
                        name="product_sku_unique",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StockItem",
            fields=[
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                ("version", models.IntegerField()),
                ("deleted_at", models.DateTimeField(null=True)),
                ("deletion_id", models.UUIDField(null=True)),
                ("deleted_by", models.CharField(max_length=100, null=True)),
                ("deletion_reason", models.CharField(max_length=200, null=True)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("id", models.UUIDField()),
                ("product_id", models.UUIDField()),
                ("sku", models.CharField(max_length=64)),
                ("on_hand", models.BigIntegerField()),
                ("reserved", models.BigIntegerField()),
                ("sold", models.BigIntegerField()),
                ("received", models.BigIntegerField()),
                ("adjusted", models.BigIntegerField()),
            ],
            options={
                "db_table": "stock_item",
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("version__gte", 1)), name="stockitem_version_from_1"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("deleted_at__isnull", True),
                                ("deleted_by__isnull", True),
                                ("deletion_id__isnull", True),
                                ("deletion_reason__isnull", True),
                            ),
                            models.Q(
                                ("deleted_at__isnull", False),
                                ("deleted_by__isnull", False),
                                ("deletion_id__isnull", False),
                                ("deletion_reason__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="stockitem_deletion_whole",
                    ),
                    models.UniqueConstraint(
                        fields=("tenant_id", "product_id"), name="stock_item_product_unique"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("on_hand__gte", 0), ("received__gte", 0), ("reserved__gte", 0), ("sold__gte", 0)
                        ),
                        name="stock_item_figures_from_0",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "received",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            models.F("on_hand"), "+", models.F("reserved")
                                        ),
                                        "+",
                                        models.F("sold"),
                                    ),
                                    "-",
                                    models.F("adjusted"),
                                ),
                            )
                        ),
                        name="stock_item_conserved",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StockReservation",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id",
                        "stock_item_id",
                        "order_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("stock_item_id", models.UUIDField()),
                ("order_id", models.UUIDField()),
                ("quantity", models.BigIntegerField()),
            ],
            options={
                "db_table": "stock_reservation",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("quantity__gte", 1)), name="stock_reservation_quantity_from_1"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StoredEvent",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id", "position", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("position", models.BigIntegerField()),
                ("event_id", models.UUIDField()),
                ("stream_kind", models.CharField(max_length=100)),
                ("stream_id", models.UUIDField()),
                ("version", models.IntegerField()),
                ("type", models.CharField(max_length=100)),
                ("schema_version", models.IntegerField()),
                ("occurred_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("correlation_id", models.TextField()),
                ("causation_id", models.TextField()),
                ("traceparent", models.TextField(null=True)),
                ("data", models.JSONField()),
            ],
            options={
                "db_table": "event",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "stream_id", "version"), name="event_stream_version_unique"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("version__gte", 1)), name="event_version_from_1"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Tenant",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "tenant",
                "constraints": [models.UniqueConstraint(fields=("name",), name="tenant_name_unique")],
            },
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id",
                        "consumer",
                        "stream_id",
                        "version",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("consumer", models.CharField(max_length=100)),
                ("stream_id", models.UUIDField()),
                ("version", models.IntegerField()),
                ("id", models.UUIDField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "due_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), null=True),
                ),
                (
                    "wake_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), null=True),
                ),
                ("fence", models.IntegerField(db_default=0)),
                ("tries", models.IntegerField(db_default=0)),
                ("failures", models.IntegerField(db_default=0)),
                ("error", models.CharField(db_default="", max_length=500)),
                ("parked_at", models.DateTimeField(null=True)),
                ("settled_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "message",
                "indexes": [
                    models.Index(
                        condition=models.Q(("settled_at__isnull", True)),
                        fields=["tenant_id", "stream_id"],
                        name="message_unsettled_by_stream",
                    ),
                    models.Index(
                        condition=models.Q(("settled_at__isnull", True)),
                        fields=["wake_at"],
                        name="message_unsettled",
                    ),
                    models.Index(
                        condition=models.Q(("parked_at__isnull", False)),
                        fields=["tenant_id", "id"],
                        name="message_parked",
                    ),
                    models.Index(
                        condition=models.Q(("settled_at__isnull", False)),
                        fields=["settled_at"],
                        name="message_settled",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Schedule",
            fields=[
                ("name", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("every", models.DurationField()),
                ("lease", models.DurationField()),
                ("due_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("leased_until", models.DateTimeField(null=True)),
                ("fence", models.IntegerField(db_default=0)),
                ("ended_at", models.DateTimeField(null=True)),
                ("error", models.CharField(db_default="", max_length=500)),
            ],
            options={"db_table": "schedule"},
        ),
        migrations.CreateModel(
            name="RoleProcess",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("role", models.CharField(max_length=100)),
                ("host", models.CharField(max_length=255)),
                ("pid", models.IntegerField()),
                ("started_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={"db_table": "role_process"},
        ),
        migrations.CreateModel(
            name="LateReply",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("id", models.UUIDField()),
                ("saga_id", models.UUIDField(null=True)),
                ("key", models.CharField(max_length=120)),
                ("reply", models.CharField(max_length=2000)),
                ("received_at", models.DateTimeField()),
            ],
            options={
                "db_table": "late_reply",
            },
        ),
        migrations.CreateModel(
            name="StrayReply",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("gateway", models.CharField(max_length=40)),
                ("key", models.CharField(max_length=120)),
                ("reply", models.CharField(max_length=2000)),
                ("received_at", models.DateTimeField()),
            ],
            options={
                "db_table": "stray_reply",
            },
        ),
        migrations.CreateModel(
            name="RefundPayment",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id",
                        "refund_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("refund_id", models.UUIDField()),
                ("payment_id", models.UUIDField()),
            ],
            options={
                "db_table": "refund_payment",
            },
        ),
        migrations.CreateModel(
            name="Payment",
            fields=[
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                ("version", models.IntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("id", models.UUIDField()),
                ("order_id", models.UUIDField()),
                ("attempt", models.IntegerField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("method", models.CharField(max_length=100)),
                ("status", models.CharField(max_length=20)),
                ("gateway_id", models.CharField(max_length=200, null=True)),
                ("decline_reason", models.CharField(max_length=200, null=True)),
                ("refunded_minor", models.BigIntegerField()),
                ("refunds", models.TextField()),
            ],
            options={
                "db_table": "payment",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("version__gte", 1)), name="payment_version_from_1"
                    ),
                    models.UniqueConstraint(
                        fields=("tenant_id", "order_id", "attempt"), name="payment_attempt_unique"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gte", 1), ("amount_minor__lte", 1000000000000000)),
                        name="payment_amount_in_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("refunded_minor__gte", 0), ("refunded_minor__lte", models.F("amount_minor"))
                        ),
                        name="payment_refunded_at_most_whole",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Saga",
            fields=[
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                ("version", models.IntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("id", models.UUIDField()),
                ("definition", models.CharField(max_length=100)),
                ("subject_id", models.UUIDField()),
                ("status", models.CharField(max_length=20)),
                ("position", models.IntegerField()),
                ("reason", models.CharField(max_length=500, null=True)),
                ("steps", models.TextField()),
                ("needs_repair", models.BooleanField()),
                ("deadline_at", models.DateTimeField()),
                ("doubt_since", models.DateTimeField(null=True)),
                ("due_at", models.DateTimeField(null=True)),
                ("wake_at", models.DateTimeField(null=True)),
                ("fence", models.IntegerField(db_default=0)),
                ("leased_until", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "saga",
                "indexes": [
                    models.Index(
                        condition=models.Q(("wake_at__isnull", False)), fields=["wake_at"], name="saga_due"
                    ),
                    models.Index(fields=["id"], name="saga_by_id"),
                    models.Index(
                        condition=models.Q(("needs_repair", True)),
                        fields=["tenant_id", "id"],
                        name="saga_needs_repair",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("version__gte", 1)), name="saga_version_from_1"
                    ),
                    models.UniqueConstraint(fields=("tenant_id", "subject_id"), name="saga_subject_unique"),
                ],
            },
        ),
        migrations.CreateModel(
            name="RejectedReading",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("id", models.UUIDField()),
                ("row", models.IntegerField()),
                ("reason", models.CharField(max_length=32)),
                ("detail", models.CharField(max_length=500)),
                ("sent", models.CharField(max_length=4096)),
                ("request_id", models.CharField(max_length=128)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("replayed_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "rejected_reading",
                "indexes": [
                    models.Index(fields=["tenant_id", "request_id", "id"], name="rejected_by_request"),
                    models.Index(fields=["tenant_id", "reason", "id"], name="rejected_by_reason"),
                    models.Index(fields=["created_at"], name="rejected_by_age"),
                ],
            },
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(readings.TABLES, readings.DROP_TABLES),
                migrations.RunSQL(readings.PARTITIONS, readings.DROP_PARTITIONS),
                migrations.RunSQL(partitions.FUNCTIONS, partitions.DROP_FUNCTIONS),
            ],
            state_operations=[
                migrations.CreateModel(
                    name="SensorReading",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "series_id",
                                "ts",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("tenant_id", models.UUIDField()),
                        ("series_id", models.BigIntegerField()),
                        ("ts", models.DateTimeField()),
                        ("value", models.FloatField()),
                    ],
                    options={"db_table": "sensor_reading"},
                ),
                migrations.CreateModel(
                    name="DirtyMark",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "tenant_id",
                                "series_id",
                                "hour",
                                "id",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("tenant_id", models.UUIDField()),
                        ("series_id", models.BigIntegerField()),
                        ("hour", models.DateTimeField()),
                        ("id", models.BigIntegerField()),
                    ],
                    options={"db_table": "dirty_mark"},
                ),
                migrations.CreateModel(
                    name="LatestReading",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "tenant_id",
                                "series_id",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("tenant_id", models.UUIDField()),
                        ("series_id", models.BigIntegerField()),
                        ("ts", models.DateTimeField()),
                        ("value", models.FloatField()),
                    ],
                    options={"db_table": "latest_reading"},
                ),
            ],
        ),
        *devices.TABLES,
        *intakes.TABLES,
        migrations.RunSQL(schema.FOREIGN_KEYS, schema.DROP_FOREIGN_KEYS),
        migrations.RunSQL(schema.EVENT_ORDER, schema.DROP_EVENT_ORDER),
        migrations.RunSQL(schema.REQUESTS, schema.DROP_REQUESTS),
        migrations.RunSQL(schema.GUARDS, schema.DROP_GUARDS),
        migrations.RunSQL(schema.ACCESS, schema.DROP_ACCESS),
        migrations.RunSQL(schema.SAGA_DIRECTORY, schema.DROP_SAGA_DIRECTORY),
        migrations.RunSQL(devices.DEVICES, devices.DROP_DEVICES),
        migrations.RunSQL(intakes.INTAKES, intakes.DROP_INTAKES),
        migrations.RunSQL(access.FOR_EVERYBODY, migrations.RunSQL.noop),
        # Dropping the tables drops their policies and grants.
        migrations.RunPython(_apply_access_rules, migrations.RunPython.noop),
    ]
